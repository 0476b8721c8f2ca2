"""Customers as Visma gives them, changes as the engine makes them, and a HubSpot account at the simulator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import orjson
from pydantic import SecretStr

from ml_connector.engine.bring import Bringer
from ml_connector.engine.deliver import FlowReport, deliver, is_due
from ml_connector.engine.poll import poll
from ml_connector.engine.ports import Entity, Flow, Page
from ml_connector.engine.records import Change, Desired, Mapped, Operation, Record, Result, SourceRow
from ml_connector.engine.windows import Windows
from ml_connector.http import Retries
from ml_connector.simulators.hubspot import HubspotSettings, create_app
from ml_connector.simulators.server import serve
from ml_connector.store.deliveries import State
from ml_connector.store.ledger import Ledger
from ml_connector.systems.hubspot.account import HubSpotAccount
from ml_connector.systems.hubspot.flows import flows
from ml_connector.systems.hubspot.parties import CONTACTS, CUSTOMERS, SUPPLIERS
from ml_connector.systems.hubspot.parties import CUSTOMER_CLASSES as CLASSES
from ml_connector.systems.hubspot.settings import Credentials, Settings
from ml_connector_tests.loopback import client

QUICK = Retries(attempts=3, limits=6, first_pause=0.01, longest_pause=0.02, jitter=0.0, outages=100)
SENT_AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
START = datetime(2026, 11, 1, tzinfo=UTC)
CHANGE_TIME = "2026-11-01T10:00:00"
COMPANY = "nordic"
TARGET = "hubspot"
AT_ONCE: Mapping[str, Any] = {"burst": 1_000_000, "search_lag_seconds": 0.0}


def settings(
    companies: Mapping[str, Any] | None = None,
    contacts: Mapping[str, Any] | None = None,
    url: str = "https://api.hubapi.com",
    suppliers: Mapping[str, Any] | None = None,
    **others: Any,
) -> Settings:
    """A target's block with companies and contacts; what is given goes over the smallest blocks of the flows."""
    chosen = {"companies": dict(companies or {}), "contacts": dict(contacts or {})}
    if suppliers is not None:
        chosen["suppliers"] = dict(suppliers)
    return Settings.model_validate({"base_url": url, "flows": chosen, **others})


def customer(number: str = "10001", email: str | None = "kari@nordfisk.no", **members: Any) -> dict[str, Any]:
    """A customer as Visma shows it."""
    row: dict[str, Any] = {
        "number": number,
        "internalId": int(number) - 10_000 if number.isdigit() else 7,
        "name": "Nordfisk AS",
        "status": "Active",
        "mainAddress": {
            "addressLine1": "Sjøgata 1",
            "addressLine2": None,
            "postalCode": "9008",
            "city": "Tromsø",
            "country": {"id": "NO", "name": "Norge"},
        },
        "mainContact": {"name": "Nordfisk AS", "email": email, "phone1": "+47 77 00 00 00"},
        "customerClass": {"id": "B2B", "description": None},
        "currencyId": "NOK",
        "corporateId": "987654325",
        "vatRegistrationId": "NO987654325MVA",
        "lastModifiedDateTime": CHANGE_TIME,
    }
    return row | members


def supplier(number: str = "50001", **members: Any) -> dict[str, Any]:
    """A supplier as Visma shows it; the business of `customer()`, unless something else is said."""
    row: dict[str, Any] = {
        "number": number,
        "internalId": int(number) - 49_900,
        "name": "Nordfisk AS (leverandør)",
        "status": "Active",
        "mainAddress": {"addressLine1": "Kaien 2", "city": "Tromsø", "country": {"id": "NO", "name": "Norge"}},
        "mainContact": {"email": "ordre@nordfisk.no", "phone1": "+47 77 00 00 01"},
        "supplierClass": {"id": "VARER", "description": None},
        "corporateId": " 987 654 325",
        "vatRegistrationId": "NO987654325MVA",
        "lastModifiedDateTime": CHANGE_TIME,
    }
    return row | members


def contact(number: int = 1, email: str | None = "kari@nordfisk.no", **members: Any) -> dict[str, Any]:
    """A person contact as Visma shows it."""
    row = {"contactId": number, "active": True, "firstName": "Kari", "lastName": "Nordmann", "email": email}
    return row | {"businessAccount": "10001", "lastModifiedDateTime": CHANGE_TIME} | members


def record(row: Mapping[str, Any], *contacts: Mapping[str, Any], vanished: bool = False) -> Record:
    """A landed customer with the contacts that belong to it."""
    return Record(
        key=str(row["number"]),
        changed_at=SENT_AT,
        payload=orjson.dumps(row),
        secondary={
            CONTACTS: [orjson.dumps(one) for one in contacts],
            CLASSES: [orjson.dumps({"id": "B2B", "description": "Companies"})],
        },
        vanished=vanished,
    )


