"""A Visma simulator on loopback, and how tests talk to it: over HTTP only."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx

from ml_connector.simulators.server import serve
from ml_connector.simulators.visma import VismaSettings, create_app
from ml_connector_tests.loopback import client

CUSTOMERS = 240
ORDINARY = "10001"
"""The first row is an ordinary customer in every set."""
API = "vismanet_erp_service_api"
ALL_SCOPES = " ".join(f"{API}:{right}" for right in ("read", "create", "update", "delete"))


def _midnight() -> str:
    return f"{datetime.now(UTC).date()}T00:00:00"


class Visma:
    """One simulator; calls return the response as it came."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.settings = VismaSettings(customers=CUSTOMERS)
        self.anonymous = client(base_url=url)
        self.http = client(base_url=url)

    def start_over(self) -> None:
        """The rows, settings and token of a new simulator."""
        self.control("PUT", "settings", asdict(self.settings))
        self.control("POST", "reset")
        self.http.headers["authorization"] = f"Bearer {self.token()}"
        self.control("DELETE", "calls")

    def close(self) -> None:
        self.anonymous.close()
        self.http.close()

    def ask_token(self, **changes: str | None) -> httpx.Response:
        """The token call; a field changed to None is left out."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.settings.client_id,
            "client_secret": self.settings.client_secret,
            "tenant_id": self.settings.tenant_id,
            "scope": ALL_SCOPES,
        } | changes
        return self.anonymous.post("/connect/token", data={key: text for key, text in form.items() if text is not None})

    def token(self, **changes: str | None) -> str:
        token: str = self.ask_token(**changes).raise_for_status().json()["access_token"]
        return token

    def with_token(self, **changes: str | None) -> dict[str, str]:
        """Headers with a token of its own."""
        return {"authorization": f"Bearer {self.token(**changes)}"}

    def rows(self, path: str, **query: str | int) -> list[dict[str, Any]]:
        """The rows of one list call, which must succeed."""
        rows: list[dict[str, Any]] = self.http.get(path, params=query).raise_for_status().json()
        return rows

    def pages(self, path: str, size: int, **query: str | int) -> list[list[dict[str, Any]]]:
        """Every page of a list, to the empty one."""
        pages = []
        while rows := self.rows(path, **query, pageNumber=len(pages) + 1, pageSize=size):
            pages.append(rows)
        return pages

    def all(self, path: str, **query: str | int) -> list[dict[str, Any]]:
        """Every row of a paged list, without the metadata."""
        found = [row for page in self.pages(path, 1000, **query) for row in page]
        return [{name: value for name, value in row.items() if name != "metadata"} for row in found]

    def books(self) -> dict[str, Any]:
        """The invoices, the credit notes, the journal, and which of them are awkward."""
        books: dict[str, Any] = self.control("GET", "books?count=10000")
        return books

    def invoice(self, case: str) -> dict[str, Any]:
        """The invoice that stands for an awkward case."""
        number = self.control("GET", "books?count=0")["awkward_invoices"][case][0]
        row: dict[str, Any] = self.http.get(f"/v1/customerinvoice/{number}").raise_for_status().json()
        return row

    def find(self, **query: str | int) -> list[dict[str, Any]]:
        """The rows of one customer list call, which must succeed."""
        return self.rows("/v1/customer", **query)

    def numbers(self, **query: str | int) -> list[str]:
        """The numbers that a customer list call finds."""
        return [row["number"] for row in self.find(**({"pageSize": 1000} | query))]

    def read(self, number: str = ORDINARY) -> dict[str, Any]:
        row: dict[str, Any] = self.http.get(f"/v1/customer/{number}").raise_for_status().json()
        return row

    def put(self, body: Mapping[str, Any], number: str = ORDINARY, **headers: str) -> httpx.Response:
        return self.http.put(f"/v1/customer/{number}", json=body, headers=headers)

    def control(self, method: str, path: str, body: object = None) -> Any:
        """A control call, which must succeed."""
        return self.anonymous.request(method, f"/_simulator/{path}", json=body).raise_for_status().json()

    def order(self, *lines: Mapping[str, object], customer: str = ORDINARY, **more: object) -> dict[str, Any]:
        """A released invoice, by default of two hundred kroner, dated by UTC: a company's day may begin earlier, and
        what is dated tomorrow waits until it is tomorrow at Chargebee, too."""
        chosen = list(lines) or [{"price": "100.00", "quantity": 2}]
        body = {"customer": customer, "lines": chosen, "day": str(datetime.now(UTC).date()), **more}
        made: dict[str, Any] = self.control("POST", "invoices", body)
        return made

    def credit(self, number: str, *lines: int) -> dict[str, Any]:
        """A credit note for an invoice, or for these lines of it, dated by UTC likewise."""
        note = self.control("POST", f"invoices/{number}/credit", {"lines": lines})["credit_note"]
        dated = {"documentDate": _midnight()}
        made: dict[str, Any] = self.control("PATCH", f"credit-notes/{note['referenceNumber']}", dated)
        return made

    def pay(self, number: str, amount: float | None = None) -> None:
        """A payment of an invoice, by default of all that is open, dated by UTC likewise."""
        paid = self.control("POST", f"invoices/{number}/pay", {} if amount is None else {"amount": amount})
        *before, newest = paid["applications"]
        applied = [*before, {**newest, "applicationDate": _midnight()}]
        self.control("PATCH", f"invoices/{number}", {"applications": applied})

    def configure(self, **settings: object) -> None:
        self.control("POST", "settings", settings)

    def fault(self, fault: str, **rule: object) -> None:
        """Put one fault in force, on the customer paths unless the rule says otherwise."""
        self.control("POST", "faults", [{"fault": fault, "path": "^/v1/customer"} | rule])

    def patch(self, number: str = ORDINARY, /, **members: object) -> dict[str, Any]:
        """Change a customer as a person in the vendor's user interface would."""
        row: dict[str, Any] = self.control("PATCH", f"customers/{number}", members)
        return row

    def awkward(self, case: str) -> dict[str, Any]:
        """The customer that stands for an awkward case, as the list call shows it."""
        number = self.control("GET", "state?count=0")["awkward"][case][0]
        return self.read(number)


def money(row: Mapping[str, Any], name: str) -> Decimal:
    """An amount as it is written in the JSON."""
    return Decimal(str(row[name]))


@contextlib.contextmanager
def serve_visma() -> Iterator[Visma]:
    """A simulator with 240 customers until the block ends."""
    app = create_app(VismaSettings(customers=CUSTOMERS))
    with serve(app) as served, contextlib.closing(Visma(served.url)) as visma:
        yield visma
