"""Credentials and personal data appear in nothing that a run leaves behind or shows, however loudly it fails."""

from __future__ import annotations

import base64
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from sqlalchemy import text

from ml_connector.cli.simulators import Simulator
from ml_connector.defs.names import deliver_job, range_tags
from ml_connector.store.vault import parse_key
from ml_connector_tests.faults.site import COMPANY, STOPPED, Site, open_site, switch_on
from ml_connector_tests.loopback import HTTP

CLIENT_SECRET = "kQ7-client-secret-zW3vTn8p"
REFUSED_SECRET = "kQ7-other-secret-Jd6sMf1c"
KEY_FILES = {"vault.key", "vault.key.new"}
HEADER = re.compile(rb"(?i)\b(?:basic|bearer) +[a-z0-9._~+/-]{16,}")
AROUND_AT = 64  # bytes before and behind an @ that are taken for an address
BEFORE_AT = re.compile(rb"[^\s@\"'<>,;:()\\]+\Z")
BEHIND_AT = re.compile(rb"[^\s@\"'<>,;:()\\]+")
SQLITE = b"SQLite format 3"
TRAP = "CREATE TRIGGER trap BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END"


@dataclass(frozen=True)
class Side:
    """A target, and how its account is opened, refuses us in the middle of a delivery, and is opened otherwise.

    Attributes:
        credentials: what the vault holds at first, and what it holds later.
        settings: what the simulator accepts, at first and later; afterwards it accepts neither.
        named: the secrets among the credentials, by their names in a finding.
        refused: the fault that stops a delivery halfway.
        shown: stands in what was sent, where that is shown.
        block: settings of the target that make more calls of less records.
        revoked: what the simulator accepts in the end, and we do not have.
    """

    name: str
    credentials: tuple[Mapping[str, str], Mapping[str, str]]
    settings: tuple[Mapping[str, str], Mapping[str, str]]
    named: Mapping[str, str]
    refused: Mapping[str, Any]
    shown: bytes
    block: str = ""
    revoked: Mapping[str, str] = field(default_factory=lambda: {"access_token": "another"})

    @property
    def target(self) -> str:
        return f"{COMPANY}/{self.name}"

    def account(self, site: Site) -> Simulator:
        found: Simulator = getattr(site, self.name)
        return found


API_KEY = "c0ffee5ec2e7f00dbadc0de5ca1ab1e9-us19"
OAUTH_TOKEN = "mc-oauth-token-Yb5hR2xLq9"
APP_TOKEN = "pat-eu1-5ec2e7f0-0dba-4c0d-a5ca-1ab1e9d0c0de"
SERVICE_KEY = "pat-eu1-b1e55ed0-face-4ab5-9bad-f00d5ca1ab1e"
MAILCHIMP = Side(
    name="mailchimp",
    credentials=({"api_key": API_KEY}, {"access_token": OAUTH_TOKEN}),
    settings=({"api_key": API_KEY, "access_token": OAUTH_TOKEN}, {}),
    named={"the API key": API_KEY, "the OAuth token": OAUTH_TOKEN},
    refused={"path": "/members/|/batches", "after": 5},
    shown=b"email_address",
    block="        batch_above: 2001\n",
)
HUBSPOT = Side(
    name="hubspot",
    credentials=({"access_token": APP_TOKEN}, {"access_token": SERVICE_KEY}),
    settings=({"access_token": APP_TOKEN}, {"access_token": SERVICE_KEY}),
    named={"the app's token": APP_TOKEN, "the service key": SERVICE_KEY},
    refused={"path": "/batch/upsert", "after": 1},
    shown=b"lifecyclestage",
)
SITE_KEY = "live_kQ7c0ffee5ec2e7f00dbadc0de5ca1"
OTHER_SITE_KEY = "live_kQ7b1e55edface4ab59badf00d5ca1"
HOOK_PASSWORD = "kQ7-hook-password-Zr5wLq2x"
_HOOK = {"webhook_user": "chargebee", "webhook_password": HOOK_PASSWORD}
CHARGEBEE = Side(
    name="chargebee",
    credentials=({"api_key": SITE_KEY, **_HOOK}, {"api_key": OTHER_SITE_KEY, **_HOOK}),
    settings=({"api_key": SITE_KEY}, {"api_key": OTHER_SITE_KEY}),
    named={
        "the API key": SITE_KEY,
        "the other API key": OTHER_SITE_KEY,
        "the password of webhooks": HOOK_PASSWORD,
    },
    refused={"path": "/customers", "after": 5},
    shown=b"auto_collection",
    revoked={"api_key": "live_another"},
)
SIDES = (MAILCHIMP, HUBSPOT, CHARGEBEE)
NAMED = {f"{name} of {side.name}": secret for side in SIDES for name, secret in side.named.items()}
CUSTOMERS = 100


