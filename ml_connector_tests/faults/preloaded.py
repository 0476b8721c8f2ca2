"""What a sync loads when it first needs it: loaded once, in the process that every sync of a test is forked from."""

# ruff: noqa: F401

from __future__ import annotations

import alembic.command
import dagster._core.instance.factory
import dagster._core.remote_representation.external
import dagster._core.storage.local_compute_log_manager
import dagster._core.storage.sqlite_storage
import dagster._core.workspace.context

import ml_connector.defs.launch
import ml_connector_tests.faults.site
from ml_connector.systems.registry import systems

systems()
