"""`/v2/journaltransaction`: pages count lines, and one of two filters is needed (Visma reference, sections 3 and 4)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ml_connector.simulators.control import json_response
from ml_connector.simulators.visma.api import json_bytes, page_of, store_of
from ml_connector.simulators.visma.errors import ApiError
from ml_connector.simulators.visma.filters import JOURNAL_FILTERS, Test, selection
from ml_connector.simulators.visma.journal_rows import MODULES
from ml_connector.simulators.visma.settings import VismaSettings
from ml_connector.simulators.visma.stamps import condition, wall_of_value
from ml_connector.simulators.visma.tables import Row, Selection, paged_texts

STATUSES = {
    **{name: (name,) for name in ("Hold", "Balanced", "Unposted", "Posted", "Voided", "Scheduled")},
    "Unreleased": ("Hold", "Balanced"),
}
"""What the filter's values mean; answers know other ones (section 4, appendix). That of Unreleased is inferred."""


async def find(request: Request) -> Response:
    store = store_of(request)
    number, size, maximum = page_of(request, "journaltransaction", store.settings)
    texts, total = store.journal.page(_asked(request, store.settings), (number - 1) * size, size)
    return json_bytes(paged_texts(texts, total, maximum))


async def read(request: Request) -> Response:
    batch = store_of(request).journal.any_of(request.path_params["number"])
    return json_response(batch, headers={"etag": f'"{batch["timeStamp"]}"'})


def _asked(request: Request, settings: VismaSettings) -> Selection:
    """No condition goes with `lastModifiedDateTime`: if one is sent, it is ignored like any unknown parameter."""
    query = request.query_params
    if "periodId" not in query and "lastModifiedDateTime" not in query:
        raise ApiError(400, "Either periodId or lastModifiedDateTime must be given.")
    equal = selection(query, JOURNAL_FILTERS, {}, settings.strict_greater)
    tests = [] if equal.matches is None else [equal.matches]
    moment, module, status = (query.get(name) for name in ("lastModifiedDateTime", "module", "status"))
    if moment is not None:
        bound = wall_of_value("lastModifiedDateTime", moment)
        holds = condition("journal_operator", settings.journal_operator, strict_greater=True)
        tests.append(lambda row: holds(row.modified, bound))
    if module is not None:
        if module not in MODULES:
            raise ApiError(400, f"The value '{module}' is not valid for module. Use one of {', '.join(MODULES)}.")
        tests.append(_is("module", (f"Module{module}",)))
    if status is not None:
        if status not in STATUSES:
            raise ApiError(400, f"The value '{status}' is not valid for status. Use one of {', '.join(STATUSES)}.")
        tests.append(_is("status", STATUSES[status]))
    key = (equal.key, moment, module, status, settings.journal_operator)
    return Selection(key, lambda row: all(test(row) for test in tests))


def _is(name: str, wanted: tuple[str, ...]) -> Test:
    def test(row: Row) -> bool:
        return row.read()[name] in wanted

    return test


ROUTES: list[BaseRoute] = [
    Route("/v2/journaltransaction", find, methods=["GET"]),
    Route("/v2/journaltransaction/{number}", read, methods=["GET"]),
]
