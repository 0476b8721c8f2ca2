"""The home: where it is, and that nothing starts in one that cannot be used."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ml_connector.cli.init import write_home
from ml_connector.errors import ConfigurationProblem
from ml_connector.home import Home
from ml_connector.store.vault import new_key

NOBODY = 65534
# A thread that another test left behind does no harm here: the child only opens files, and ends.
forks = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def make(path: Path) -> Home:
    """A home with a vault key and nothing else."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    home = Home.locate({}, path)
    home.key_file.write_text(new_key())
    home.key_file.chmod(0o600)
    return home


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every user can reach, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="home"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def as_nobody(action: Callable[[], object]) -> str:
    """What an action raises when a user without rights does it; root may read and write everything."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        said = "nothing"
        try:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            action()
        except ConfigurationProblem as problem:
            said = str(problem)
        except BaseException as error:
            said = repr(error)
        finally:
            os.write(writing, said.encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        said = answer.read().decode()
    os.waitpid(child, 0)
    return said


def files(path: Path) -> set[str]:
    return {str(entry.relative_to(path)) for entry in path.rglob("*")}


def test_everything_lies_in_the_home_by_default(tmp_path: Path) -> None:
    """One variable is enough."""
    home = Home.locate({"ML_CONNECTOR_HOME": str(tmp_path)})
    assert home.config_path == tmp_path / "connections.yaml"
    assert home.database_url == f"sqlite:///{tmp_path}/ml_connector.db"
    assert home.key_file == tmp_path / "vault.key"
    assert home.dagster_home == tmp_path


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ".ml_connector"),
        ({"DAGSTER_HOME": "/a"}, "/a"),
        ({"DAGSTER_HOME": "/a", "ML_CONNECTOR_HOME": "/b"}, "/b"),
        ({"DAGSTER_HOME": "/a", "ML_CONNECTOR_HOME": ""}, "/a"),
    ],
)
def test_the_home_is_the_first_place_that_is_named(environ: dict[str, str], expected: str) -> None:
    """ML_CONNECTOR_HOME, else DAGSTER_HOME, else ./.ml_connector; a variable without a value is none."""
    assert Home.locate(environ).path == Path(expected).absolute()


def test_every_part_can_lie_elsewhere(tmp_path: Path) -> None:
    """As in production: the configuration and the key are mounted, the database is a server."""
    environ = {
        "ML_CONNECTOR_HOME": str(tmp_path),
        "ML_CONNECTOR_CONFIG": "/etc/connections.yaml",
        "ML_CONNECTOR_DATABASE_URL": "postgresql://user:topsecret@host/db",
        "ML_CONNECTOR_VAULT_KEY_FILE": "/run/secrets/vault.key",
        "DAGSTER_HOME": "/dagster",
    }
    home = Home.locate(environ)
    assert home.config_path == Path("/etc/connections.yaml")
    assert home.database_url == "postgresql://user:topsecret@host/db"
    assert home.key_file == Path("/run/secrets/vault.key")
    assert home.dagster_home == Path("/dagster")


def test_the_repr_of_a_home_shows_neither_key_nor_password() -> None:
    """A home may end up in a log."""
    key = new_key()
    environ = {"ML_CONNECTOR_VAULT_KEY": key, "ML_CONNECTOR_DATABASE_URL": "postgresql://user:topsecret@host/db"}
    shown = repr(Home.locate(environ))
    assert key not in shown
    assert "topsecret" not in shown


def test_children_find_the_same_home_without_being_given_a_secret(tmp_path: Path) -> None:
    """The environment of a process can be read by its user's other processes: the key itself is not passed on."""
    key = new_key()
    home = Home.locate({"ML_CONNECTOR_HOME": str(tmp_path), "ML_CONNECTOR_VAULT_KEY": key})
    passed = home.environment()
    assert key not in passed.values()
    again = Home.locate(passed)
    assert (again.path, again.config_path, again.key_file) == (home.path, home.config_path, home.key_file)


