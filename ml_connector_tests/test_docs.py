"""The documentation says what is so: its commands exist, its examples load, its settings are all of them, its links
lead somewhere, and every failure it lists has its test."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import dagster as dg
import pytest
import typer
import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from ml_connector.cli import build
from ml_connector.config import load
from ml_connector.config.blocks import CompanyBlock, SourceBlock, TargetBlock
from ml_connector.defs.build import build_definitions
from ml_connector.home import Home
from ml_connector.systems.mailchimp.fields import DEFAULT_FIELDS
from ml_connector.systems.registry import sources, systems, targets
from ml_connector_tests.pages import (
    CODE_BLOCK,
    PAGES,
    ROOT,
    anchors,
    docstrings_of,
    documentation,
    name_of,
    project_files,
    rows,
    sections,
    written_commands,
)

COMMAND = typer.main.get_command(build())


def all_pages(function: Any) -> Any:
    return pytest.mark.parametrize("page", PAGES, ids=name_of)(function)


# --- commands --------------------------------------------------------------------------------------------------------


def command_cases() -> list[Any]:
    return [
        pytest.param(command, id=f"{name_of(page)}: {command}")
        for page in PAGES
        for command in dict.fromkeys(written_commands(page))
    ]


@pytest.mark.parametrize("written", command_cases())
def test_every_command_in_the_documentation_exists_with_its_options(written: str) -> None:
    """The command line itself parses it, without running anything."""
    command, words = COMMAND, shlex.split(written)
    context = typer.Context(command, info_name="ml-connector")
    while words and hasattr(command, "commands"):
        assert words[0] in command.commands or words[0] in ("--help", "-h"), f"there is no command {words[0]!r}"
        if words[0] not in command.commands:
            return
        command = command.commands[words.pop(0)]
        context = typer.Context(command, parent=context, info_name=command.name)
    if not words or words == ["--help"]:
        return
    with context:
        command.parse_args(context, words)


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, inner in command.commands.items():
        yield from leaves(inner, (*path, name))


@pytest.mark.parametrize("path", [path for path, _ in leaves(COMMAND)], ids=" ".join)
def test_every_command_is_documented(path: tuple[str, ...]) -> None:
    """A command that the documentation does not name would be found by chance only."""
    assert f"ml-connector {' '.join(path)}" in documentation()


# --- configuration ---------------------------------------------------------------------------------------------------

PLACES: Mapping[str, tuple[str, ...]] = {
    "companies": (),
    "nordic": ("companies",),
    "visma": ("companies", "nordic"),
    "targets": ("companies", "nordic"),
    "members": ("companies", "nordic", "targets", "mailchimp", "flows"),
    "fields": ("companies", "nordic", "targets", "mailchimp", "flows", "members"),
    "where": ("companies", "nordic", "targets", "mailchimp", "flows", "members"),
}
BASE = """
companies:
  nordic:
    timezone: Europe/Oslo
    start: 2026-11-01
    visma: {}
    targets:
      mailchimp:
        system: mailchimp
        audience: a1b2c3d4e5
        flows: {members: {new_member_status: transactional}}