@dataclass
class Watched:
    """Commands that ran, what they printed, and what could be seen of them meanwhile.

    Attributes:
        printed: both streams of each command, by its number and arguments.
        last: what the last command printed.
        seen: command lines and environments of all processes while they ran.
        logs: the database's write-ahead log as it was last seen, by the number of the command or sync.
        watched: the processes whose environment was seen.
    """

    site: Site
    folder: Path
    printed: dict[str, bytes] = field(default_factory=dict)
    seen: set[bytes] = field(default_factory=set)
    logs: dict[int, bytes] = field(default_factory=dict)
    started: int = 0
    last: bytes = b""
    watched: set[int] = field(default_factory=set)

    def run(self, *arguments: str, stdin: object = None, module: str = "ml_connector.cli") -> int:
        """Run a command with tracebacks switched on; returns its exit code."""
        self.started += 1
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("ML_", "DAGSTER"))}
        environment |= self.site.home.environment() | {"ML_CONNECTOR_DEBUG": "1"}
        with (self.folder / f"{len(self.printed)}.txt").open("w+b") as printed:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=printed,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=self.folder,
            )
            assert process.stdin is not None
            process.stdin.write(b"" if stdin is None else json.dumps(stdin).encode())
            process.stdin.close()
            while process.poll() is None:
                self.look()
                time.sleep(0.3)
            printed.seek(0)
            self.last = self.printed[f"{self.started} {' '.join(arguments)}"] = printed.read()
        return process.returncode

    def sync(self, *, full: bool = False) -> int:
        """A sync in a process that was forked from a loaded one."""
        self.started += 1
        process = self.site.start_sync(full=full)
        while process.is_alive():
            self.look()
            process.join(0.3)
        assert process.exitcode is not None
        return process.exitcode

    def look(self) -> None:
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended, or is another user's
                self.seen.add((process / "cmdline").read_bytes())
                environment = (process / "environ").read_bytes()
                self.seen.add(environment)
                if str(self.site.home.path).encode() in environment:
                    self.watched.add(int(process.name))
        with suppress(OSError):
            self.logs[self.started] = (self.site.home.path / "ml_connector.db-wal").read_bytes()


@dataclass(frozen=True)
class Aftermath:
    """What is left when everything is over, and what must not be found in it."""

    home: Path
    watched: Watched
    secrets: Mapping[str, Iterable[bytes]]
    addresses: set[bytes]
    names: set[bytes]

    def people(self, content: bytes) -> set[bytes]:
        """The addresses and names of customers in a content."""
        return (set(addresses_in(content)) & self.addresses) | {name for name in self.names if name in content}

    def leaks(self, content: bytes) -> set[str]:
        """The names of the secrets in a content."""
        found = {name for name, forms in self.secrets.items() if any(form in content for form in forms)}
        return found | ({"an authorization header"} if HEADER.search(content) else set())

    def left(self) -> Iterator[tuple[str, bytes]]:
        """Every file below the home except the vault's keys."""
        for path in sorted(self.home.rglob("*")):
            if path.is_file() and path.name not in KEY_FILES:
                yield str(path.relative_to(self.home)), unpacked(path)


def unpacked(path: Path) -> bytes:
    """A file's bytes; behind them, for a database, its values, and what was compressed in them."""
    parts = [path.read_bytes()]
    if parts[0].startswith(SQLITE):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            database.text_factory = bytes
            tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (table,) in tables:
                for row in database.execute(f'SELECT * FROM "{table.decode()}"'):
                    for value in row:
                        if isinstance(value, bytes):
                            parts += [value, inflated(value)]
    return b"\n".join(parts)


