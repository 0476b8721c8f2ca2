"""The documentation says what is so: its commands exist, its examples load, its settings are all of them, its links lead
somewhere, and every failure it lists has its test."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from ml_connector.cli import build
from ml_connector.config import load
from ml_connector.config.blocks import CompanyBlock, SourceBlock, TargetBlock
from ml_connector.systems.registry import sources, targets

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("deploy/*.md")])
COMMAND = typer.main.get_command(build())
CODE_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^(?: {4}).*$", re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def all_pages(function: Any) -> Any:
    return pytest.mark.parametrize("page", PAGES, ids=name_of)(function)


# --- commands --------------------------------------------------------------------------------------------------------


def written_commands(page: Path) -> Iterator[str]:
    """Everything after `ml-connector` that stands in code, up to what is no part of the command."""
    text = page.read_text(encoding="utf-8")
    code = [block[2] for block in CODE_BLOCK.finditer(text)] + INDENTED.findall(text) + INLINE.findall(text)
    for line in "\n".join(code).splitlines():
        match = re.search(r"(?:.*\s|.*\.venv/bin/|^)ml-connector(?: |$)(.*)", line)
        if match:
            yield re.split(r"\s+[<>|#&]|;|\s{2,}|\s=\s", match[1])[0].strip()


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


@cache
def documentation() -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


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


def sections(page: Path) -> dict[str, str]:
    """Heading -> the text below it, up to the next heading."""
    parts = re.split(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(text: str) -> list[list[str]]:
    """The cells of every table row, without headings."""
    lines = [line.strip() for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    heads = {index - 1 for index, row in enumerate(cells) if set("".join(row)) <= set("-: ")}
    return [row for index, row in enumerate(cells) if index not in heads and index - 1 not in heads]


def shown(default: Any) -> str:
    """A default as the tables write it."""
    match default:
        case None:
            return "none"
        case timedelta():
            minutes = int(default.total_seconds()) // 60
            return "`" + (f"{minutes // 60}h" if minutes >= 60 else "") + (f"{minutes % 60}m" if minutes % 60 else "") + "`"
        case _:
            return f"`{default}`"


def settings_of(model: Any) -> dict[str, str]:
    """Setting -> default, of a model and of the models within it."""
    found: dict[str, str] = {}
    if is_dataclass(model):
        return {field.name: shown(field.default) for field in fields(model)}
    for name, field in model.model_fields.items():
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
    systems = {**sources(), **targets()}.values()
    assert table == {system.title: set(system.credentials.model_fields) for system in systems}


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


# --- links, and what has no place in a text --------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    text = CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


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


def project_files() -> list[Path]:
    """What belongs to the project: known to git, or new and not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    )
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


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


@cache
def docstrings_of(path: Path) -> dict[str, str]:
    """Test function -> docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {one.name: ast.get_docstring(one) or "" for one in functions if one.name.startswith("test_")}


def built() -> list[list[str]]:
    return [row for row in rows(FAILURES.read_text(encoding="utf-8")) if PROOF.search(row[-1])]


@pytest.mark.parametrize("row", built(), ids=lambda row: row[0])
def test_every_failure_names_the_tests_that_prove_its_rule(row: list[str]) -> None:
    """The tests exist, and say in their docstring which row they prove."""
    for file, test in PROOF.findall(row[-1]):
        docstrings = docstrings_of(ROOT / "ml_connector_tests" / file)
        assert test in docstrings, f"{file} has no {test}"
        assert re.search(rf"failures\.md\b[^.]*\b{row[0]}\b", docstrings[test]), f"{test} does not say failures.md {row[0]}"


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
