"""A company that cannot be used stays visible: an asset says why, and a sensor fails for as long as it is so."""

from __future__ import annotations

import re
from typing import NoReturn

import dagster as dg

from ml_connector.errors import Problem


def broken_asset(name: str, problem: Problem) -> dg.AssetSpec:
    """Stands in the company's group, and tells the three parts of the problem."""
    label = _label(name)
    return dg.AssetSpec(
        key=[label, "configuration"],
        group_name=label,
        kinds={"error"},
        description=f"**{name} cannot be used.**\n\n```\n{problem}\n```",
    )


def broken_sensor(name: str, problem: Problem) -> dg.SensorDefinition:
    """Fails at every tick with the problem, so that it is red where people look for what runs by itself."""

    @dg.sensor(
        name=f"{_label(name)}__configuration",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"{name} cannot be used: {problem.what}",
    )
    def tick() -> NoReturn:
        raise problem.with_traceback(None)  # raised again and again, it would carry every tick's own

    return tick


def _label(name: str) -> str:
    """The name as far as Dagster takes it: what is wrong may be the name itself."""
    return re.sub(r"[^A-Za-z0-9_]", "_", str(name)) or "_"