def flow_of(name: str, block: Settings | None = None) -> Flow:
    return next(flow for flow in flows(block or settings(), COMPANY) if flow.name == name)


def mapped(flow: str, row: Mapping[str, Any], *contacts: Mapping[str, Any], **how: Any) -> Mapped:
    vanished = how.pop("vanished", False)
    return flow_of(flow, settings(**how)).map(record(row, *contacts, vanished=vanished))


def desired(flow: str, row: Mapping[str, Any], *contacts: Mapping[str, Any], **how: Any) -> Desired:
    wish = mapped(flow, row, *contacts, **how)
    assert isinstance(wish, Desired), wish
    return wish


def change(
    wish: Desired, key: str = "10001", *, linked_to: str | None = None, facts: Mapping[str, Any] | None = None
) -> Change:
    """The change that brings about what is wished, as the engine plans it."""
    operation = Operation.CREATE
    if linked_to is not None:
        operation = Operation.UPDATE if linked_to == wish.claim else Operation.MOVE
    return Change(key, operation, wish.claim, linked_to, wish.body, wish.create, wish.rule, facts or {}, b"of the body")


def companies(number: int, first: int = 0, **members: Any) -> list[Change]:
    """So many new customers' companies."""
    return [
        change(desired("companies", customer(str(20_000 + index), **members)), str(20_000 + index))
        for index in range(first, first + number)
    ]


