"""`ml-connector init`: a home to start from, and never over something that is there."""

from __future__ import annotations

import resource
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

import ml_connector
from ml_connector.cli.init import template
from ml_connector.home import Home
from ml_connector_tests.cli.conftest import Cli

TOP = Path(ml_connector.__file__).parent.parent


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No home is in force, and the current folder is empty."""
    for name in ("ML_CONNECTOR_HOME", "DAGSTER_HOME", "ML_CONNECTOR_CONFIG", "ML_CONNECTOR_VAULT_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_a_home_has_everything_and_the_next_step_is_said(cli: Cli, tmp_path: Path) -> None:
    """The default is ./.ml_connector, where every other command looks for it."""
    ran = cli("init")
    home = tmp_path / ".ml_connector"
    assert ran.code == 0
    assert {path.name for path in home.iterdir()} == {"connections.yaml", "vault.key", "dagster.yaml", "workspace.yaml"}
    assert f"edit {home / 'connections.yaml'}" in ran.out
    assert "credentials set" in ran.out


def test_the_first_partition_is_todays(cli: Cli, tmp_path: Path) -> None:
    """A day long ago would make the first sync write thousands of empty windows."""
    before = datetime.now(UTC).date()
    cli("init", "there")
    (company,) = yaml.safe_load((tmp_path / "there" / "connections.yaml").read_text())["companies"].values()
    assert company["start"] in (before, datetime.now(UTC).date())


def test_the_vault_key_is_for_its_owner_alone_and_is_not_shown(cli: Cli, tmp_path: Path) -> None:
    """Nor is the home open to others."""
    ran = cli("init", "there")
    home = Home.locate({}, tmp_path / "there")
    assert stat.S_IMODE(home.key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
    assert len(home.vault_key()) == 32
    assert home.key_file.read_text().strip() not in ran.out + ran.err
    assert f"export ML_CONNECTOR_HOME={home.path}\n" in ran.out
    assert f"export DAGSTER_HOME={home.path}\n" in ran.out


def test_what_is_there_is_left_as_it_is(cli: Cli, tmp_path: Path) -> None:
    """A second init of a home that works must not take its key away."""
    cli("init", "there")
    (tmp_path / "there" / "connections.yaml").write_text("mine")
    (tmp_path / "there" / "workspace.yaml").unlink()
    key = (tmp_path / "there" / "vault.key").read_text()
    ran = cli("init", "there", "--json")
    assert {Path(file["path"]).name: file["written"] for file in ran.json["files"]} == {
        "connections.yaml": False,
        "vault.key": False,
        "dagster.yaml": False,
        "workspace.yaml": True,
    }
    assert (tmp_path / "there" / "connections.yaml").read_text() == "mine"
    assert (tmp_path / "there" / "vault.key").read_text() == key


def test_every_home_has_a_key_of_its_own(cli: Cli, tmp_path: Path) -> None:
    """The template has none in it."""
    cli("init", "one")
    cli("init", "two")
    assert (tmp_path / "one" / "vault.key").read_text() != (tmp_path / "two" / "vault.key").read_text()


def test_a_place_that_cannot_be_written_is_named(cli: Cli, tmp_path: Path) -> None:
    """Here a file stands where the folder should be."""
    (tmp_path / "there").write_text("")
    ran = cli("init", "there")
    assert ran.code == 2
    assert ran.parts[0].startswith(f"Error: {tmp_path}/there/connections.yaml cannot be written: ")
    assert len(ran.parts) == 3


def test_a_disk_that_is_full_leaves_no_half_file(cli: Cli, tmp_path: Path) -> None:
    """The next init would leave it as it is. A limit on the length of files stands in for the disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        ran = cli("init", "there")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert ran.code == 2
    assert ran.parts[0] == f"Error: {tmp_path}/there/connections.yaml cannot be written: File too large."
    assert list((tmp_path / "there").iterdir()) == []
    assert cli("init", "there").code == 0


@pytest.mark.parametrize("name", ["dagster.yaml", "workspace.yaml"])
def test_a_home_gets_the_files_that_the_checkout_has(name: str) -> None:
    """They are shipped a second time, inside the package, because an installation has no checkout."""
    assert template(name) == (TOP / name).read_text(encoding="utf-8")
