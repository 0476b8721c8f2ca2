"""Whatever a person does with the command, no secret is left in anything that it leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ml_connector.home import Home
from ml_connector_tests.cli.conftest import FIRST, REFUSED, TARGET, Cli, World

EVERYTHING = [
    ("credentials", "list"),
    ("check",),
    ("setup", TARGET, "--yes"),
    ("preview", TARGET),
    ("sync", "nordic"),
    ("status",),
    ("problems",),
    ("record", "nordic", FIRST),
    ("replay", TARGET, "--record", FIRST),
    ("audit", "export"),
    ("audit", "verify"),
    ("credentials", "rotate-key"),
]


@pytest.fixture
def left_behind(cli: Cli, empty_home: Home, world: World) -> dict[str, bytes]:
    """All that was printed and written in a life from the first credentials to a target that refuses them.

    The vault key's own file is the one place where a secret belongs.
    """
    world.change("10002", mainContact={"email": REFUSED})
    printed = []
    for name, simulator in (("nordic/visma", world.visma), (TARGET, world.mailchimp)):
        printed.append(cli("credentials", "set", name, stdin=json.dumps(simulator.credentials)))
    printed += [cli(*command) for command in EVERYTHING]
    printed += [cli(*command, "--json") for command in EVERYTHING]
    world.settings("mailchimp", api_key="00000000000000000000000000000000-us19")
    world.settings("visma", client_secret="changed")
    printed += [cli(*command) for command in (("check",), ("sync", "nordic"), ("replay", TARGET, "--record", FIRST))]
    found = {f"output {number}": (ran.out + ran.err).encode() for number, ran in enumerate(printed)}
    for path in empty_home.path.rglob("*"):
        if path.is_file() and path != empty_home.key_file:
            found[str(path)] = path.read_bytes()
    assert len(found) > len(printed) + 10
    return found


def test_no_secret_and_no_personal_data_is_left_in_plain_text(
    left_behind: dict[str, bytes], empty_home: Home, world: World
) -> None:
    """Searched in every file, Dagster's logs and databases included; secrets also in all that was printed.

    Names and addresses lie encrypted in landings, ledger and audit.
    """
    secrets = [
        world.visma.credentials["client_secret"],
        world.mailchimp.credentials["api_key"],
        empty_home.key_file.read_text().strip(),
        "eyJhbGciOi",  # how the tokens begin
        "Bearer ",
    ]
    assert where(left_behind, secrets) == []
    people = [member["email_address"] for member in world.members()]
    assert len(people) > 10
    written = {place: content for place, content in left_behind.items() if Path(place).is_absolute()}
    assert where(written, [*people, REFUSED]) == []


def where(found: dict[str, bytes], words: list[str]) -> list[tuple[str, str]]:
    return [(word, place) for place, content in found.items() for word in words if word.encode() in content]