class HubSpot:
    """One simulator, talked to over HTTP only."""

    def __init__(self, url: str, settings: HubspotSettings) -> None:
        self.url = url
        self.settings = settings
        self.http = client(base_url=url)

    def start_over(self) -> None:
        self.configure(**asdict(self.settings))
        self.control("reset", {})
        self.faults()

    def configure(self, **settings: Any) -> None:
        """Change settings until the test ends."""
        self.control("settings", settings)

    def control(self, path: str, body: Any = None) -> Any:
        url = f"/_simulator/{path}"
        answer = self.http.get(url) if body is None else self.http.post(url, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def faults(self, *rules: Mapping[str, Any]) -> None:
        self.control("faults", list(rules))

    def records(self, kind: str) -> list[dict[str, Any]]:
        """Every record that is not archived, as its properties with `id`."""
        rows: list[dict[str, Any]] = self.control(f"records/{kind}?count=1000000")["records"]
        return [{**row["properties"], "id": str(row["id"])} for row in rows if not row.get("archived")]

    def one(self, kind: str, **properties: str) -> dict[str, Any]:
        """The one record that has these properties."""
        fitting = [row for row in self.records(kind) if properties.items() <= row.items()]
        assert len(fitting) == 1, fitting
        return fitting[0]

    def make(self, kind: str, **properties: str) -> str:
        """What a person makes at HubSpot; its id."""
        return str(self.control(f"records/{kind}", properties)["id"])

    def edit(self, kind: str, id_: str, **properties: str) -> None:
        self.control(f"records/{kind}/{id_}", properties)

    def delete(self, kind: str, id_: str) -> None:
        self.http.delete(f"/_simulator/records/{kind}/{id_}").raise_for_status()

    def calls(self) -> list[str]:
        """Methods and paths of the API calls since the last time."""
        log = self.control("calls")["log"]
        self.http.delete("/_simulator/calls")
        return [f"{call['method']} {call['path']}" for call in log]

    def linked(self, contact: str, company: str) -> bool:
        """Whether the two are linked."""
        answer = self.http.get(
            f"/crm/v4/objects/contacts/{contact}/associations/companies",
            headers={"Authorization": f"Bearer {self.settings.access_token}"},
        )
        return any(str(one["toObjectId"]) == company for one in answer.json()["results"])

    @property
    def credentials(self) -> Credentials:
        return Credentials(access_token=SecretStr(self.settings.access_token))


@contextmanager
def serve_hubspot() -> Iterator[HubSpot]:
    """A portal on which nothing has to be waited for: neither the next ten seconds, nor what searches find."""
    with serve(create_app(HubspotSettings(**AT_ONCE))) as server:
        served = HubSpot(server.url, HubspotSettings(**AT_ONCE))
        with served.http:
            yield served


@dataclass
class Target:
    """An account at the simulator."""

    hubspot: HubSpot
    account: HubSpotAccount

    def remember(self, keys: Sequence[str], reference: str) -> None:
        raise AssertionError("nothing is handed over under a reference")

    def results(self, flow: str, *changes: Change) -> Iterator[Result]:
        return self.account.writer(flow).deliver(iter(changes), self)

    def deliver(self, flow: str, *changes: Change) -> dict[str, Result]:
        """Deliver, and check that every change has exactly one result."""
        results = list(self.results(flow, *changes))
        assert sorted(result.key for result in results) == sorted(one.key for one in changes)
        return {result.key: result for result in results}

    def send(self, flow: str, wish: Desired, **planned: Any) -> Result:
        return self.deliver(flow, change(wish, **planned))["10001"]


@dataclass
class Visma:
    """What the source holds."""

    rows: dict[str, dict[str, dict[str, Any]]] = field(
        default_factory=lambda: {CUSTOMERS: {}, SUPPLIERS: {}, CONTACTS: {}}
    )
    now: datetime = START + timedelta(hours=1)
    calls: int = 0

    def clock(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def put(self, *rows: Mapping[str, Any]) -> None:
        for row in rows:
            entity = SUPPLIERS if "supplierClass" in row else CUSTOMERS if "number" in row else CONTACTS
            key = str(row["contactId"] if entity == CONTACTS else row["number"])
            self.rows[entity][key] = {**row, "lastModifiedDateTime": self.clock().isoformat()}

    def read(self, entity: str, since: datetime | None) -> Iterator[Page]:
        rows = [
            self._row(key, row)
            for key, row in self.rows.get(entity, {}).items()
            if since is None or datetime.fromisoformat(row["lastModifiedDateTime"]) >= since
        ]
        yield Page(rows, len(rows))

    def _row(self, key: str, row: Mapping[str, Any]) -> SourceRow:
        payload = orjson.dumps(row, option=orjson.OPT_SORT_KEYS)
        changed = datetime.fromisoformat(row["lastModifiedDateTime"])
        return SourceRow(key, row.get("businessAccount"), changed, payload, blake2b(payload, digest_size=16).digest())


@dataclass
class Sync:
    """One company with HubSpot as its target, through the engine."""

    ledger: Ledger
    hubspot: HubSpot
    account: HubSpotAccount
    visma: Visma = field(default_factory=Visma)
    runs: int = 0

    @property
    def flows(self) -> dict[str, Flow]:
        return {flow.name: flow for flow in flows(self.account.client.settings, COMPANY)}

    def read(self, *, whole: bool = False) -> None:
        entities = (
            Entity(CUSTOMERS, "Customers"),
            Entity(SUPPLIERS, "Suppliers"),
            Entity(CONTACTS, "Contacts", secondary=True),
        )
        for entity in entities:
            poll(
                self.visma,
                entity,
                self.ledger,
                run_id=self._run(),
                clock=self.visma.clock,
                whole=whole,
                overlap=timedelta(0),
            )

    def deliver(self, *names: str, only: Sequence[str] | None = None) -> dict[str, FlowReport]:
        """Deliver these flows, or all of them, in one run."""
        run, known, reports = self._run(), self.flows, {}
        for name in names or known:
            reports[name] = deliver(
                known[name],
                self.account.writer(name),
                self.ledger,
                TARGET,
                "hubspot",
                Windows(START, 60),
                run_id=run,
                clock=self.visma.clock,
                only=only,
                bring=Bringer(
                    known,
                    self.account.writer,
                    self.ledger,
                    TARGET,
                    "hubspot",
                    Windows(START, 60),
                    run,
                    self.visma.clock,
                ),
            )
            assert all(tally.adds_up for tally in reports[name].windows.values())
            if reports[name].stopped is not None:
                break
        return reports

    def sync(self, *rows: Mapping[str, Any]) -> dict[str, FlowReport]:
        self.visma.put(*rows)
        self.read()
        return self.deliver()

    def is_due(self) -> bool:
        """Whether a delivery would find something to do now."""
        now = self.visma.clock()
        return any(is_due(flow, self.ledger, TARGET, now) for flow in self.flows.values())

    def settle(self) -> None:
        """What is due is delivered day by day, as by the sensor, until nothing is: no wait is longer than a day."""
        for _ in range(12):
            self.visma.now += timedelta(days=1, minutes=10)
            if not self.is_due():
                return
            self.deliver()
        assert not self.is_due()

    def state(self, flow: str, key: str) -> State:
        one = self.flows[flow]
        return self.ledger.deliveries(TARGET, flow, one.entity, one.secondary).states([key])[key]

    def _run(self) -> str:
        self.runs += 1
        return f"run-{self.runs}"


def counts(report: FlowReport) -> dict[str, int]:
    total = report.total
    return {name: value for name in total.__slots__ if (value := getattr(total, name))}
