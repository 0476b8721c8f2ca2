"""Windows as Dagster's partitions: the same keys as `engine/windows.py`, and the open window is one of them."""

from __future__ import annotations

import dagster as dg

from ml_connector.engine.windows import FORMAT, Windows

HOUR = 60
DAY = 24 * HOUR


def partitions(windows: Windows) -> dg.TimeWindowPartitionsDefinition:
    """The partitions of a company; one more than has ended, because the open window is polled too."""
    return dg.TimeWindowPartitionsDefinition(
        start=windows.start.strftime(FORMAT),
        fmt=FORMAT,
        cron_schedule=_cron(windows.minutes),
        timezone="UTC",
        end_offset=1,
    )


def _cron(minutes: int) -> str:
    """The schedule at which windows of this length begin; `config/blocks.py` admits only lengths that have one."""
    if minutes < HOUR:
        return f"*/{minutes} * * * *"
    if minutes < DAY:
        return f"0 */{minutes // HOUR} * * *"
    return "0 0 * * *"
