"""Starting the stand-in servers, and what it takes to reach them."""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from ml_connector.cli.processes import HOST, Processes, require_free
from ml_connector.errors import ConfigurationProblem
from ml_connector.systems.registry import systems

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True)
class Simulator:
    """A stand-in server that runs.

    Attributes:
        name: of the system that it stands in for.
        url: scheme, host and port.
        settings: what it was started with.
    """

    name: str
    url: str
    settings: dict[str, Any]

    @property
    def credentials(self) -> dict[str, str]:
        """What it accepts, as the vault stores it: all that is required, or else the first kind of access."""
        fields = systems()[self.name].credentials.model_fields
        required = [name for name, field in fields.items() if field.is_required()]
        return {name: str(self.settings[name]) for name in required or list(fields)[:1]}

    def control(self, call: str, body: Any = None) -> Any:
        """One of its `/_simulator` endpoints: GET, or POST where there is a body."""
        url = f"{self.url}/_simulator/{call}"
        answer = _client().get(url) if body is None else _client().post(url, json=body)
        return answer.raise_for_status().json()


@cache
def _client() -> httpx.Client:
    """For loopback: whatever proxies the environment names, and no connection stays open."""
    import httpx

    return httpx.Client(timeout=30, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


def start(
    processes: Processes, ports: Sequence[int], options: Mapping[str, Sequence[str]], faults: Sequence[str] = ()
) -> dict[str, Simulator]:
    """Start every simulator, by system.

    Args:
        ports: one for each; see `names`.
        options: command line options by system.
        faults: `NAME[:key=value,...]` for all of them, or `SYSTEM/NAME...` for one.

    Raises `ConfigurationProblem` where a port is taken or an option is wrong.
    """
    _require_known(faults)
    for port in ports:
        require_free(port)
    children = []
    for name, port in zip(names(), ports, strict=True):
        command = [sys.executable, "-m", "ml_connector.simulators", name, "--port", str(port), *options.get(name, ())]
        for fault in _faults(faults, name):
            command += ["--fault", fault]
        children.append((name, port, processes.start(f"The simulator of {systems()[name].title}", command)))
    found = {}
    for name, port, child in children:
        processes.wait_until_serving(child, port)
        simulator = Simulator(name, f"http://{HOST}:{port}", {})
        found[name] = Simulator(name, simulator.url, simulator.control("settings"))
    return found


def names() -> list[str]:
    """The systems that have a simulator; one that comes before its system is nobody's stand-in yet."""
    try:
        import starlette  # noqa: F401

        import ml_connector.simulators
    except ImportError:
        raise ConfigurationProblem(
            "The simulators are not installed.",
            "Nothing was started.",
            'Install them: pip install "ml-connector[simulators]".',
        ) from None
    found = (module.name for module in pkgutil.iter_modules(ml_connector.simulators.__path__) if module.ispkg)
    return sorted(name for name in found if name in systems())


def _require_known(faults: Sequence[str]) -> None:
    """Raises `ConfigurationProblem` for the first fault that no simulator would accept, before one is started."""
    from ml_connector.simulators.faults import FaultRule

    for fault in faults:
        system, slash, rest = fault.partition("/")
        try:
            FaultRule.parse(rest if slash and system in names() else fault)
        except ValueError as error:
            raise ConfigurationProblem(
                f"--fault {fault} cannot be used: {error}.",
                "Nothing was started.",
                f"Expected NAME or NAME:key=value,..., for one system alone with {'/, '.join(names())}/ before it: "
                "mailchimp/rate_limit:every=20.",
            ) from None


def _faults(faults: Sequence[str], name: str) -> list[str]:
    chosen = []
    for fault in faults:
        system, slash, rest = fault.partition("/")
        if not slash or system not in names():
            chosen.append(fault)
        elif system == name:
            chosen.append(rest)
    return chosen
