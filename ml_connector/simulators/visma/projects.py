"""Projects and their tasks (Visma reference, sections 3 and 7, appendix).

The reference knows that there is a paged list of projects, and how documents show a project and a task: `internalId`,
`id`, `description`. What the list's rows look like it does not say: they are as documents show them, and what they call
the id is a setting. A list of tasks it does not know. What is unknown is refused as an unknown branch is; inferred.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml_connector.simulators.visma.errors import ApiError

Members = dict[str, Any]

_PROJECTS = {
    "P-ABO": ("Abonnement", {"LISENS": "Lisenser", "OPPSTART": "Oppstart"}),
    "P-INT": ("Internt", {"LISENS": "Egne lisenser"}),
    "P-TOM": ("Uten oppgaver", {}),
}
PROJECTS: Mapping[str, Members] = {
    name: {"internalId": 41 + place, "id": name, "description": description}
    for place, (name, (description, _)) in enumerate(_PROJECTS.items())
}
TASKS: Mapping[tuple[str, str], Members] = {
    (name, task): {"internalId": 410 + 10 * place + at, "id": task, "description": description}
    for place, (name, (_, tasks)) in enumerate(_PROJECTS.items())
    for at, (task, description) in enumerate(tasks.items())
}


def check_project(project: str | None, task: str | None) -> None:
    """That they exist, and belong together; 400."""
    if project is not None and project not in PROJECTS:
        raise ApiError(400, f"Error: 'Project' '{project}' cannot be found in the system.")
    if task is not None and (project or "", task) not in TASKS:
        raise ApiError(400, f"Error: 'Project Task' '{task}' cannot be found in the system.")


def project_ref(project: str | None) -> Members | None:
    return dict(PROJECTS[project]) if project else None


def task_ref(project: str | None, task: str | None) -> Members | None:
    return dict(TASKS[project or "", task]) if task else None


def rows(key: str) -> list[Members]:
    """Of the list.

    Args:
        key: what they call the id; `project.id` for one within an object.
    """
    outer, _, inner = key.partition(".")
    return [
        {outer: {inner: name} if inner else name, **{key: value for key, value in row.items() if key != "id"}}
        for name, row in PROJECTS.items()
    ]
