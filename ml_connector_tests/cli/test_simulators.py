"""Which simulators the command line starts."""

from __future__ import annotations

import pkgutil

import ml_connector.simulators
from ml_connector.cli import simulators
from ml_connector.systems.registry import systems


def test_a_simulator_without_its_system_is_not_started() -> None:
    """It may be written first; the demo has nobody to introduce it to."""
    known = {module.name for module in pkgutil.iter_modules(ml_connector.simulators.__path__) if module.ispkg}
    assert simulators.names() == sorted(known & systems().keys())
