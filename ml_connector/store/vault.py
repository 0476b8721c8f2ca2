"""Secrets and payloads at rest.

One random data key seals everything (AES-256-GCM). It is stored once, sealed with the vault key, which stands outside
the database; so changing the vault key seals 32 bytes anew and nothing else. A sealed value is bound to its context
(the place it belongs to): moved elsewhere it does not open.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import delete, select, update

from ml_connector.errors import ConfigurationProblem, Problem
from ml_connector.store.database import Database
from ml_connector.store.tables import credential, data_key

KEY_PREFIX = "mlc-vault-key-1-"
KEY_BYTES = 32
FORMAT = b"\x01"  # format of a sealed value: this byte, the nonce, ciphertext with tag
NONCE_BYTES = 12
DATA_KEY_CONTEXT = "data_key"


class SealProblem(Problem):
    """A stored value does not open: it was altered, or belongs elsewhere."""


def new_key() -> str:
    """A new random vault key, as text."""
    return KEY_PREFIX + base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode().rstrip("=")


def parse_key(text: str) -> bytes:
    """The 32 bytes of a vault key given as text; white space around it does not matter.

    Raises:
        ConfigurationProblem: it is no vault key. The text itself is never shown.
    """
    words = text.strip()
    if not words:
        raise _no_key("The vault key is empty.")
    if not words.startswith(KEY_PREFIX):
        raise _no_key(f"The vault key does not begin with {KEY_PREFIX}.")
    body = words.removeprefix(KEY_PREFIX)
    try:
        key = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _no_key("The vault key holds characters that do not belong into one, or was cut.") from None
    if len(key) != KEY_BYTES:
        raise _no_key("The vault key has the wrong length: it was cut, or something was added.")
    return key


class Vault:
    """Seals and opens values, and keeps the credentials.

    Attributes:
        landing_key: 32 bytes, for the landing files.
    """

    def __init__(self, database: Database, key: bytes, data: bytes) -> None:
        self._database = database
        self._key = key
        self._data_key = data
        self._cipher = AESGCM(_derive(data, b"values"))
        self._hash_key = _derive(data, b"hashes")
        self.landing_key = _derive(data, b"landings")

    @classmethod
    def open(cls, database: Database, key: bytes) -> Self:
        """Open the database's vault; a new database gets its data key.

        Raises:
            ConfigurationProblem: the vault was made with another key. Nothing was written.
        """
        sealed = _stored(database)
        if sealed is None:
            row = {"id": 1, "sealed": _seal_data_key(key, os.urandom(KEY_BYTES)), "created_at": datetime.now(UTC)}
            with database.begin() as connection:
                database.upsert(connection, data_key, [row], [])  # of two that open it at once, one wins
            sealed = _stored(database)
        return cls(database, key, _open_data_key(key, sealed or b""))

    def seal(self, data: bytes, context: str) -> bytes:
        """Encrypt; only `unseal` with the same context gives the data back."""
        nonce = os.urandom(NONCE_BYTES)
        return FORMAT + nonce + self._cipher.encrypt(nonce, data, context.encode())

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """The data behind a sealed value.

        Raises:
            SealProblem: the value was altered, or sealed for another context or by another vault.
        """
        try:
            return _unseal(self._cipher, sealed, context)
        except InvalidTag:
            raise SealProblem(
                f"The stored value {context} does not open.",
                "It was altered, or does not belong to this place. Nothing was changed by the attempt.",
                "Restore the database from a backup, or for a credential set it again.",
            ) from None

    def keyed_hash(self, data: bytes) -> bytes:
        """16 bytes that tell contents apart, and tell nothing to who lacks the vault key."""
        return blake2b(data, key=self._hash_key, digest_size=16).digest()

    def rotate(self, new: bytes) -> None:
        """Seal the data key with another vault key; from then on only that one opens the vault.

        Raises:
            ConfigurationProblem: the key was changed meanwhile by somebody else. Nothing was changed.
        """
        with self._database.begin() as connection:
            query = select(data_key.c.sealed).where(data_key.c.id == 1).with_for_update()
            _open_data_key(self._key, connection.execute(query).scalar_one())
            connection.execute(
                update(data_key).where(data_key.c.id == 1).values(sealed=_seal_data_key(new, self._data_key))
            )
        self._key = new

    def credentials(self, name: str) -> dict[str, str] | None:
        """The credentials under a name (`nordic/mailchimp`), or None."""
        with self._database.connect() as connection:
            sealed = connection.scalar(select(credential.c.sealed).where(credential.c.name == name))
        if sealed is None:
            return None
        values: dict[str, str] = json.loads(self.unseal(sealed, _credential_context(name)))
        return values

    def set_credentials(self, name: str, values: Mapping[str, str]) -> None:
        """Store credentials, in place of those that the name has."""
        sealed = self.seal(json.dumps(dict(values)).encode(), _credential_context(name))
        with self._database.begin() as connection:
            row = {"name": name, "sealed": sealed, "changed_at": datetime.now(UTC)}
            self._database.upsert(connection, credential, [row])

    def delete_credentials(self, name: str) -> bool:
        """Whether there were any."""
        with self._database.begin() as connection:
            return connection.execute(delete(credential).where(credential.c.name == name)).rowcount > 0

    def credential_names(self) -> list[str]:
        with self._database.connect() as connection:
            return list(connection.scalars(select(credential.c.name).order_by(credential.c.name)))

    def __repr__(self) -> str:
        return f"Vault({self._database!r})"


def _derive(key: bytes, purpose: bytes) -> bytes:
    return blake2b(purpose, key=key, digest_size=KEY_BYTES, person=b"ml-connector").digest()


def _credential_context(name: str) -> str:
    return f"credential/{name}"


def _stored(database: Database) -> bytes | None:
    with database.connect() as connection:
        sealed: bytes | None = connection.scalar(select(data_key.c.sealed).where(data_key.c.id == 1))
    return sealed


def _seal_data_key(key: bytes, data: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return FORMAT + nonce + AESGCM(key).encrypt(nonce, data, DATA_KEY_CONTEXT.encode())


def _open_data_key(key: bytes, sealed: bytes) -> bytes:
    try:
        return _unseal(AESGCM(key), sealed, DATA_KEY_CONTEXT)
    except InvalidTag:
        raise ConfigurationProblem(
            "The vault key does not open this database's vault.",
            "The vault was made with another key, or its key was changed. Nothing was started and nothing was written.",
            "Set ML_CONNECTOR_VAULT_KEY (or ML_CONNECTOR_VAULT_KEY_FILE) to the key that belongs to this database.",
        ) from None


def _unseal(cipher: AESGCM, sealed: bytes, context: str) -> bytes:
    body = 1 + NONCE_BYTES
    if sealed[:1] != FORMAT or len(sealed) < body:
        raise InvalidTag
    return cipher.decrypt(sealed[1:body], sealed[body:], context.encode())


def _no_key(what: str) -> ConfigurationProblem:
    return ConfigurationProblem(
        what,
        "Without its key the vault stays closed. Nothing was started and nothing was written.",
        "Set ML_CONNECTOR_VAULT_KEY, or ML_CONNECTOR_VAULT_KEY_FILE to a file with it; `ml-connector init` makes one.",
    )
