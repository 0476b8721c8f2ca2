"""The vault: what is sealed opens only with the right key and in the right place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from ml_connector.errors import ConfigurationProblem
from ml_connector.store.database import Database
from ml_connector.store.tables import credential, data_key
from ml_connector.store.vault import KEY_PREFIX, SealProblem, Vault, new_key, parse_key

KEY_TEXT = KEY_PREFIX + "A" * 43
SECRETS = {"api_key": "0123456789abcdef-us21", "note": "Ærlig talt «ja»"}


@pytest.fixture(scope="module")
def sealer(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    """A vault for tests that do not touch the database."""
    database = Database.open(f"sqlite:///{tmp_path_factory.mktemp('vault') / 'vault.db'}")
    return Vault.open(database, parse_key(new_key()))


@given(data=st.binary(max_size=4_000), context=st.text(max_size=50))
def test_what_is_sealed_opens(sealer: Vault, data: bytes, context: str) -> None:
    """Any bytes, in any context; and sealing twice never gives the same."""
    sealed = sealer.seal(data, context)
    assert sealer.unseal(sealed, context) == data
    assert sealer.seal(data, context) != sealed
    assert len(data) < 8 or data not in sealed


@given(data=st.binary(max_size=100), position=st.integers(min_value=0), flip=st.integers(1, 255))
def test_an_altered_value_does_not_open(sealer: Vault, data: bytes, position: int, flip: int) -> None:
    """One changed byte anywhere, its format byte included."""
    sealed = bytearray(sealer.seal(data, "here"))
    sealed[position % len(sealed)] ^= flip
    with pytest.raises(SealProblem, match="here does not open"):
        sealer.unseal(bytes(sealed), "here")


@given(length=st.integers(0, 60))
def test_a_cut_value_does_not_open(sealer: Vault, length: int) -> None:
    """However little is left of it."""
    sealed = sealer.seal(b"x" * 40, "here")
    with pytest.raises(SealProblem):
        sealer.unseal(sealed[:length], "here")


def test_a_value_opens_only_in_its_place(sealer: Vault) -> None:
    """Copied from one row to another it is refused."""
    with pytest.raises(SealProblem, match="credential/nordic/hubspot"):
        sealer.unseal(sealer.seal(b"x", "credential/nordic/mailchimp"), "credential/nordic/hubspot")


def test_the_vault_key_is_one_recognisable_word() -> None:
    """It survives a file with a line end, and scanners for leaked secrets can know it."""
    key = new_key()
    assert key.startswith(KEY_PREFIX)
    assert len(parse_key(f"  {key}\n")) == 32
    assert new_key() != key


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("hunter2", "does not begin with"),
        (KEY_PREFIX, "wrong length"),
        (KEY_TEXT[:-2], "was cut"),
        (KEY_TEXT[:-3], "wrong length"),
        (KEY_TEXT + "AAAA", "wrong length"),
        (KEY_TEXT[:-1] + "!", "characters that do not belong"),
    ],
)
def test_a_wrong_key_text_is_explained(text: str, words: str) -> None:
    """Without showing it."""
    with pytest.raises(ConfigurationProblem, match=words) as caught:
        parse_key(text)
    body = text.strip().removeprefix(KEY_PREFIX)
    assert not body or body not in str(caught.value)


def test_a_wrong_vault_key_is_refused_before_anything_is_written(database: Database, vault_key: bytes) -> None:
    """The data key stays, and the right key still opens the vault."""
    Vault.open(database, vault_key).set_credentials("nordic/mailchimp", SECRETS)
    with database.connect() as connection:
        before = connection.execute(select(data_key)).all()
    with pytest.raises(ConfigurationProblem, match="does not open this database's vault") as caught:
        Vault.open(database, parse_key(new_key()))
    assert "nothing was written" in caught.value.meaning
    with database.connect() as connection:
        assert connection.execute(select(data_key)).all() == before
    assert Vault.open(database, vault_key).credentials("nordic/mailchimp") == SECRETS


def test_credentials(vault: Vault) -> None:
    """Set, replaced, listed and deleted by name."""
    assert vault.credentials("nordic/visma") is None
    vault.set_credentials("nordic/visma", {"client_id": "a"})
    vault.set_credentials("nordic/mailchimp", SECRETS)
    vault.set_credentials("nordic/visma", {"client_id": "b"})
    assert vault.credentials("nordic/visma") == {"client_id": "b"}
    assert vault.credential_names() == ["nordic/mailchimp", "nordic/visma"]
    assert vault.delete_credentials("nordic/visma")
    assert not vault.delete_credentials("nordic/visma")
    assert vault.credential_names() == ["nordic/mailchimp"]


def test_rotation_seals_the_data_key_alone(database: Database, vault: Vault, vault_key: bytes) -> None:
    """Afterwards only the new key opens the vault, and everything that was sealed before opens still."""
    new = parse_key(new_key())
    vault.set_credentials("nordic/mailchimp", SECRETS)
    sealed, landing_key, fingerprint = vault.seal(b"payload", "p"), vault.landing_key, vault.keyed_hash(b"row")
    with database.connect() as connection:
        stored = connection.scalar(select(credential.c.sealed))
    vault.rotate(new)
    with pytest.raises(ConfigurationProblem):
        Vault.open(database, vault_key)
    again = Vault.open(database, new)
    assert again.unseal(sealed, "p") == b"payload"
    assert again.credentials("nordic/mailchimp") == SECRETS
    assert (again.landing_key, again.keyed_hash(b"row")) == (landing_key, fingerprint)
    with database.connect() as connection:
        assert connection.scalar(select(credential.c.sealed)) == stored
        assert connection.scalar(select(func.count()).select_from(data_key)) == 1


def test_a_rotation_that_came_second_changes_nothing(database: Database, vault: Vault, vault_key: bytes) -> None:
    """Of two people who rotate at once the later one is told, and the first one's key stays valid."""
    other, first, second = Vault.open(database, vault_key), parse_key(new_key()), parse_key(new_key())
    vault.rotate(first)
    with pytest.raises(ConfigurationProblem):
        other.rotate(second)
    Vault.open(database, first)


def test_vaults_tell_contents_apart_each_in_its_own_way(vault: Vault, sealer: Vault) -> None:
    """The keyed hash has 16 bytes, is stable, and cannot be compared with another vault's."""
    assert len(vault.keyed_hash(b"row")) == 16
    assert vault.keyed_hash(b"row") == vault.keyed_hash(b"row") != vault.keyed_hash(b"row ")
    assert vault.keyed_hash(b"row") != sealer.keyed_hash(b"row")
    assert vault.landing_key != sealer.landing_key


def test_nothing_in_the_database_file_is_plain(sqlite_template: Path, tmp_path: Path, vault_key: bytes) -> None:
    """Neither a credential, nor the vault key, nor a key derived from it; and no repr shows one."""
    path = tmp_path / "ledger.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database.open(f"sqlite:///{path}")
    vault = Vault.open(database, vault_key)
    vault.set_credentials("nordic/mailchimp", SECRETS)
    shown = repr(vault) + repr(database)
    database.close()
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("ledger.db*"))
    assert b"nordic/mailchimp" in stored
    for secret in (b"0123456789abcdef-us21", vault_key, vault.landing_key):
        assert secret not in stored
        assert repr(secret) not in shown