"""


def examples() -> list[Any]:
    return [
        pytest.param(block[2], id=f"{name_of(page)}: line {page.read_text()[: block.start()].count(chr(10)) + 1}")
        for page in PAGES
        for block in CODE_BLOCK.finditer(page.read_text(encoding="utf-8"))
        if block[1] == "yaml"
    ]


def merged(base: Any, over: Any) -> Any:
    if isinstance(base, dict) and isinstance(over, dict):
        return {**base, **{key: merged(base.get(key), value) for key, value in over.items()}}
    return over


@pytest.mark.parametrize("example", examples())
def test_every_yaml_example_loads_as_a_configuration(example: str, tmp_path: Path) -> None:
    """A part of a configuration is put where its first key belongs."""
    data = yaml.safe_load(example)
    path = tmp_path / "connections.yaml"
    if "companies" in data:
        path.write_text(example, encoding="utf-8")
    else:
        for key in reversed(PLACES[next(iter(data))]):
            data = {key: data}
        path.write_text(yaml.safe_dump(merged(yaml.safe_load(BASE), data)), encoding="utf-8")
    assert load(path).companies


def test_the_default_mapping_is_the_one_that_is_shown() -> None:
    """The first example of `fields` is what a configuration without `fields` does."""
    blocks = [block[2] for block in CODE_BLOCK.finditer((ROOT / "docs/mapping.md").read_text(encoding="utf-8"))]
    shown_first = next(block for block in blocks if block.startswith("fields:"))
    assert yaml.safe_load(shown_first)["fields"] == DEFAULT_FIELDS


def shown(default: Any) -> str:
    """A default as the tables write it."""
    match default:
        case None:
            return "none"
        case timedelta():
            minutes = int(default.total_seconds()) // 60
            return (
                "`"
                + (f"{minutes // 60}h" if minutes >= 60 else "")
                + (f"{minutes % 60}m" if minutes % 60 else "")
                + "`"
            )
        case _:
            return f"`{default}`"


def settings_of(model: Any) -> dict[str, str]:
    """Setting -> default, of a model and of the models within it."""
    found: dict[str, str] = {}
    if is_dataclass(model):
        return {field.name: shown(field.default) for field in fields(model)}
    for own_name, field in model.model_fields.items():
        name = field.alias or own_name
        inner = next((one for one in (field.annotation, *get_args(field.annotation)) if _is_model(one)), None)
        if field.is_required():
            found[name] = "required"
        else:
            found[name] = "see below" if inner else shown(field.default)
            assert inner or field.default is not PydanticUndefined
        if inner:
            found |= settings_of(inner)
    return found


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and (issubclass(kind, BaseModel) or is_dataclass(kind))


SETTINGS = {"The company": CompanyBlock, "Every source": SourceBlock, "Every target": TargetBlock}
SETTINGS |= {f"{system.title}: `{system.name}`": system.settings for system in sources().values()}
SETTINGS |= {f"{system.title}: `system: {system.name}`": system.settings for system in targets().values()}


@pytest.mark.parametrize("heading", SETTINGS)
def test_the_tables_hold_every_setting_with_its_default(heading: str) -> None:
    """Nothing is missing, and nothing is there that does not exist any more."""
    written = {row[0].strip("`"): row[1] for row in rows(sections(ROOT / "docs/configuration.md")[heading])}
    assert written == settings_of(SETTINGS[heading])


def test_the_table_of_credentials_holds_every_value() -> None:
    """Each system's row names what its entry in the vault holds."""
    table = {row[0]: set(re.findall(r"`(\w+)`", row[1])) for row in rows(_configuration("Credentials"))}
    assert table == {system.title: set(system.credentials.model_fields) for system in systems().values()}


def test_the_table_of_environment_variables_holds_every_variable() -> None:
    """Variables of tests are no business of an operator's."""
    table = {row[0].strip("`") for row in rows(_configuration("Environment variables"))}
    read = {
        name
        for path in (ROOT / "ml_connector").rglob("*.py")
        for name in re.findall(r"\"((?:ML_CONNECTOR|DAGSTER)_[A-Z_]+)\"", path.read_text(encoding="utf-8"))
    }
    assert table == read - {"ML_CONNECTOR_DIE_AT"}


def _configuration(heading: str) -> str:
    return sections(ROOT / "docs/configuration.md")[heading]


# --- what is seen in Dagster -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    """What Dagster shows of the company that the documentation speaks of."""
    home = tmp_path_factory.mktemp("home")
    (home / "connections.yaml").write_text(BASE, encoding="utf-8")
    return build_definitions(load(home / "connections.yaml"), Home.locate({}, home))


