"""A batch's results: a gzip tar behind a short-lived URL outside the API (Mailchimp reference, section 10)."""

from __future__ import annotations

import hashlib
import hmac
import io
import random
import secrets
import tarfile
from collections.abc import Sequence
from typing import Any

import orjson

PATH = "/batch-results"


def build(batch_id: str, results: Sequence[dict[str, Any]], per_file: int) -> bytes:
    """The archive: a directory entry, then JSON files with the results in no particular order."""
    shuffled = list(results)
    random.Random(batch_id).shuffle(shuffled)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        folder = tarfile.TarInfo("./")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for number, start in enumerate(range(0, len(shuffled), per_file)):
            content = orjson.dumps(shuffled[start : start + per_file])
            entry = tarfile.TarInfo(f"./{batch_id}-{number}.json")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


class Signer:
    """Signs archive URLs, as an object store does."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(16)

    def path(self, batch_id: str, expires: int) -> str:
        """The path and query under which the archive can be had until `expires` (seconds since the epoch)."""
        return f"{PATH}/{batch_id}-response.tar.gz?Expires={expires}&Signature={self._sign(batch_id, str(expires))}"

    def is_valid(self, batch_id: str, expires: str, signature: str, now: float) -> bool:
        """Whether the signature is ours and the time has not come."""
        return (
            expires.isdecimal()
            and now < int(expires)
            and hmac.compare_digest(signature.encode(), self._sign(batch_id, expires).encode())
        )

    def _sign(self, batch_id: str, expires: str) -> str:
        return hmac.new(self._secret, f"{batch_id} {expires}".encode(), hashlib.sha256).hexdigest()[:32]