def addresses_in(content: bytes) -> Iterator[bytes]:
    """What may be e-mail addresses, in small letters."""
    for at in re.finditer(b"@", content):
        before = BEFORE_AT.search(content, max(0, at.start() - AROUND_AT), at.start())
        behind = BEHIND_AT.match(content, at.end(), at.end() + AROUND_AT)
        if before and behind:
            yield content[before.start() : behind.end()].lower()


def inflated(value: bytes) -> bytes:
    try:
        return zlib.decompress(value)
    except zlib.error:
        return b""


def forms(secret: bytes) -> set[bytes]:
    """A secret as it is, percent-encoded, as hexadecimal, and in base64 wherever in a longer text it may stand."""
    found = {secret, secret.hex().encode(), quote_plus(secret).encode()}
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + secret + b"\0" * (-(before + len(secret)) % 3))
        middle = encoded[4 if before else 0 : -4 if (before + len(secret)) % 3 else None]
        found |= {middle, middle.translate(bytes.maketrans(b"+/", b"-_"))}
    return found


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    """A site after syncs that worked, were stopped by every side, and broke down; all with secrets of their own."""
    targets = tuple(side.name for side in SIDES)
    with open_site(tmp_path_factory.mktemp("site"), CUSTOMERS, targets=targets) as site:
        watched = Watched(site, tmp_path_factory.mktemp("outside"))
        keys = [site.home.key_file.read_text().strip()]
        switch_on(site, payments="records")
        with_own_credentials(watched)
        addresses, names = people_of(watched)
        assert watched.run("check", COMPANY) == 0
        stopped_by_the_targets(watched)
        stopped_by_visma(watched)
        broken_down(watched)
        looked_at(watched)
        other_credentials(watched)
        keys.append(site.home.key_file.read_text().strip())
        assert len(set(keys)) == 2
        with site.home.open() as home:
            landing_key = home.vault.landing_key
        yield Aftermath(
            home=site.home.path,
            watched=watched,
            secrets={
                "the client secret": forms(CLIENT_SECRET.encode()),
                "a refused client secret": forms(REFUSED_SECRET.encode()),
                **{name: forms(secret.encode()) for name, secret in NAMED.items()},
                "an access token": {token_start(site)},
                "a vault key": {form for key in keys for form in forms(key.encode()) | forms(parse_key(key))},
                "the landing key": forms(landing_key),
            },
            addresses=addresses,
            names=names,
        )


def with_own_credentials(watched: Watched) -> None:
    """The accounts' secrets are changed, and entered on standard input."""
    site = watched.site
    settings = site.visma.control("settings", {"client_secret": CLIENT_SECRET})
    visma = {name: settings[name] for name in ("client_id", "client_secret", "tenant_id")}
    assert watched.run("credentials", "set", f"{COMPANY}/visma", stdin=visma) == 0
    for side in SIDES:
        side.account(site).control("settings", side.settings[0])
        assert watched.run("credentials", "set", side.target, stdin=side.credentials[0]) == 0


def stopped_by_the_targets(watched: Watched) -> None:
    """The first sync is refused halfway, and so are runs of Dagster's own, with their logs on the console."""
    site = watched.site
    with_more_calls(watched)
    for side in SIDES:
        side.account(site).control("faults", [{"fault": "expired_token", **side.refused}])
    assert watched.run("sync", COMPANY, "--json") == STOPPED
    config = site.home.config()
    moment = datetime.now(UTC)
    window = config.company(COMPANY).windows.key(moment, moment)
    tags = json.dumps(dict(range_tags(window, window)))
    for side in SIDES:
        job = ["-m", "ml_connector.definitions", "-j", deliver_job(config.target(side.target))]
        assert watched.run("job", "execute", *job, "--tags", tags, module="dagster") != 0
        side.account(site).control("faults", [])
    assert watched.sync() == 0


def with_more_calls(watched: Watched) -> None:
    """Where a target can, every change is a call of its own, so that addresses are under way one by one."""
    path = watched.site.home.config_path
    text = path.read_text()
    for side in SIDES:
        line = f"        system: {side.name}\n"
        text = text.replace(line, line + side.block)
    path.write_text(text)


