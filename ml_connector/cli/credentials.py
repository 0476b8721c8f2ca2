"""`ml-connector credentials`: what the vault holds. Values come by prompt or as JSON on standard input only."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel, SecretStr, ValidationError

from ml_connector.cli import output
from ml_connector.cli.arguments import here
from ml_connector.config import Config, load_tolerant
from ml_connector.errors import ConfigurationProblem
from ml_connector.home import Home

app = typer.Typer(
    help="Store, list and delete credentials; renew the vault key.", epilog="Example: ml-connector credentials list"
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="COMPANY/visma or COMPANY/TARGET, as in connections.yaml.")]
NOTHING_STORED = "Nothing was stored."


@app.command("set", epilog="Example: ml-connector credentials set nordic/mailchimp < key.json")
def set_(name: Name, as_json: output.AsJson = False) -> None:
    """Store the credentials of one account, encrypted.

    On a terminal every value is asked for; otherwise one JSON object is read from standard input. Values are never
    taken as arguments, because other users can see those.
    """
    home = here()
    config = _config(home)
    model = config.account(name).system.credentials
    values = _checked(model, _asked(model) if sys.stdin.isatty() else _read())
    with home.open(config) as opened:
        opened.vault.set_credentials(name, values)
    if as_json:
        output.document({"name": name, "stored": sorted(values)})
    else:
        output.say(f"Stored {', '.join(sorted(values))} of {name}. Try them: ml-connector check {name}")


@app.command("list", epilog="Example: ml-connector credentials list")
def list_(as_json: output.AsJson = False) -> None:
    """Show which accounts have credentials, and which lack them. Values are never shown."""
    home = here()
    config = _config(home)
    with home.open(config) as opened:
        stored = opened.vault.credential_names()
    for problem in config.broken.values():
        output.problem(problem)  # its accounts are in no row, and nobody should take them for missing
    systems = {account.vault: account.system.name for account in config.accounts()}
    rows = [
        {"name": name, "system": systems.get(name), "stored": name in stored, "configured": name in systems}
        for name in sorted({*systems, *stored})
    ]
    if as_json:
        output.document(rows)
    else:
        columns = {"Account": "name", "System": "system", "Stored": "stored", "In connections.yaml": "configured"}
        output.table(columns, rows)


@app.command("delete", epilog="Example: ml-connector credentials delete nordic/mailchimp")
def delete(name: Name, as_json: output.AsJson = False) -> None:
    """Delete the credentials of one account from the vault."""
    home = here()
    with home.open(_config(home)) as opened:
        if not opened.vault.delete_credentials(name):
            known = ", ".join(opened.vault.credential_names()) or "none"
            raise ConfigurationProblem(
                f"The vault holds no credentials named {name}.", "Nothing was deleted.", f"Stored are: {known}."
            )
    if as_json:
        output.document({"name": name, "deleted": True})
    else:
        output.say(
            f"Deleted the credentials of {name}. They still work at the other side until they are revoked there."
        )


@app.command("rotate-key", epilog="Example: ml-connector credentials rotate-key")
def rotate_key(as_json: output.AsJson = False) -> None:
    """Replace the vault key.

    The new key is written to a file first, so that an interruption never leaves the vault without its key.
    """
    from ml_connector.store.vault import new_key, parse_key

    home = here()
    waiting = home.next_key_file
    with home.open(_config(home)) as opened:
        key = new_key()
        _write_key(waiting, key)
        opened.vault.rotate(parse_key(key))
    place = waiting if home.key else waiting.replace(home.key_file)
    if as_json:
        output.document({"rotated": True, "key_file": str(place)})
        return
    output.say(f"The vault has a new key, in {place}. The old one opens nothing any more.")
    if home.key:
        output.say(f"Put the content of {place} into ML_CONNECTOR_VAULT_KEY everywhere, then delete the file.")


def _config(home: Home) -> Config:
    """A company that is broken does not keep the others from getting their credentials."""
    home.check()
    return load_tolerant(home.config_path)


def _asked(model: type[BaseModel]) -> Mapping[str, Any]:
    values = {}
    for name, field in model.model_fields.items():
        optional = "" if field.is_required() else " (leave empty if there is none)"
        hidden = SecretStr in (field.annotation, *getattr(field.annotation, "__args__", ()))
        default = None if field.is_required() else ""
        values[name] = typer.prompt(
            f"{name}{optional}", default=default, show_default=False, hide_input=hidden, err=True
        )
    return {name: value for name, value in values.items() if value}


def _read() -> Mapping[str, Any]:
    try:
        values = json.load(sys.stdin)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise ConfigurationProblem(
            "Standard input is not one JSON object.", NOTHING_STORED, 'Expected something like {"client_id": "..."}.'
        )
    return values


def _checked(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, str]:
    """The values as the vault stores them. What is wrong is named without showing any value."""
    try:
        checked = model.model_validate(values)
    except ValidationError as error:
        wrong = [_wrong(detail["type"], detail["loc"], detail["msg"]) for detail in error.errors(include_input=False)]
        wrong += [f"{name} is unknown" for name in values if name not in model.model_fields and not _named(wrong, name)]
        raise _unfit(model, wrong) from None
    if unknown := [f"{name} is unknown" for name in values if name not in model.model_fields]:
        raise _unfit(model, unknown)
    plain = {name: getattr(checked, name) for name in model.model_fields}
    return {
        name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in plain.items()
        if value is not None
    }


def _wrong(kind: str, location: tuple[int | str, ...], message: str) -> str:
    name = ".".join(str(part) for part in location)
    if kind == "missing":
        return f"{name} is missing"
    if kind == "extra_forbidden":
        return f"{name} is unknown"
    return f"{name}: {message}".removeprefix(": ").replace("Value error, ", "")


def _named(wrong: list[str], name: str) -> bool:
    return any(sentence.startswith(f"{name} ") for sentence in wrong)


def _unfit(model: type[BaseModel], wrong: list[str]) -> ConfigurationProblem:
    expected = [name if field.is_required() else f"[{name}]" for name, field in model.model_fields.items()]
    return ConfigurationProblem(
        f"These credentials cannot be right: {'; '.join(wrong)}.",
        NOTHING_STORED,
        f"Expected: {', '.join(expected)} (those in brackets may be left out).",
    )


def _write_key(path: Path, key: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigurationProblem(
            f"{path} exists: an earlier rotation was interrupted.",
            "The vault key was not changed.",
            "If `ml-connector credentials list` works, delete that file; otherwise move it over the old key.",
        ) from None
    except OSError as error:
        raise ConfigurationProblem(
            f"The new key cannot be written to {path}: {error.strerror}.",
            "The vault key was not changed.",
            "Let this user write to the folder of the vault key.",
        ) from None
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
