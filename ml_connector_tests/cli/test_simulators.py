"""Which simulators the command line starts."""

from __future__ import annotations

import pkgutil

import pytest

import ml_connector.simulators
from ml_connector.cli import simulators
from ml_connector.systems.registry import systems
from ml_connector_tests.cli.conftest import Cli


def test_a_simulator_without_its_system_is_not_started() -> None:
    """It may be written first; the demo has nobody to introduce it to."""
    known = {module.name for module in pkgutil.iter_modules(ml_connector.simulators.__path__) if module.ispkg}
    assert simulators.names() == sorted(known & systems().keys())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("rate_limit:every=y", "'every' of a fault cannot be 'y'"),
        ("visma/slow:seconds=long", "'seconds' of a fault cannot be 'long'"),
        ("mailchimp/no_such_fault", "unknown fault 'no_such_fault'"),
        ("slow:often=1", "unknown key 'often'"),
    ],
)
def test_a_fault_that_cannot_be_used_is_named_before_anything_starts(cli: Cli, fault: str, words: str) -> None:
    """In three parts, and not in the last words of a child that ended."""
    ran = cli("simulate", "--fault", fault)
    assert ran.code == 2
    assert words in ran.parts[0]
    assert ran.parts[1] == "Nothing was started."
    assert len(ran.parts) == 3