def stopped_by_visma(watched: Watched) -> None:
    """Torn pages, a token refused for good, and a client secret that is refused."""
    site = watched.site
    site.stir()
    site.visma.control("faults", [{"fault": "torn_json", "path": "/v1/customer$"}])
    assert watched.sync() == STOPPED
    site.visma.control("faults", [{"fault": "expired_token", "path": "/v1/"}])
    assert watched.sync() == STOPPED
    site.visma.control("faults", [])
    site.visma.control("settings", {"client_secret": REFUSED_SECRET})
    assert watched.run("check", COMPANY) == 3
    site.visma.control("settings", {"client_secret": CLIENT_SECRET})


def broken_down(watched: Watched) -> None:
    """The database fails beneath a delivery, and beneath a command that holds credentials in plain text."""
    site = watched.site
    site.stir()
    with trap(site, "record_state"):
        assert watched.sync() == 1
    with trap(site, "credential"):
        for side in SIDES:
            assert watched.run("credentials", "set", side.target, stdin=side.credentials[0]) == 1
            assert b"Traceback" in watched.last
    unfit = {"client_id": "isv_demo", "client_secret": REFUSED_SECRET, "client_secrets": REFUSED_SECRET}
    assert watched.run("credentials", "set", f"{COMPANY}/visma", stdin=unfit) == 2
    assert watched.sync() == 0


@contextmanager
def trap(site: Site, table: str) -> Iterator[None]:
    """Nothing can be inserted into a table within the block."""
    with site.home.open() as home:
        with home.database.begin() as connection:
            connection.execute(text(TRAP.format(table=table)))
        try:
            yield
        finally:
            with home.database.begin() as connection:
                connection.execute(text("DROP TRIGGER trap"))


def looked_at(watched: Watched) -> None:
    """What people ask afterwards; what was sent is shown and exported, outside the home."""
    assert watched.run("problems", "--json") == 0
    (number,) = watched.site.dice.sample(watched.site.ordinary(), 1)
    assert watched.run("record", COMPANY, number, "--payload") == 0
    assert all(side.shown in watched.last for side in SIDES)
    export = watched.folder / "audit.jsonl"
    assert watched.run("audit", "export", "--format", "jsonl", "--payload", "-o", str(export)) == 0
    watched.printed["the export"] = export.read_bytes()
    assert all(side.shown in watched.printed["the export"] for side in SIDES)


def other_credentials(watched: Watched) -> None:
    """The accounts are called with other tokens, which are revoked; the vault gets a new key."""
    site = watched.site
    for side in SIDES:
        side.account(site).control("settings", side.settings[1])
        assert watched.run("credentials", "set", side.target, stdin=side.credentials[1]) == 0
    assert watched.run("check", COMPANY) == 0
    for side in SIDES:
        side.account(site).control("settings", side.revoked)
    site.stir()
    assert watched.sync() == STOPPED
    assert watched.run("check", COMPANY) == STOPPED
    assert watched.run("credentials", "rotate-key") == 0


def people_of(watched: Watched) -> tuple[set[bytes], set[bytes]]:
    """Addresses of all customers, suppliers and contacts, in small letters; of some the names and addresses as texts.

    Texts are found wherever they stand, also where nothing separates them from what stands beside them.
    """
    state = watched.site.visma.control("state?count=100000")
    customers, contacts = state["customers"]["rows"] + state["suppliers"]["rows"], state["contacts"]["rows"]
    blocks = [row.get(block) or {} for row in customers for block in ("mainContact", "invoiceContact")]
    addresses = {str(one.get("email") or "").strip().lower() for one in (*blocks, *contacts)}
    names = {row["name"].strip() for row in customers[::4]} | {row["displayName"] for row in contacts[::4]}
    names |= set(sorted(addresses)[::4])
    written = {form for name in names for form in (name, json.dumps(name)[1:-1]) if len(name) > 7}
    return {one.encode() for one in addresses if "@" in one}, {one.encode() for one in written}


