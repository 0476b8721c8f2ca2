"""Errors of the machine that all of it runs on, like no space and no permission, and what a person does about them."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator

from ml_connector.errors import Problem

MEANING = "It ended early. What was recorded until then stays, and running it again does only what is missing."
SPACE = "Free some disk space, and run it again."
DISK = "The disk is full or damaged: free some space, or restore a backup on another one."
RIGHTS = "Run ml-connector as the user who owns the home, or give what is in it to this one: chown -R USER HOME"

FILES = {
    errno.ENOSPC: SPACE,
    errno.EDQUOT: SPACE,
    errno.EFBIG: "Raise the limit of the length of files (ulimit -f), and run it again.",
    errno.EIO: DISK,
    errno.EACCES: RIGHTS,
    errno.EPERM: RIGHTS,
    errno.EROFS: RIGHTS,
    errno.EMFILE: "Raise the limit of open files (ulimit -n), and run it again.",
}
# The primary result codes of https://sqlite.org/rescode.html; the higher bits tell more.
SQLITE = {
    sqlite3.SQLITE_FULL: SPACE,
    sqlite3.SQLITE_IOERR: DISK,
    sqlite3.SQLITE_READONLY: RIGHTS,
    sqlite3.SQLITE_CANTOPEN: RIGHTS,
}


def problem_of(error: BaseException) -> Problem | None:
    """What a person has to know of an error that the machine caused; None where it has another cause."""
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno in FILES:
            where = f"{cause.filename} cannot be read or written" if cause.filename else "A file cannot be written"
            return Problem(f"{where}: {cause.strerror}.", MEANING, FILES[cause.errno])
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF if isinstance(cause, sqlite3.Error) else 0
        if code in SQLITE:
            return Problem(f"A database in the home cannot be written: {cause}.", MEANING, SQLITE[code])
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and those below it that were wrapped."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__
