"""The receiver: what is let in, that it is stored before it is answered, and what the sender hears otherwise."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from sqlalchemy import create_engine, make_url, select, text

from ml_connector.home import Home
from ml_connector.store.tables import inbox
from ml_connector_tests.loopback import HTTP
from ml_connector_tests.web.conftest import BASIC, TARGET, Receiver, make_home

HEADERS = {"authorization": BASIC, "content-type": "application/json"}


def event(event_id: str = "ev_1", **members: Any) -> bytes:
    return json.dumps({"id": event_id, "object": "event", "api_version": "v2", "content": {}} | members).encode()


def send(receiver: Receiver, body: bytes, url: str = "", **headers: str) -> httpx.Response:
    return HTTP.post(url or receiver.hook, content=body, headers=HEADERS | headers)


def stored(home: Home, event_id: str) -> bytes | None:
    with home.open() as opened:
        return opened.ledger("nordic").inbox("chargebee").body(event_id)


@contextmanager
def refusing(server: str, url: str) -> Iterator[None]:
    """Meanwhile the database of `url` refuses connections, and those that it had are gone; `server`: another one's."""
    name = make_url(url).database
    engine = create_engine(make_url(server).set(drivername="postgresql+psycopg2"), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
            cut = text("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = :name")
            connection.execute(cut, {"name": name})
            yield
            connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    finally:
        engine.dispose()


def test_an_event_is_stored_as_it_came_before_it_is_answered(receiver: Receiver, home: Home) -> None:
    """Byte for byte, and encrypted at rest."""
    body = event("ev_raw", source="api", text="Tromsø")
    assert send(receiver, body).status_code == 200
    assert stored(home, "ev_raw") == body
    assert "Tromsø".encode() not in (home.path / "ml_connector.db").read_bytes()


def test_a_repeated_event_changes_nothing(receiver: Receiver, home: Home) -> None:
    """failures.md 26: duplicates answer 200."""
    assert [send(receiver, event("ev_twice", turn=turn)).status_code for turn in (1, 2)] == [200, 200]
    assert b'"turn": 1' in (stored(home, "ev_twice") or b"")


@pytest.mark.parametrize(
    "authorization",
    ["", "Basic", "Basic !!!", "Bearer abc", "Basic Y2I6ZmFsc2s=", "Basic OmhlbW1lbGln", "Basic Y2I="],
)
def test_wrong_credentials_are_refused(receiver: Receiver, home: Home, authorization: str) -> None:
    """failures.md 27: nothing is stored, whatever the body is."""
    answer = send(receiver, event("ev_wrong"), authorization=authorization)
    assert (answer.status_code, stored(home, "ev_wrong")) == (401, None)


@pytest.mark.parametrize("path", ["nordic/nothing", "nobody/chargebee", "nordic/chargebee_to_visma"])
def test_an_unknown_target_looks_like_wrong_credentials(receiver: Receiver, path: str) -> None:
    """Nobody learns which targets there are."""
    right, wrong = (
        send(receiver, event(), f"{receiver.url}/webhooks/{path}", authorization=authorization)
        for authorization in (BASIC, "Basic eDp4")
    )
    assert (right.status_code, right.content) == (wrong.status_code, wrong.content) == (401, b"")


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (event(), "text/plain", 415),
        (b"", "application/json", 400),
        (b"not json", "application/json", 400),
        (b"[]", "application/json", 400),
        (event(api_version="v1"), "application/json", 400),
        (event(object="customer"), "application/json", 400),
        (event(event_id="x" * 300), "application/json", 400),
        (b"x" * 1_000_001, "application/json", 413),
    ],
)
def test_what_is_no_event_is_refused(receiver: Receiver, body: bytes, content_type: str, status: int) -> None:
    assert send(receiver, body, **{"content-type": content_type}).status_code == status


def test_only_posts_are_taken(receiver: Receiver) -> None:
    assert HTTP.get(receiver.hook, headers=HEADERS).status_code == 405


