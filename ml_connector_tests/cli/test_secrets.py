"""Whatever a person does with the command, no secret is left in anything that it leaves behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ml_connector.cli.demo_home import furnish
from ml_connector.cli.simulators import Simulator
from ml_connector.home import Home
from ml_connector.simulators import hubspot
from ml_connector.simulators.server import serve
from ml_connector_tests.cli.conftest import FIRST, REFUSED, Cli, World

EVERYTHING = [
    ("credentials", "list"),
    ("check",),
    ("setup", "TARGET", "--yes"),
    ("preview", "TARGET"),
    ("sync", "nordic"),
    ("status",),
    ("problems",),
    ("record", "nordic", FIRST),
    ("replay", "TARGET", "--record", FIRST),
    ("audit", "export"),
    ("audit", "verify"),
    ("credentials", "rotate-key"),
]
PHONE = "+4798765432"
REFUSING = [("check",), ("sync", "nordic"), ("replay", "TARGET", "--record", FIRST)]


@dataclass(frozen=True)
class Side:
    """The target that a home leads to.

    Attributes:
        refused: an address that it does not take.
        others: what its simulator accepts afterwards instead of what the vault holds.
    """

    simulator: Simulator
    refused: str
    others: dict[str, str]

    @property
    def target(self) -> str:
        return f"nordic/{self.simulator.name}"

    def command(self, words: tuple[str, ...]) -> list[str]:
        return [self.target if word == "TARGET" else word for word in words]


@pytest.fixture(params=["mailchimp", "hubspot"])
def side(request: pytest.FixtureRequest, empty_home: Home, world: World) -> Iterator[Side]:
    """The home leads to this target alone, and has no credentials yet."""
    if request.param == "mailchimp":
        yield Side(world.mailchimp, REFUSED, {"api_key": "00000000000000000000000000000000-us19"})
        return
    with serve(hubspot.create_app(hubspot.HubspotSettings())) as served:
        settings = Simulator("hubspot", served.url, {}).control("settings")
        simulator = Simulator("hubspot", served.url, settings)
        empty_home.config_path.unlink()
        furnish(empty_home, {"visma": world.visma, "hubspot": simulator})
        plain = empty_home.config_path.read_text()
        matched = plain.replace("companies: {}", "companies: {match: {phone: main_contact.phone1}}")
        assert matched != plain
        empty_home.config_path.write_text(matched)
        world.change("10003", mainContact={"phone1": PHONE})
        for name in ("A", "B"):  # the customer fits both, so a rejection says why
            simulator.control("records/companies", {"name": name, "phone": PHONE})
        simulator.control("search-index", {})
        yield Side(simulator, "kari@@nordfisk.no", {"access_token": "pat-eu1-another"})


@pytest.fixture
def left_behind(cli: Cli, empty_home: Home, world: World, side: Side) -> dict[str, bytes]:
    """All that was printed and written in a life from the first credentials to a target that refuses them.

    The vault key's own file is the one place where a secret belongs.
    """
    world.change("10002", mainContact={"email": side.refused})
    printed = []
    for name, simulator in (("nordic/visma", world.visma), (side.target, side.simulator)):
        printed.append(cli("credentials", "set", name, stdin=json.dumps(simulator.credentials)))
    printed += [cli(*side.command(words)) for words in EVERYTHING]
    assert printed[-1].code == 0, printed[-1].err
    printed += [cli(*side.command(words), "--json") for words in EVERYTHING]
    side.simulator.control("settings", side.others)
    world.settings("visma", client_secret="changed")
    printed += [cli(*side.command(words)) for words in REFUSING]
    assert all(ran.code for ran in printed[-len(REFUSING) :])
    found = {f"output {number}": (ran.out + ran.err).encode() for number, ran in enumerate(printed)}
    for path in empty_home.path.rglob("*"):
        if path.is_file() and path != empty_home.key_file:
            found[str(path)] = path.read_bytes()
    assert len(found) > len(printed) + 10
    return found


def test_no_secret_and_no_personal_data_is_left_in_plain_text(
    left_behind: dict[str, bytes], empty_home: Home, world: World, side: Side
) -> None:
    """Searched in every file, Dagster's logs and databases included; secrets also in all that was printed.

    Names and addresses lie encrypted in landings, ledger and audit.
    """
    secrets = [
        world.visma.credentials["client_secret"],
        *side.simulator.credentials.values(),
        empty_home.key_file.read_text().strip(),
        "eyJhbGciOi",  # how the tokens begin
        "Bearer ",
    ]
    assert where(left_behind, secrets) == []
    people = people_at(side)
    assert len(people) > 10
    if side.simulator.name == "hubspot":
        assert where(left_behind, ["companies at HubSpot have this customer's phone"])
    written = {place: content for place, content in left_behind.items() if Path(place).is_absolute()}
    assert where(written, [*people, side.refused, PHONE]) == []


def people_at(side: Side) -> list[str]:
    """The addresses that arrived at the target."""
    if side.simulator.name == "mailchimp":
        return [member["email_address"] for member in side.simulator.control("members")["members"]]
    records = side.simulator.control("records/contacts?count=1000")["records"]
    return [record["properties"]["email"] for record in records]


def where(found: dict[str, bytes], words: list[str]) -> list[tuple[str, str]]:
    return [(word, place) for place, content in found.items() for word in words if word.encode() in content]
