"""The home and the simulators of the tests of `defs`."""

from ml_connector_tests.defs.conftest import home, place, source_server, target_server

__all__ = ["home", "place", "source_server", "target_server"]
