"""Landings: the immutable, encrypted Parquet files that hold every row of every read.

Parquet's own encryption (AES-256-GCM, a random key per file, wrapped with the vault's landing key) costs next to
nothing. Arrays are built from buffers: `pyarrow.array` loads pandas, which costs a run 80 MB and more than a second.
"""

from __future__ import annotations

import base64
import os
from array import array
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ml_connector.errors import ConfigurationProblem, Problem

if TYPE_CHECKING:
    import pandas as pd

GROUP_ROWS = 1_000  # rows of a row group: the least that is read and decrypted at once
OPEN_FILES = 8
DECODED_GROUPS = 2
SUFFIX = ".parquet"
UNFINISHED = ".unfinished"
KEY_NAME = "landing"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("related", pa.string()),
        pa.field("changed_at", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("digest", pa.binary(16), nullable=False),
        pa.field("payload", pa.binary(), nullable=False),
    ]
)


class LandingRow(Protocol):
    """What a landing keeps of a row; `engine.records.SourceRow` is one."""

    @property
    def key(self) -> str: ...
    @property
    def related(self) -> str | None: ...
    @property
    def changed_at(self) -> datetime: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def digest(self) -> bytes: ...


class LandingWriter:
    """Writes one landing; on leaving the block the file stands complete under its name, or not at all."""

    def __init__(self, path: Path, properties: Any) -> None:
        self.rows = 0
        self._path = path
        self._unfinished = path.with_name(path.name + UNFINISHED)
        self._properties = properties
        self._waiting: list[LandingRow] = []

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._unfinished, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        self._writer = pq.ParquetWriter(
            self._file,
            SCHEMA,
            compression="zstd",
            compression_level=1,
            use_dictionary=False,
            write_statistics=False,
            encryption_properties=self._properties,
        )
        return self

    def add(self, rows: Sequence[LandingRow]) -> None:
        """Append rows; their positions in the file follow the order of arrival, from 0."""
        self._waiting.extend(rows)
        self.rows += len(rows)
        while len(self._waiting) >= GROUP_ROWS:
            self._write(self._waiting[:GROUP_ROWS])
            del self._waiting[:GROUP_ROWS]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self._waiting:
                self._write(self._waiting)
            self._writer.close()
            if kind is None:
                self._file.flush()
                os.fsync(self._file.fileno())
                self._unfinished.rename(self._path)
                _sync_folder(self._path.parent)
        finally:
            self._file.close()
            self._unfinished.unlink(missing_ok=True)

    def _write(self, rows: Sequence[LandingRow]) -> None:
        moments = array("q", ((row.changed_at - EPOCH) // MICROSECOND for row in rows))
        columns = [
            _variable(pa.string(), [row.key.encode() for row in rows]),
            _variable(pa.string(), [None if row.related is None else row.related.encode() for row in rows]),
            pa.Array.from_buffers(SCHEMA.field("changed_at").type, len(rows), [None, pa.py_buffer(moments)]),
            pa.Array.from_buffers(pa.binary(16), len(rows), [None, pa.py_buffer(b"".join(row.digest for row in rows))]),
            _variable(pa.binary(), [row.payload for row in rows]),
        ]
        self._writer.write_batch(pa.record_batch(columns, schema=SCHEMA), row_group_size=GROUP_ROWS)


class Landings:
    """The landing files below one folder; names are relative to it (`nordic/visma.customers/17.parquet`)."""

    def __init__(self, folder: Path, key: bytes) -> None:
        self._folder = folder
        self._factory = pe.CryptoFactory(lambda _connection: _KeyWrapper(key))
        self._files: OrderedDict[str, Any] = OrderedDict()
        self._groups: OrderedDict[tuple[str, int], list[bytes]] = OrderedDict()
        self._lock = Lock()

    def writer(self, relative: str) -> LandingWriter:
        """A context manager that writes a new landing under this name."""
        encryption = pe.EncryptionConfiguration(
            KEY_NAME, uniform_encryption=True, double_wrapping=False, data_key_length_bits=256
        )
        properties = self._factory.file_encryption_properties(pe.KmsConnectionConfig(), encryption)
        return LandingWriter(self._folder / relative, properties)

    def payloads(self, relative: str, positions: Sequence[int]) -> list[bytes]:
        """The payloads at these positions (ascending), in their order.

        Raises:
            Problem: the file is missing or damaged.
            ConfigurationProblem: the file was written with another vault key.
        """
        with self._lock:
            found = []
            for position in positions:
                group, row = divmod(position, GROUP_ROWS)
                found.append(self._group(relative, group)[row])
            return found

    def frame(self, relative: str) -> pd.DataFrame:
        """The whole landing as a table for people; `payload` holds JSON as bytes. Raises as `payloads`."""
        file = self._open(relative)
        try:
            table: pd.DataFrame = file.read().to_pandas()
            return table
        finally:
            file.close(force=True)

    def delete(self, relative: str) -> None:
        """Delete a landing, if it is there."""
        with self._lock:
            self._drop(relative)
        (self._folder / relative).unlink(missing_ok=True)

    def files(self) -> Iterator[str]:
        """The names of all complete landings."""
        return self._names(SUFFIX)

    def unfinished(self) -> Iterator[str]:
        """The names of files that are being written, or were when their process died."""
        return self._names(UNFINISHED)

    def written_at(self, relative: str) -> datetime | None:
        """When a file was last written to; None: it is gone."""
        with suppress(FileNotFoundError):
            return datetime.fromtimestamp((self._folder / relative).stat().st_mtime, UTC)
        return None

    def close(self) -> None:
        """Close the files that are kept open."""
        with self._lock:
            for relative in list(self._files):
                self._drop(relative)

    def __repr__(self) -> str:
        return f"Landings({str(self._folder)!r})"

    def _names(self, suffix: str) -> Iterator[str]:
        for path in sorted(self._folder.rglob(f"*{suffix}")):
            yield path.relative_to(self._folder).as_posix()

    def _group(self, relative: str, group: int) -> list[bytes]:
        known = self._groups.get((relative, group))
        if known is not None:
            self._groups.move_to_end((relative, group))
            return known
        file = self._files.get(relative)
        if file is None:
            file = self._files[relative] = self._open(relative)
            if len(self._files) > OPEN_FILES:
                self._drop(next(iter(self._files)))
        self._files.move_to_end(relative)
        try:
            column = file.read_row_group(group, columns=["payload"], use_threads=False).column(0)
        except (OSError, pa.ArrowException) as error:
            raise _damaged(self._folder / relative, error) from None
        payloads: list[bytes] = column.to_pylist()
        self._groups[relative, group] = payloads
        if len(self._groups) > DECODED_GROUPS:
            self._groups.popitem(last=False)
        return payloads

    def _open(self, relative: str) -> Any:
        path = self._folder / relative
        try:
            properties = self._factory.file_decryption_properties(pe.KmsConnectionConfig())
            return pq.ParquetFile(path, decryption_properties=properties)
        except InvalidTag:
            raise ConfigurationProblem(
                f"The landing {path} was written with another vault.",
                "Its rows cannot be read. Nothing was changed.",
                "Use the database and vault key that belong to these landings, or restore all three from one backup.",
            ) from None
        except (OSError, pa.ArrowException) as error:
            raise _damaged(path, error) from None

    def _drop(self, relative: str) -> None:
        file = self._files.pop(relative, None)
        if file is not None:
            file.close(force=True)
        for key in [key for key in self._groups if key[0] == relative]:
            del self._groups[key]


class _KeyWrapper(pe.KmsClient):  # type: ignore[misc]
    """Wraps each file's own key with the landing key; no key server is asked."""

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self._cipher = AESGCM(key)

    def wrap_key(self, key: bytes, name: str) -> str:
        nonce = os.urandom(12)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, key, name.encode())).decode()

    def unwrap_key(self, wrapped: str, name: str) -> bytes:
        sealed = base64.b64decode(wrapped)
        return self._cipher.decrypt(sealed[:12], sealed[12:], name.encode())


def _variable(kind: pa.DataType, values: Sequence[bytes | None]) -> pa.Array:
    """An array of texts or bytes of any length."""
    present = None
    if None in values:
        bits = "".join("0" if value is None else "1" for value in reversed(values))
        present = pa.py_buffer(int(bits, 2).to_bytes((len(values) + 7) // 8, "little"))
    filled = [value or b"" for value in values]
    offsets = array("i", accumulate(map(len, filled), initial=0))
    return pa.Array.from_buffers(kind, len(filled), [present, pa.py_buffer(offsets), pa.py_buffer(b"".join(filled))])


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _damaged(path: Path, error: Exception) -> Problem:
    missing = isinstance(error, FileNotFoundError)
    return Problem(
        f"The landing {path} {'is missing' if missing else f'cannot be read: {error}'}.",
        "The records whose newest version lies in it cannot be mapped. Nothing was changed.",
        "Read everything again (`ml-connector sync COMPANY --full`), which lands them anew."
        if missing
        else "Restore the file from the backup that belongs to this database, or delete it and read everything again "
        "(`ml-connector sync COMPANY --full`).",
    )
