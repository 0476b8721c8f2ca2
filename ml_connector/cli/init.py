"""`ml-connector init`: a home to start from."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from ml_connector.cli import output
from ml_connector.cli.arguments import here
from ml_connector.errors import ConfigurationProblem
from ml_connector.home import Home

EXAMPLE = "Example: ml-connector init ./nordic-home"

Folder = Annotated[Path | None, typer.Argument(metavar="DIR", help="The home; by default the one of the environment.")]


def run(folder: Folder = None, as_json: output.AsJson = False) -> None:
    """Write a home: a configuration to edit, a vault key, and what Dagster needs.

    Files that are there already are left as they are.
    """
    home = Home.locate(os.environ, folder) if folder else here()
    written = write_home(home, _from_today_on(template("connections.yaml")))
    if as_json:
        rows = [{"path": str(path), "written": new} for path, new in written.items()]
        output.document({"home": str(home.path), "files": rows})
        return
    columns: output.Columns = {
        "File": lambda item: item[0],
        "What happened": lambda item: "written" if item[1] else "left as it is",
    }
    output.table(columns, written.items())
    output.say()
    output.say(f"Next: edit {home.config_path}; docs/configuration.md explains every setting and target.")
    if home.path != here().path:
        output.say(f"Then: export ML_CONNECTOR_HOME={home.path}")
        output.say(f"      export DAGSTER_HOME={home.dagster_home}")
    output.say("Then: ml-connector credentials set COMPANY/visma, and COMPANY/TARGET for each target; then check.")
    output.say(f"Keep a copy of {home.key_file} in a safe place: without it stored credentials and landings are lost.")


def write_home(home: Home, configuration: str) -> dict[Path, bool]:
    """Write what a home needs and does not have; says of each file whether it was written.

    Raises `ConfigurationProblem` where this user may not write there.
    """
    from ml_connector.store.vault import new_key

    contents = [
        (home.config_path, configuration, 0o644),
        (home.key_file, new_key() + "\n", 0o600),
        (home.dagster_home / "dagster.yaml", template("dagster.yaml"), 0o644),
        (home.path / "workspace.yaml", template("workspace.yaml"), 0o644),
    ]
    return {path: _write(path, text, mode) for path, text, mode in contents}


def _from_today_on(configuration: str) -> str:
    """Partitions begin today: every earlier one would be a missing window for Dagster to show."""
    today = datetime.now(UTC).date().isoformat()
    return re.sub(r"(?m)^(    start:) .*$", rf"\1 {today}", configuration, count=1)


def template(name: str) -> str:
    """The text of a file to start from."""
    return (files("ml_connector.cli") / "templates" / name).read_text(encoding="utf-8")


def _write(path: Path, text: str, mode: int) -> bool:
    """Write a new file, never over an old one; says whether it did."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as error:
        if isinstance(error, FileExistsError) and path.is_file():
            return False
        raise _unwritten(path, error) from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        path.unlink()  # the next init would take half a file for one that is there
        raise _unwritten(path, error) from None
    return True


def _unwritten(path: Path, error: OSError) -> ConfigurationProblem:
    return ConfigurationProblem(
        f"{path} cannot be written: {error.strerror}.",
        "The home is not complete.",
        "Choose a folder that this user may write to and that has space, and run init again: what is there is left as "
        "it is.",
    )