def test_jobs_schedules_and_sensors_have_the_names_that_are_written(definitions: dg.Definitions) -> None:
    """Everything in code that looks like a name of Dagster's is one."""
    repository = definitions.get_repository_def()
    known = {*repository.job_names, *(one.name for one in repository.schedule_defs)}
    known |= {one.name for one in repository.sensor_defs}
    known |= {node.name for job in repository.get_all_jobs() for node in job.nodes}
    written = set(re.findall(r"(?:^|[\s`])(nordic__\w+)", documentation(), re.MULTILINE))
    assert written
    assert written <= known


def test_every_check_is_explained(definitions: dg.Definitions) -> None:
    """Operations say for each check what red means and what to do; and for no other."""
    checks = {key.name for key in definitions.get_repository_def().asset_graph.asset_check_keys}
    explained = {row[0].strip("`") for row in rows(sections(ROOT / "docs/operations.md")["What each check means"])}
    assert explained == checks


def test_the_demo_adds_up_as_it_is_shown() -> None:
    """read = created + updated + unchanged + skipped + rejected + failed, in the documentation too."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    delivered = re.findall(r"^ {4}\d +nordic/mailchimp: members +(.+)$", text, re.MULTILINE)
    assert len(delivered) == 2
    for line in delivered:
        read, *outcomes = (int(number.replace(",", "")) for number in line.split()[:7])
        assert read == sum(outcomes)


# --- links, and what has no place in a text --------------------------------------------------------------------------


@all_pages
def test_links_between_the_pages_lead_somewhere(page: Path) -> None:
    """Files and the headings in them; addresses outside are not called."""
    text = CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link}: there is no such file"
        if anchor:
            assert anchor in anchors(target), f"{link}: there is no such heading"


def test_every_page_can_be_reached_from_the_readme() -> None:
    """Nobody has to look through folders."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name_of(page) for page in PAGES if page.name != "README.md" and f"({name_of(page)})" not in text] == []


def test_no_file_names_this_machine_or_a_package_registry() -> None:
    """What is written on one machine runs on another."""
    unwanted = re.compile(
        r"(?<![\w.])/(?:work|root)/\w|https?://[\w.-]*(?:pypi|pythonhosted|registry|artifactory|nexus)[\w.-]*"
    )
    found = []
    for path in project_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in unwanted.finditer(text)]
    assert found == []


# --- failures --------------------------------------------------------------------------------------------------------

FAILURES = ROOT / "docs/failures.md"
PROOF = re.compile(r"`([\w/]+\.py)::(\w+)`")


def built() -> list[list[str]]:
    return [row for row in rows(FAILURES.read_text(encoding="utf-8")) if PROOF.search(row[-1])]


@pytest.mark.parametrize("row", built(), ids=lambda row: row[0])
def test_every_failure_names_the_tests_that_prove_its_rule(row: list[str]) -> None:
    """The tests exist, and say in their docstring which row they prove."""
    for file, test in PROOF.findall(row[-1]):
        docstrings = docstrings_of(ROOT / "ml_connector_tests" / file)
        assert test in docstrings, f"{file} has no {test}"
        assert re.search(rf"failures\.md\b[^.]*\b{row[0]}\b", docstrings[test]), (
            f"{test} does not say failures.md {row[0]}"
        )


def test_the_failures_are_numbered_without_a_gap() -> None:
    """Each stands in exactly one of the tables: those that are proved, and those of systems that are not built yet."""
    numbers = [int(row[0]) for row in rows(FAILURES.read_text(encoding="utf-8"))]
    assert sorted(numbers) == list(range(1, max(numbers) + 1))


def test_tests_refer_only_to_failures_that_exist() -> None:
    """A number that nobody can look up helps nobody."""
    numbers = {int(row[0]) for row in rows(FAILURES.read_text(encoding="utf-8"))}
    for path in (ROOT / "ml_connector_tests").rglob("test_*.py"):
        for test, docstring in docstrings_of(path).items():
            for number in re.findall(r"failures\.md (\d+)", docstring):
                assert int(number) in numbers, f"{path.name}::{test} refers to {number}"
