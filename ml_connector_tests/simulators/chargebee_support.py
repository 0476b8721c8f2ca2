"""A Chargebee simulator on loopback, how tests talk to it, and a receiver of its webhooks: over HTTP only."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ml_connector.simulators.chargebee import ChargebeeSettings, create_app
from ml_connector.simulators.server import serve
from ml_connector_tests.loopback import client
from ml_connector_tests.simulators.support import Simulated, serving

KARI = "V-10001"
DAY = 86_400
ADDRESS = {"line1": "Storgata 1", "city": "Tromsø", "zip": "9008", "country": "NO"}
ITEM = {"item_price_id": "standard", "item_type": "plan", "unit_price": 30_000}


class Chargebee(Simulated):
    """One simulator; every call returns the response as it came."""

    patience = 60

    def __init__(self, url: str, settings: ChargebeeSettings) -> None:
        super().__init__(url, settings)
        self.settings = settings
        self.http = client(base_url=f"{url}/api/v2", auth=(settings.api_key, ""))

    def now(self) -> int:
        moment: int = self.control("clock")["now"]
        return moment

    def post(self, path: str, key: str | None = None, headers: Mapping[str, str] | None = None, **form: Any) -> Any:
        """A write; nested dicts and lists of dicts are sent as brackets."""
        sent = {**(headers or {}), **({} if key is None else {"chargebee-idempotency-key": key})}
        return self.http.post(path, data=brackets(form), headers=sent)

    def done(self, path: str, **form: Any) -> dict[str, Any]:
        """The body of a write that succeeds."""
        answer = self.post(path, **form)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self.http.get(path, params=query)

    def read(self, path: str, **query: Any) -> dict[str, Any]:
        """The body of a read that succeeds."""
        answer = self.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def listed(self, kind: str, **query: Any) -> list[Any]:
        """Every row of a list, page by page."""
        name, rows = {"credit_notes": "credit_note"}.get(kind, kind[:-1]), []
        while True:
            body = self.read(f"/{kind}", **query)
            rows += [row[name] for row in body["list"]]
            if "next_offset" not in body:
                return rows
            query = {**query, "offset": body["next_offset"]}

    def customer(self, customer_id: str = KARI, **form: Any) -> dict[str, Any]:
        """A new customer."""
        whole = {"id": customer_id, "auto_collection": "off", **form}
        customer: dict[str, Any] = self.done("/customers", **whole)["customer"]
        return customer

    def invoice(self, invoice_id: str = "VN-1", **form: Any) -> dict[str, Any]:
        """An imported invoice of 125 kroner."""
        invoice: dict[str, Any] = self.done("/invoices/import_invoice", **invoice_form(self, invoice_id, **form))[
            "invoice"
        ]
        return invoice

    def subscribe(self, subscription_id: str = "S-1", **body: Any) -> dict[str, Any]:
        """A new subscription of Kari's, who is made if need be."""
        customer_id = body.setdefault("customer_id", KARI)
        if self.get(f"/customers/{customer_id}").status_code == 404:
            self.control("customers", {"id": customer_id, "auto_collection": "off"})
        made: dict[str, Any] = self.control("subscriptions", {"id": subscription_id, "items": [ITEM], **body})
        return made

    def events(self, *types: str) -> list[Any]:
        """All events in their order, or those of these types."""
        query = {"event_type[in]": json.dumps(types)} if types else {}
        return self.listed("events", limit=100, **{"sort_by[asc]": "occurred_at"}, **query)

    def types(self) -> list[str]:
        return [event["event_type"] for event in self.events()]


def brackets(form: Mapping[str, Any]) -> dict[str, str]:
    """The form as it is sent: `line_items[amount][0]` for a list of dicts, `a[b]` for a dict; None is left out."""
    flat: dict[str, str] = {}
    for name, value in form.items():
        if isinstance(value, Mapping):
            flat.update({f"{name}[{key}]": text_of(inner) for key, inner in value.items() if inner is not None})
        elif isinstance(value, list):
            for index, element in enumerate(value):
                flat.update({f"{name}[{key}][{index}]": text_of(inner) for key, inner in element.items()})
        elif value is not None:
            flat[name] = text_of(value)
    return flat


def text_of(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def invoice_form(chargebee: Chargebee, invoice_id: str = "VN-1", **form: Any) -> dict[str, Any]:
    """The parameters of an import that is right in every way: 100 kroner and 25 % tax."""
    return {
        "id": invoice_id,
        "customer_id": KARI,
        "currency_code": "NOK",
        "date": chargebee.now() - DAY,
        "due_date": chargebee.now() + 13 * DAY,
        "status": "posted",
        "total": 12_500,
        "line_items": [
            {
                "description": "Lisens",
                "unit_amount": 5_000,
                "quantity": 2,
                "amount": 10_000,
                "tax1_name": "MVA",
                "tax1_amount": 2_500,
            }
        ],
        "taxes": [{"name": "MVA", "rate": 25, "amount": 2_500}],
        **form,
    }


def refusal(answer: httpx.Response) -> tuple[int, str, str | None]:
    """Status, code and parameter of an error's body."""
    body = answer.json()
    return answer.status_code, body["api_error_code"], body.get("param")


@dataclass
class Receiver:
    """Takes webhooks, and answers 200 unless `answers` says otherwise."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    credentials: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    answer: Callable[[dict[str, Any], int], int] = lambda _event, _attempt: 200
    attempts: Counter[str] = field(default_factory=Counter)

    def ids(self) -> list[str]:
        return [body["id"] for body in self.bodies]

    def take(self, body: dict[str, Any], credentials: str) -> int:
        self.bodies.append(body)
        self.credentials.append(credentials)
        self.times.append(time.monotonic())
        self.attempts[body["id"]] += 1
        return self.answer(body, self.attempts[body["id"]])


@contextlib.contextmanager
def serve_receiver() -> Iterator[Receiver]:
    """Serve a receiver for as long as the block runs."""
    receiver = Receiver()

    async def hook(request: Request) -> Response:
        status = receiver.take(json.loads(await request.body()), request.headers.get("authorization", ""))
        return Response(status_code=status)

    with serve(Starlette(routes=[Route("/hook", hook, methods=["POST"])])) as served:
        receiver.url = f"{served.url}/hook"
        yield receiver


def quiet(chargebee: Chargebee, seconds: float = 20) -> dict[str, Any]:
    """Wait until no webhook is under way."""
    for _ in range(int(seconds / 0.02)):
        webhooks: dict[str, Any] = chargebee.control("webhooks")
        if not (webhooks["waiting"] or webhooks["retrying"] or webhooks["in_flight"]):
            return webhooks
        time.sleep(0.02)
    raise AssertionError(f"webhooks do not come to rest: {webhooks}")


@contextlib.contextmanager
def serve_chargebee(**settings: Any) -> Iterator[Chargebee]:
    """Serve a simulator with these settings for as long as the block runs."""
    with serving(create_app, Chargebee, ChargebeeSettings(**settings)) as chargebee:
        yield chargebee
