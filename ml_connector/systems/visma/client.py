"""Opens a connection to one company: token, company header, pace, error table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ml_connector.http import ApiClient, ClientCredentials, Pace
from ml_connector.http.clock import now
from ml_connector.systems.visma.errors import ERRORS, NAME, REQUEST_ID, TOKEN_REFUSALS
from ml_connector.systems.visma.settings import VismaCredentials, VismaSettings

SCOPE = "vismanet_erp_service_api"
READING = ("read",)
WRITING = ("read", "create", "update")


def open_client(
    settings: VismaSettings,
    credentials: VismaCredentials,
    *,
    writing: bool = False,
    clock: Callable[[], datetime] = now,
) -> ApiClient:
    """A client of one company. Asks for no more rights than needed (Visma reference, section 2)."""
    headers = {}
    if settings.company_id is not None:  # the two belong together and are constant (section 2, headers)
        headers = {"ipp-company-id": settings.company_id, "ipp-application-type": "Visma.net Financials"}
    auth = ClientCredentials(
        NAME,
        settings.token_url,
        credentials.client_id,
        credentials.client_secret,
        scopes=[f"{SCOPE}:{right}" for right in (WRITING if writing else READING)],
        parameters={"tenant_id": credentials.tenant_id},
        refusals=TOKEN_REFUSALS,
    )
    return ApiClient(
        settings.base_url,
        name=NAME,
        errors=ERRORS,
        auth=auth,
        pace=Pace(settings.connections, patience=settings.patience),
        timeout=settings.timeout,
        headers=headers,
        retries=settings.retries,
        request_id_header=REQUEST_ID,
        clock=clock,
    )