def test_the_key_of_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    """Both may be there while a key is being moved."""
    make(tmp_path)
    key = new_key()
    home = Home.locate({"ML_CONNECTOR_VAULT_KEY": key}, tmp_path)
    assert home.vault_key() != Home.locate({}, tmp_path).vault_key()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """Who reads it can read every stored credential."""
    home = make(tmp_path)
    home.key_file.chmod(mode)
    with pytest.raises(ConfigurationProblem, match="can be read by other users") as caught:
        home.vault_key()
    assert f"chmod 600 {home.key_file}" in caught.value.action


def test_a_missing_key_file_says_how_to_get_one(tmp_path: Path) -> None:
    """It may be a new home, or a lost key: both are answered."""
    home = make(tmp_path)
    home.key_file.unlink()
    with pytest.raises(ConfigurationProblem, match="There is no vault key") as caught:
        home.vault_key()
    assert "ml-connector init" in caught.value.action
    assert "backup" in caught.value.action


def test_a_key_file_that_holds_no_key_is_refused_without_showing_it(tmp_path: Path) -> None:
    """It may hold another secret, put there by mistake."""
    home = make(tmp_path)
    home.key_file.write_text("hunter2")
    with pytest.raises(ConfigurationProblem) as caught:
        home.vault_key()
    assert "hunter2" not in str(caught.value)


def test_a_home_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """A misspelt path must not become a second, empty home."""
    home = Home.locate({}, tmp_path / "missing")
    with pytest.raises(ConfigurationProblem, match="There is no home at") as caught, home.open():
        pass
    assert "ml-connector init" in caught.value.action
    assert files(tmp_path) == set()


def test_a_file_in_place_of_a_home_is_refused(tmp_path: Path) -> None:
    """The sentence names it."""
    (tmp_path / "home").write_text("")
    with pytest.raises(ConfigurationProblem, match="There is no home at"):
        Home.locate({}, tmp_path / "home").check()


@forks
@pytest.mark.parametrize("mode", [0o700, 0o555, 0o311])
def test_a_home_that_cannot_be_read_and_written_is_refused_before_anything_is_written(shared: Path, mode: int) -> None:
    """No permission, only reading, only writing: one sentence that names the folder."""
    if os.getuid() != 0:
        pytest.skip("needs root, to become another user: a user may always change the rights of own files")
    home = make(shared / "home")
    home.path.chmod(mode)
    before = files(home.path)
    said = as_nobody(lambda: home.open().__enter__())
    assert said.startswith(f"{home.path} cannot be read and written by this user.\n")
    assert files(home.path) == before


@forks
@pytest.mark.parametrize("name", ["home", "not there"])
def test_a_home_below_a_folder_that_cannot_be_entered_is_refused(shared: Path, name: str) -> None:
    """Nobody can tell then whether it is there."""
    if os.getuid() != 0:
        pytest.skip("needs root, to become another user: a user may always change the rights of own files")
    home = make(shared / "private" / "home")
    home.path.parent.chmod(0o700)
    meant = Home.locate({}, shared / "private" / name)
    said = as_nobody(lambda: meant.open().__enter__())
    assert said.startswith(f"{meant.path} cannot be read and written by this user.\n")
    said = as_nobody(lambda: write_home(meant, ""))
    assert said.startswith(f"{meant.config_path} cannot be written: Permission denied.\n")


@forks
def test_a_database_file_of_another_user_is_refused_before_anything_is_written(shared: Path) -> None:
    """As after a command was run as root once."""
    if os.getuid() != 0:
        pytest.skip("needs root, to become another user: a user may always change the rights of own files")
    home = make(shared / "home")
    (home.path / "ml_connector.db").touch(mode=0o600)
    home.path.chmod(0o777)
    before = files(home.path)
    said = as_nobody(lambda: home.open().__enter__())
    assert said.startswith(f"{home.path / 'ml_connector.db'} cannot be read and written by this user.\n")
    assert files(home.path) == before


def test_a_home_without_a_configuration_is_refused_before_the_database_is_made(tmp_path: Path) -> None:
    """Nothing is written before everything that can be known is known."""
    home = make(tmp_path)
    with pytest.raises(ConfigurationProblem, match="There is no configuration at"), home.open():
        pass
    assert files(tmp_path) == {"vault.key"}