def test_a_database_that_cannot_be_written_answers_503(start_receiver: Callable[..., Receiver], tmp_path: Any) -> None:
    """The sender comes again; nothing is answered with 200 that is not stored."""
    home = make_home(tmp_path / "locked")
    receiver = start_receiver(home)
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('BEGIN EXCLUSIVE'); print('held', flush=True); sys.stdin.readline()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(home.path / "ml_connector.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        holder.stdout.readline()
        with ThreadPoolExecutor() as at_once:
            health = at_once.submit(HTTP.get, f"{receiver.url}/healthz", timeout=60)
            refused = send(receiver, event("ev_locked"))
            assert health.result().status_code == 503
        holder.stdin.write("\n")
        holder.stdin.close()
    assert refused.status_code == 503
    assert send(receiver, event("ev_locked")).status_code == 200
    assert stored(home, "ev_locked") is not None


@pytest.fixture
def on_postgresql(
    new_postgres: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Home, str]:
    """A home whose ledger is in a new database, and the database's address."""
    url = new_postgres()
    monkeypatch.setenv("ML_CONNECTOR_DATABASE_URL", url)
    return make_home(tmp_path / "postgres", ML_CONNECTOR_DATABASE_URL=url), url


def test_events_are_stored_once_on_postgresql(
    start_receiver: Callable[..., Receiver], on_postgresql: tuple[Home, str]
) -> None:
    """Where the receiver and the daemon are on hosts of their own; many at once, each twice."""
    home, _ = on_postgresql
    receiver = start_receiver(home)
    names = [f"ev_{number}" for number in range(50)] * 2
    with ThreadPoolExecutor(8) as at_once:
        answers = list(at_once.map(lambda name: send(receiver, event(name)).status_code, names))
    assert set(answers) == {200}
    with home.open() as opened, opened.database.connect() as connection:
        assert sorted(connection.execute(select(inbox.c.event_id)).scalars()) == sorted(set(names))
    assert HTTP.get(f"{receiver.url}/healthz").status_code == 200


def test_a_postgresql_that_refuses_connections_answers_503_until_it_is_back(
    start_receiver: Callable[..., Receiver], on_postgresql: tuple[Home, str], postgres_url: str
) -> None:
    """Before the credentials were read and after; the receiver needs no new start, and nothing is stored twice."""
    home, url = on_postgresql
    receiver = start_receiver(home)
    for name in ("ev_unread", "ev_unstored"):
        with refusing(postgres_url, url):
            assert send(receiver, event(name)).status_code == 503
            assert HTTP.get(f"{receiver.url}/healthz").status_code == 503
        assert send(receiver, event(name)).status_code == 200
        assert HTTP.get(f"{receiver.url}/healthz").status_code == 200
    with home.open() as opened, opened.database.connect() as connection:
        assert sorted(connection.execute(select(inbox.c.event_id)).scalars()) == ["ev_unread", "ev_unstored"]


def test_new_credentials_count_while_it_runs(start_receiver: Callable[..., Receiver], tmp_path: Any) -> None:
    home = make_home(tmp_path / "changed")
    receiver = start_receiver(home)
    with home.open() as opened:
        opened.vault.set_credentials(TARGET, {"api_key": "k", "webhook_user": "new", "webhook_password": "other"})
    new = "Basic bmV3Om90aGVy"
    for _ in range(100):
        if send(receiver, event("ev_new"), authorization=new).status_code == 200:
            break
    assert send(receiver, event("ev_new"), authorization=BASIC).status_code == 401


def test_it_ends_in_good_order_and_says_nothing_of_what_it_received(
    start_receiver: Callable[..., Receiver], tmp_path: Any
) -> None:
    """Neither credentials nor bodies stand in what it printed."""
    home = make_home(tmp_path / "quiet")
    receiver = start_receiver(home)
    send(receiver, event("ev_secret", text="Kari"))
    send(receiver, event("ev_secret"), authorization="Basic eDp4")
    code, printed = receiver.end()
    assert code == 0
    assert not any(secret in printed for secret in ("hemmelig", "Kari", "eDp4", "ev_secret"))


def test_it_loads_no_dagster() -> None:
    """The receiver is a small process of its own."""
    code = "import sys, ml_connector.web.serving, ml_connector.cli.webhooks; sys.exit('dagster' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_port_in_use_and_a_configuration_without_webhooks_are_named(receiver: Receiver, tmp_path: Any) -> None:
    """In three parts, with exit code 2."""
    environment = {**os.environ, **receiver.home.environment()}
    command = [sys.executable, "-m", "ml_connector.cli", "webhooks", "--port", str(receiver.port)]
    taken = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (taken.returncode, "choose another one with --port" in taken.stderr) == (2, True)
    home = make_home(tmp_path / "none")
    document = yaml.safe_load(home.config_path.read_text())
    del document["companies"]["nordic"]["targets"]["chargebee"]["events"]
    home.config_path.write_text(yaml.safe_dump(document))
    command[-1] = "1"
    none = subprocess.run(
        command, env={**environment, **home.environment()}, capture_output=True, text=True, check=False
    )
    assert (none.returncode, "sends webhooks" in none.stderr) == (2, True), none.stderr


def test_missing_credentials_of_webhooks_are_named(tmp_path: Path) -> None:
    """In three parts, with exit code 2, before it listens: every call would be refused."""
    home = make_home(tmp_path / "home")
    with home.open() as opened:
        opened.vault.set_credentials(TARGET, {"api_key": "test_key"})
    command = [sys.executable, "-m", "ml_connector.cli", "webhooks", "--port", "1"]
    environment = {**os.environ, **home.environment()}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, "credentials set nordic/chargebee" in ended.stderr) == (2, True), ended.stderr
