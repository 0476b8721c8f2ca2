"""What the Visma simulator can be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ml_connector.simulators.settings import SimulatorSettings

DEFAULT_PAGE_SIZE = 100
"""Rows on a page when `pageSize` is left out; the vendor's number is unknown (Visma reference, section 3)."""


@dataclass
class VismaSettings(SimulatorSettings):
    """One company at Visma.

    `customers`, `suppliers`, `invoices`, `journals`, `seed`, `awkward`, `contacts_share`, `started_at` and `timezone`
    take effect at the start and at a reset, the rest at once. Section numbers are the Visma reference's.

    Attributes:
        customers: how many customers there are at the start.
        suppliers: how many suppliers.
        invoices: how many customer invoices; some are paid, some credited. They and the journal are made when they are
            first asked for.
        journals: how many batches of the general ledger and of the suppliers' ledger, besides those that invoices,
            payments and credit notes post.
        seed: the same seed makes the same rows.
        awkward: whether the awkward cases of `awkward.py`, `supplier_rows.py`, `invoice_cases.py` and
            `journal_cases.py` are among them.
        contacts_share: share of the customers and suppliers that have person contacts.
        started_at: the moment that all first stamps lie before; None means now.
        client_id, client_secret: the one application that gets tokens.
        tenant_id: the company's tenant; its tokens work.
        customer_tenant_id: gets a token too, which the API refuses with 401 (section 2).
        company_id: the company's number, for the header `ipp-company-id`.
        require_company_id: whether a call without the right header is refused (fault 12002, section 9).
        token_seconds: how long a token is good.
        timezone: the zone of the offset-less stamps and of filter values (section 5).
        strict_greater: whether `>` means after (2026) or at-or-after (2024).
        rate_limit, rate_limit_window_seconds: calls in a fixed window (section 9).
        burst: calls within any second; None means no such limit.
        max_page_size: the largest page by endpoint (1,000 where it says nothing); larger requests are cut silently
            (section 3).
        conflict_status: the answer to an `If-Match` that no longer matches: 412, or 409 as some endpoints declare.
        credit_notes_among_invoices: whether `/v1/customerinvoice` lists credit notes too; that they have only a list
            of their own is inferred (section 7).
        payments_touch_invoices: whether a payment or credit stamps the invoice as modified; nobody documents it
            (section 13).
        journal_operator: what `lastModifiedDateTime` means for journal transactions, which take no condition
            (section 4): `>=`, `>`, `<=` or `<`.
        project_key: what the rows of `/v1/project` call a project's id, which nobody documents.
        location_base: scheme and host of `Location`, which need not be the host that was called (section 1).
    """

    customers: int = 2000
    suppliers: int = 24
    invoices: int = 60
    journals: int = 24
    seed: int = 1
    awkward: bool = True
    contacts_share: float = 0.4
    started_at: datetime | None = None
    client_id: str = "isv_demo"
    client_secret: str = "demo-secret"  # noqa: S105 - opens nothing but this simulator
    tenant_id: str = "6a1f0c52-3d0e-4a7b-9a55-0f6d8d7c1e10"
    customer_tenant_id: str = "f3b0a9d4-5c1e-4f0a-8a6e-2b7c9d8e0f11"
    company_id: str = "1234567"
    require_company_id: bool = False
    token_seconds: int = 3600
    timezone: str = "Europe/Oslo"
    strict_greater: bool = True
    rate_limit: int = 15_000
    rate_limit_window_seconds: int = 3600
    burst: int | None = None
    max_page_size: dict[str, int] = field(
        default_factory=lambda: {
            "customer": 1000,
            "supplier": 500,
            "customerinvoice": 100,
            "customerCreditNote": 100,
            "journaltransaction": 500,  # lines
            "subaccount": 1000,
            "creditTerm": 100,
        }
    )
    conflict_status: int = 412
    credit_notes_among_invoices: bool = False
    payments_touch_invoices: bool = True
    journal_operator: str = ">="
    failed_release: int = 200
    project_key: str = "id"
    location_base: str = "https://api.finance.visma.net"
