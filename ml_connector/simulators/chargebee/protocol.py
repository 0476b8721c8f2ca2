"""A call and its reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ml_connector.simulators.chargebee.errors import Problem
from ml_connector.simulators.chargebee.forms import Form
from ml_connector.simulators.chargebee.params import Params, Table, check

if TYPE_CHECKING:
    from ml_connector.simulators.chargebee.site import Site


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something, as events tell it (Chargebee reference, section 5.1).

    Attributes:
        source: `api`, `admin_console`, `scheduled_job`, ...
        webhooks: False when a header suppressed them for this call.
    """

    source: str
    user: str | None = None
    webhooks: bool = True


CONSOLE = Actor("admin_console", "kari@nordic.no")
SCHEDULER = Actor("scheduled_job")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is asked of the API.

    Attributes:
        args: the variable parts of the path, decoded.
        query: the query's pairs, decoded, in their order.
        form: the body of a write.
    """

    method: str
    args: Mapping[str, str]
    query: Sequence[tuple[str, str]]
    form: Form
    actor: Actor

    def params(self, site: Site, table: Table) -> Params:
        """The body by the operation's table; 400 where it does not fit."""
        return check(self.form, table, ignore_unknown=site.settings.unknown_parameters == "ignore")


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a call."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[["Site", Call], Reply]
Methods = Mapping[str, Handler]


def ok(**resources: Any) -> Reply:
    """200 with each resource under its name; None is left out."""
    return Reply(200, {name: resource for name, resource in resources.items() if resource is not None})


def refusal(problem: Problem) -> Reply:
    """The reply that carries a problem."""
    return Reply(problem.status, problem.body())
