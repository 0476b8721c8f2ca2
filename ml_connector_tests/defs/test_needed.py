"""A company's poll reads what its flows deliver and look up, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from ml_connector.config import Config
from ml_connector.defs.build import build_definitions
from ml_connector.defs.jobs import read_config
from ml_connector.defs.names import range_tags
from ml_connector.defs.site import Site
from ml_connector.defs.work import FIRST_WINDOWS, to_read
from ml_connector.engine.records import Mapped, Record, Skip
from ml_connector_tests.defs.place import QUIET, Place, events

JOURNALS = "visma.journal_transactions"


@dataclass
class Needing:
    """A flow that needs these entities; what it would do with them is of no concern here."""

    entity: str
    secondary: tuple[str, ...] = ()
    reference: tuple[str, ...] = ()
    name: str = "needing"
    title: str = "Needing"
    fingerprint: str = "1"
    fields: Mapping[str, str] = field(default_factory=dict)
    withdrawal: Mapping[str, Any] | None = None
    settle: timedelta = timedelta()
    on_rejected_fail: bool = False
    made: None = None

    def map(self, record: Record) -> Mapped:
        return Skip("of no concern")


def needing(place: Place, *flows: Needing) -> Config:
    """The place's configuration, its target with these flows."""
    config, company = place.config, place.company
    target = replace(place.target, flows=list(flows))
    return replace(config, companies={"nordic": replace(company, targets={"mailchimp": target})})


def source_assets(definitions: dg.Definitions) -> set[str]:
    keys = {spec.key.to_user_string() for spec in definitions.resolve_all_asset_specs()}
    return {key for key in keys if key.startswith("nordic/visma/")}


def poll(place: Place, config: Config, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    job = build_definitions(config, place.home).resolve_job_def("nordic__poll")
    window = place.windows(0)[0]
    return job.execute_in_process(
        instance=instance,
        tags=dict(range_tags(window, window)),
        run_config={**QUIET, **read_config(config.company("nordic"), config.company("nordic").source, full=False)},
        raise_on_error=False,
    )


def test_a_company_with_mailchimp_alone_asks_for_customers_contacts_and_classes(
    place: Place, instance: dg.DagsterInstance
) -> None:
    """What others could need is neither shown nor read: not one call more is made."""
    assert source_assets(place.definitions()) == {
        "nordic/visma/customers",
        "nordic/visma/contacts",
        "nordic/visma/customer_classes",
    }
    place.ask("visma", "DELETE", "calls")
    assert place.poll(instance).success
    routes = place.ask("visma", "GET", "calls")["by_route"]
    assert {route: count for route, count in routes.items() if "token" not in route} == {
        "GET /v1/customer": 1,
        "GET /v1/contact": 1,
        "GET /v1/customer/customerClass": 1,
    }


def test_a_flow_brings_its_entities_with_it(place: Place, instance: dg.DagsterInstance) -> None:
    """What it delivers, then what belongs to that, and what it looks up; of two flows each entity once."""
    config = needing(
        place,
        Needing("visma.suppliers", ("visma.contacts",), ("visma.credit_terms",)),
        Needing("visma.customer_invoices", reference=("visma.credit_terms", "visma.vat_codes"), name="invoices"),
    )
    names = ["suppliers", "customer_invoices", "contacts", "credit_terms", "vat_codes"]  # what belongs to others last
    assert [entity.name for entity in config.company("nordic").entities] == [f"visma.{name}" for name in names]
    assert source_assets(build_definitions(config, place.home)) == {f"nordic/visma/{name}" for name in names}
    assert Site(config, place.home).assets >= {dg.AssetKey(["nordic", "visma", name]) for name in names}
    assert poll(place, config, instance).success
    with place.home.open() as home:
        covered = {name: home.ledger("nordic").readings.coverage(f"visma.{name}").until for name in names}
        assert all(covered.values())
        assert home.ledger("nordic").readings.coverage("visma.customers").until is None


def test_an_entity_that_nobody_needs_holds_up_no_poll(place: Place, instance: dg.DagsterInstance) -> None:
    """The first window of a poll follows from what is read, not from what could be read."""
    assert place.poll(instance).success
    with place.home.open() as home:
        assert to_read(home, place.company, place.company.source, place.now()).first == place.windows(0)[0]
        other, now = needing(place, Needing(JOURNALS)).company("nordic"), place.now()
        reach = max(other.windows.start, now - FIRST_WINDOWS * other.windows.length)
        assert to_read(home, other, other.source, now).first == other.windows.key(reach, now)


@pytest.mark.parametrize("rests", [True, False])
def test_coverage_of_journals_does_not_pass_a_batch_that_is_incomplete(
    place: Place, instance: dg.DagsterInstance, rests: bool
) -> None:
    """failures.md 29: batches that change whenever pages cut them stop the read; the next one asks for all again."""
    config = needing(place, Needing(JOURNALS))
    place.ask("visma", "POST", "settings", {"max_page_size": {"journaltransaction": 40}})
    place.faults("visma", *[] if rests else [{"fault": "rows_move", "path": "^/v2/"}])
    done = poll(place, config, instance)
    assert done.success is rests
    with place.home.open() as home:
        assert (home.ledger("nordic").readings.coverage(JOURNALS).until is not None) is rests
    assert ("batches" in "".join(events(instance, done.run_id))) is not rests
    if not rests:
        place.faults("visma")
        assert poll(place, config, instance).success
    total = place.ask("visma", "GET", "books?count=0")["journals"]["total"]
    with place.home.open() as home:
        assert home.ledger("nordic").readings.missing(JOURNALS, 0) == (total, total)