def token_start(site: Site) -> bytes:
    """How every token that this simulator gives out begins: the first part is the same in all of them."""
    settings = site.visma.control("settings")
    form = {name: settings[name] for name in ("client_id", "client_secret", "tenant_id")}
    form["grant_type"] = "client_credentials"
    answer = HTTP.post(f"{site.visma.url}/connect/token", data=form).raise_for_status().json()
    first, dot, _ = str(answer["access_token"]).partition(".")
    return (first + dot).encode()


@pytest.fixture
def planted(aftermath: Aftermath) -> Iterator[Path]:
    """A place for a file in the home, which is gone afterwards."""
    place = aftermath.home / "canary"
    yield place
    place.unlink()


def test_no_file_of_the_home_holds_a_secret(aftermath: Aftermath) -> None:
    """Neither our database nor landings, nor Dagster's events, run logs and what its steps printed."""
    left = dict(aftermath.left())
    assert {"ml_connector.db", "connections.yaml"} <= left.keys()
    assert any(name.startswith("landings/") for name in left)
    assert any(b"STEP_FAILURE" in content and b"disk I/O error" in content for content in left.values())
    assert any(name.startswith("storage/") for name in left), "what the steps printed"
    leaks = {name: found for name, content in left.items() if (found := aftermath.leaks(content))}
    assert leaks == {}


def test_no_command_prints_a_secret(aftermath: Aftermath) -> None:
    """Not in its result, not in an error's three parts, not in a traceback, not in Dagster's log."""
    printed = aftermath.watched.printed
    assert any(b"Traceback" in text for text in printed.values())
    assert any(b"STEP_FAILURE" in text for text in printed.values()), "Dagster's log on the console"
    assert {name: found for name, text in printed.items() if (found := aftermath.leaks(text))} == {}


def test_no_process_shows_a_secret(aftermath: Aftermath) -> None:
    """Command lines and environments were read while the commands ran."""
    watched = aftermath.watched
    assert len(watched.watched) >= 10, "this test needs /proc"
    assert [found for content in watched.seen if (found := aftermath.leaks(content))] == []


def test_addresses_and_names_are_not_kept_in_plain_text(aftermath: Aftermath) -> None:
    """Payloads are encrypted in our database, its write-ahead log and the landings; Dagster never sees any."""
    assert min(len(aftermath.addresses), len(aftermath.names)) > CUSTOMERS / 4
    logs = aftermath.watched.logs
    assert logs, "this test needs a look at the write-ahead log"
    kept = dict(aftermath.left()) | {f"log {number}": log for number, log in logs.items()}
    assert {name: found for name, content in kept.items() if (found := aftermath.people(content))} == {}
    assert {number: leaked for number, log in logs.items() if (leaked := aftermath.leaks(log))} == {}


@pytest.mark.parametrize(
    "hide",
    [
        lambda secret: b"text " + secret + b" text",
        lambda secret: b"Authorization: Basic " + base64.b64encode(b"ml-connector:" + secret),
        lambda secret: b"client_secret=" + quote_plus(secret).encode(),
    ],
    ids=["plain", "basic", "form"],
)
def test_the_search_finds_what_is_planted(aftermath: Aftermath, planted: Path, hide: Any) -> None:
    """A search that finds nothing anywhere would prove nothing."""
    for name, secret in {**NAMED, "the client secret": CLIENT_SECRET}.items():
        planted.write_bytes(hide(secret.encode()))
        assert name in aftermath.leaks(dict(aftermath.left())["canary"])


def test_the_search_looks_into_databases(aftermath: Aftermath, planted: Path) -> None:
    """A compressed value, an address and a name in a table are found."""
    address, name = min(aftermath.addresses), min(aftermath.names)
    kind, secret = min(NAMED.items())
    with closing(sqlite3.connect(planted)) as database, database:
        database.execute("CREATE TABLE event (body BLOB, address TEXT, name TEXT)")
        row = (zlib.compress(b"Bearer " + secret.encode()), address.decode().upper(), name.decode())
        database.execute("INSERT INTO event VALUES (?, ?, ?)", row)
    content = dict(aftermath.left())["canary"]
    assert aftermath.leaks(content) == {kind, "an authorization header"}
    assert {address, name} <= aftermath.people(content)
