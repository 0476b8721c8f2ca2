"""The demo's home: ./.demo, made anew each time, leading to simulators instead of the real systems."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template

from filelock import FileLock, Timeout

from ml_connector.accounts import connect_target
from ml_connector.cli.init import template, write_home
from ml_connector.cli.simulators import Simulator
from ml_connector.errors import BusyProblem, ConfigurationProblem
from ml_connector.home import Home, OpenHome

PLACE = Path(".demo")
COMPANY = "nordic"
TARGETS = ("mailchimp", "hubspot", "chargebee")  # by the names of their simulators, in the order of the configuration
DOCUMENTS_OF = timedelta(days=90)  # up to today: older invoices stay where they are
MARK = ".demo.lock"  # also says that the folder is ours to delete


@contextmanager
def fresh(path: Path = PLACE) -> Iterator[Home]:
    """An empty home that nobody else uses, in force for this process and its children.

    Raises `BusyProblem` while another demo runs here, and `ConfigurationProblem` where the folder is not a demo's.
    """
    path = path.absolute()
    if path.exists() and not (path / MARK).exists():
        raise ConfigurationProblem(
            f"{path} exists and was not made by a demo.",
            "Nothing was started: the demo would delete it.",
            "Move it away, or run the demo in another folder.",
        )
    path.mkdir(mode=0o700, exist_ok=True)
    lock = FileLock(path / MARK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise BusyProblem(
            f"Another demo runs in {path}.", "Nothing was started.", "Wait until it has ended, or stop it with Ctrl-C."
        ) from None
    with lock:
        for entry in path.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != MARK:
                entry.unlink()
        home = Home.locate({}, path)
        with _in_force(home):
            yield home


def furnish(home: Home, running: Mapping[str, Simulator]) -> None:
    """Write the configuration for these simulators, the vault key, and what Dagster needs."""
    blocks = [template(f"demo_{name}.yaml") for name in TARGETS if name in running]
    values = {name: simulator.url for name, simulator in running.items()}
    for name, setting, said in (
        ("visma", "company_id", "company_id"),
        ("mailchimp", "audience", "audience"),
        ("hubspot", "portal", "portal_id"),
    ):
        if name in running:
            values[setting] = running[name].settings[said]
    text = Template("".join([template("demo.yaml"), *blocks]))
    today = datetime.now(UTC).date()
    values |= {"start": today.isoformat(), "from": (today - DOCUMENTS_OF).isoformat()}
    write_home(home, text.substitute(values))


def give_credentials(home: OpenHome, running: Mapping[str, Simulator]) -> None:
    """Store what the simulators accept."""
    for name, simulator in running.items():
        home.vault.set_credentials(f"{COMPANY}/{name}", simulator.credentials)


def set_up(home: OpenHome) -> int:
    """Create what the targets lack; says how many things that were."""
    made = 0
    for target in home.config.company(COMPANY).targets.values():
        with connect_target(home, target) as account:
            for step in account.setup():
                step.apply()
                made += 1
    return made


@contextmanager
def _in_force(home: Home) -> Iterator[None]:
    """Point the environment at this home alone: Dagster and children read it, and no real home is touched."""
    before = dict(os.environ)
    for name in ("ML_CONNECTOR_DATABASE_URL", "ML_CONNECTOR_VAULT_KEY"):
        os.environ.pop(name, None)
    os.environ.update(home.environment())
    for name in ("NO_PROXY", "no_proxy"):  # the simulators are on this machine, whatever proxy leads out of it
        os.environ[name] = ",".join(filter(None, ["127.0.0.1", "localhost", os.environ.get(name)]))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
