"""`python -m ml_connector.simulators VENDOR --port P ...`: one simulator as a process of its own.

Every setting of the vendor that is a number, a text, a choice or a switch is an option: `--customers 100000`,
`--no-awkward`. Prints nothing but errors; ends on SIGTERM or Ctrl-C. Exit code 2 when an option is wrong or the port is
taken.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
import typing
from collections.abc import Sequence
from dataclasses import fields

import ml_connector.simulators
from ml_connector.simulators.faults import FaultRule
from ml_connector.simulators.server import PortInUse, run
from ml_connector.simulators.settings import SimulatorSettings

KINDS: dict[object, type] = {int: int, float: float, str: str, int | None: int, str | None: str}


def main(argv: Sequence[str] | None = None) -> int:
    """Serve the simulator that the arguments name until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m ml_connector.simulators", description="Serve one simulator.")
    vendors = parser.add_subparsers(dest="vendor", required=True)
    packages = {}
    for module in pkgutil.iter_modules(ml_connector.simulators.__path__):
        if module.ispkg:
            packages[module.name] = importlib.import_module(f"ml_connector.simulators.{module.name}")
            _add_options(vendors.add_parser(module.name), _settings_class(packages[module.name]))
    options = vars(parser.parse_args(argv))
    package, port, texts = packages[options.pop("vendor")], options.pop("port"), options.pop("fault")
    app = package.create_app(_settings_class(package)(**options))
    try:
        app.state.faults.rules = [FaultRule.parse(text) for text in texts]
        run(app, port)
    except (PortInUse, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _settings_class(package: object) -> type[SimulatorSettings]:
    """The one settings class that a vendor's package shows."""
    shown = vars(package).values()
    return next(cls for cls in shown if isinstance(cls, type) and issubclass(cls, SimulatorSettings))


def _add_options(parser: argparse.ArgumentParser, settings: type[SimulatorSettings]) -> None:
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--fault", action="append", default=[], metavar="NAME[:key=value,...]")
    hints = typing.get_type_hints(settings)
    for field in fields(settings):
        option, hint = f"--{field.name.replace('_', '-')}", hints[field.name]
        if hint is bool:
            parser.add_argument(option, action=argparse.BooleanOptionalAction, default=field.default)
        elif typing.get_origin(hint) is typing.Literal:
            choices = typing.get_args(hint)
            parser.add_argument(option, type=type(choices[0]), choices=choices, default=field.default)
        elif hint in KINDS:
            parser.add_argument(option, type=KINDS[hint], default=field.default)


if __name__ == "__main__":
    sys.exit(main())
