"""The home: where one installation keeps its configuration, its database, its vault key and its landings.

HOME/connections.yaml   or ML_CONNECTOR_CONFIG
HOME/ml_connector.db    or ML_CONNECTOR_DATABASE_URL
HOME/vault.key          or ML_CONNECTOR_VAULT_KEY, ML_CONNECTOR_VAULT_KEY_FILE
HOME/landings/
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from ml_connector.errors import ConfigurationProblem

if TYPE_CHECKING:  # the store brings SQLAlchemy and pyarrow, which a help text does not need
    from ml_connector.config import Config
    from ml_connector.store.database import Database
    from ml_connector.store.landing import Landings
    from ml_connector.store.ledger import Ledger
    from ml_connector.store.vault import Vault

DEFAULT = Path(".ml_connector")


@dataclass(frozen=True, slots=True)
class Home:
    """Where everything is; finding it out opens nothing.

    Attributes:
        path: the home, absolute.
        config_path: connections.yaml.
        database_url: as SQLAlchemy reads it; may hold a password.
        key: the vault key itself, where the environment gives it.
        key_file: the file that holds it otherwise.
        dagster_home: where Dagster keeps its own things.
    """

    path: Path
    config_path: Path
    database_url: str = field(repr=False)
    key: SecretStr | None
    key_file: Path
    dagster_home: Path

    @classmethod
    def locate(cls, environ: Mapping[str, str], path: Path | None = None) -> Home:
        """The home that the environment names; `path` goes before it."""

        def named(variable: str) -> Path | None:
            text = environ.get(variable)
            return Path(text).expanduser() if text else None

        home = (path or named("ML_CONNECTOR_HOME") or named("DAGSTER_HOME") or DEFAULT).absolute()
        key = environ.get("ML_CONNECTOR_VAULT_KEY")
        return cls(
            path=home,
            config_path=(named("ML_CONNECTOR_CONFIG") or home / "connections.yaml").absolute(),
            database_url=environ.get("ML_CONNECTOR_DATABASE_URL") or f"sqlite:///{home / 'ml_connector.db'}",
            key=SecretStr(key) if key else None,
            key_file=(named("ML_CONNECTOR_VAULT_KEY_FILE") or home / "vault.key").absolute(),
            dagster_home=(named("DAGSTER_HOME") or home).absolute(),
        )

    @property
    def next_key_file(self) -> Path:
        """Where a new key waits while the vault is changed over to it."""
        return self.key_file.with_name(f"{self.key_file.name}.new")

    def environment(self) -> dict[str, str]:
        """What a child process needs to find the same home. Holds no secret: a key in the environment is inherited."""
        return {
            "ML_CONNECTOR_HOME": str(self.path),
            "ML_CONNECTOR_CONFIG": str(self.config_path),
            "ML_CONNECTOR_VAULT_KEY_FILE": str(self.key_file),
            "DAGSTER_HOME": str(self.dagster_home),
        }

    def config(self) -> Config:
        """The configuration, strictly. Raises `ConfigurationProblem`."""
        from ml_connector.config import load

        self.check()
        return load(self.config_path)

    def check(self) -> None:
        """Raises `ConfigurationProblem` where the home is missing or cannot be used by this user."""
        try:
            there = self.path.is_dir()
        except PermissionError:  # of a folder above it: the home may be there, and cannot be used
            there = True
        if not there:
            raise ConfigurationProblem(
                f"There is no home at {self.path}.",
                "Nothing was started and nothing was written.",
                "Make one with `ml-connector init`, or set ML_CONNECTOR_HOME to where it is.",
            )
        for path in self._used():
            if not (os.access(path, os.R_OK | os.W_OK) and (path.is_file() or os.access(path, os.X_OK))):
                raise ConfigurationProblem(
                    f"{path} cannot be read and written by this user.",
                    "Nothing was started and nothing was written.",
                    f"Run ml-connector as the user who owns it, or give it to this one: chown -R USER {self.path}",
                )

    def vault_key(self) -> bytes:
        """The key that opens the vault. Raises `ConfigurationProblem`."""
        from ml_connector.store.vault import parse_key

        return parse_key(self.key.get_secret_value() if self.key else self._key_from_file())

    @contextmanager
    def open(self, config: Config | None = None) -> Iterator[OpenHome]:
        """Everything opened, the database migrated; closed again at the end.

        `config` is one that was loaded already; without it the file is loaded strictly. Raises `ConfigurationProblem`
        before anything is written where the home, the configuration, the key or the database is not as it has to be.
        """
        from ml_connector.store.database import Database
        from ml_connector.store.landing import Landings

        self.check()
        config = config or self.config()
        key = self.vault_key()
        database = Database.open(self.database_url)
        try:
            vault = self._unlock(database, key)
            yield OpenHome(self, config, database, vault, Landings(self.path / "landings", vault.landing_key))
        finally:
            database.close()

    def _unlock(self, database: Database, key: bytes) -> Vault:
        from ml_connector.store.vault import Vault

        try:
            return Vault.open(database, key)
        except ConfigurationProblem as problem:
            if not self.next_key_file.exists():
                raise
            raise ConfigurationProblem(
                problem.what,
                f"{problem.meaning} A change of the key was interrupted: the new one lies in {self.next_key_file}.",
                f"Move {self.next_key_file} over {self.key_file}, and try again.",
            ) from None

    def _used(self) -> Iterator[Path]:
        """The home, and then what is in it already: only once the home can be entered, that can be known."""
        yield self.path
        yield from (path for name in ("ml_connector.db", "landings") if (path := self.path / name).exists())

    def _key_from_file(self) -> str:
        try:
            mode = self.key_file.stat().st_mode
            if stat.S_IMODE(mode) & 0o077:
                raise ConfigurationProblem(
                    f"The vault key {self.key_file} can be read by other users (mode {stat.S_IMODE(mode):04o}).",
                    "Nothing was started: who reads this file can read every stored credential.",
                    f"Run `chmod 600 {self.key_file}`; if others may have read it, then "
                    "`ml-connector credentials rotate-key`.",
                )
            return self.key_file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            raise ConfigurationProblem(
                f"There is no vault key at {self.key_file}.",
                "Nothing was started: stored credentials and landings cannot be opened without their key.",
                "For a new home run `ml-connector init`; otherwise put the key back from its backup, or set "
                "ML_CONNECTOR_VAULT_KEY.",
            ) from None
        except (OSError, UnicodeDecodeError):
            raise ConfigurationProblem(
                f"The vault key {self.key_file} cannot be read.",
                "Nothing was started: stored credentials and landings cannot be opened without their key.",
                "Run ml-connector as the user who owns the file.",
            ) from None


@dataclass(frozen=True, slots=True)
class OpenHome:
    """A home with its database and its vault open."""

    home: Home
    config: Config
    database: Database
    vault: Vault
    landings: Landings

    def ledger(self, company: str) -> Ledger:
        from ml_connector.store.ledger import Ledger

        return Ledger(self.database, self.vault, self.landings, company)
