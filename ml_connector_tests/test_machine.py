"""A full disk and a missing permission are told with what to do about them, wherever they are met."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from ml_connector.defs.failures import failing
from ml_connector.machine import DISK, RIGHTS, SPACE, problem_of


def fails(code: int, path: str | None = None) -> OSError:
    return OSError(code, os.strerror(code), path)


def test_a_full_disk() -> None:
    problem = problem_of(fails(errno.ENOSPC))
    assert problem is not None
    assert (problem.what, problem.action) == ("A file cannot be written: No space left on device.", SPACE)


def test_a_file_without_permission_is_named() -> None:
    problem = problem_of(fails(errno.EACCES, "/home/landings/1"))
    assert problem is not None
    assert problem.what == "/home/landings/1 cannot be read or written: Permission denied."
    assert problem.action == RIGHTS


def test_a_database_that_may_only_be_read(tmp_path: Path) -> None:
    """SQLAlchemy wraps the driver's error, and whoever calls it may wrap that one."""
    (tmp_path / "empty.db").touch()
    engine = create_engine(f"sqlite:///file:{tmp_path}/empty.db?mode=ro&uri=true")
    with engine.connect() as connection, pytest.raises(OperationalError) as caught:
        connection.execute(text("CREATE TABLE t (a INT)"))
    engine.dispose()
    above = RuntimeError("wrapped")
    above.__cause__ = caught.value
    problem = problem_of(above)
    assert problem is not None
    assert problem.action == RIGHTS


@pytest.mark.parametrize(
    "error", [ValueError("x"), fails(errno.ECONNREFUSED), sqlite3.OperationalError("no such table")]
)
def test_other_errors_are_left_to_others(error: Exception) -> None:
    assert problem_of(error) is None
    with pytest.raises(type(error)), failing():
        raise error


def test_a_run_fails_with_the_same_sentence() -> None:
    """So it stands in Dagster's pages, too."""
    with pytest.raises(dg.Failure) as caught, failing():
        raise fails(errno.EIO)
    assert caught.value.metadata["action"].value == DISK
