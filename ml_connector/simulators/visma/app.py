"""The Visma.net ERP simulator: `create_app(VismaSettings(...))`."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import Scope

from ml_connector.simulators.app import simulator_app
from ml_connector.simulators.faults import FaultRule
from ml_connector.simulators.visma import (
    contacts,
    control,
    control_books,
    customers,
    errors,
    invoice_writes,
    invoices,
    journal_writes,
    journals,
    master_lists,
    suppliers,
)
from ml_connector.simulators.visma.auth import TokenService
from ml_connector.simulators.visma.gateway import Gateway
from ml_connector.simulators.visma.settings import VismaSettings
from ml_connector.simulators.visma.store import Store

ROWS_THAT_MOVE = 25
LISTS = {
    "supplier": "suppliers",
    "customerinvoice": "invoices",
    "customercreditnote": "credit_notes",
    "journaltransaction": "journals",
}
"""The rows that the fault `rows_move` moves, by the path of the call that it strikes; else the customers."""


def create_app(settings: VismaSettings | None = None) -> Starlette:
    """One company at Visma, with its token endpoint on the same server."""
    settings = settings or VismaSettings()
    store = Store(settings)
    tokens = TokenService(settings)

    def rows_move(_rule: FaultRule, scope: Scope) -> None:
        store.move(LISTS.get(scope["path"].split("/")[2].lower(), "customers"), ROWS_THAT_MOVE)

    return simulator_app(
        store,
        [
            Route("/connect/token", tokens.endpoint, methods=["POST"]),
            *master_lists.ROUTES,
            *contacts.ROUTES,
            *invoice_writes.ROUTES,
            *invoices.ROUTES,
            *customers.ROUTES,
            *suppliers.ROUTES,
            *journal_writes.ROUTES,
            *journals.ROUTES,
        ],
        control=[*control.ROUTES, *control_books.ROUTES],
        answers={
            "rate_limit": store.quota.fault_answer,
            "server_error": errors.server_error_answer,
            "expired_token": errors.expired_token_answer,
            "empty_page": errors.empty_page_answer,
        },
        hooks={"rows_move": rows_move},
        middleware=[Middleware(Gateway, settings=settings, tokens=tokens, quota=store.quota)],
        exception_handlers={errors.ApiError: errors.api_error, HTTPException: errors.api_error},
    )
