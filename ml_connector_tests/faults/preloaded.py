"""What a sync loads when it first needs it: loaded once, in the process that every sync of a test is forked from."""

from __future__ import annotations

import alembic.command  # noqa: F401
import dagster._core.instance.factory
import dagster._core.remote_representation.external
import dagster._core.storage.local_compute_log_manager
import dagster._core.storage.sqlite_storage
import dagster._core.workspace.context  # noqa: F401

import ml_connector.defs.launch
import ml_connector_tests.faults.site  # noqa: F401
from ml_connector.systems.registry import systems

systems()
