"""Outages while invoices and transactions go to HubSpot, through the whole path."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import yaml

from ml_connector_tests.faults.outages import SETTLE, trouble, wait_out
from ml_connector_tests.faults.site import COMPANY, Site, open_site, switch_on
from ml_connector_tests.faults.test_kill_invoices import compare, compare_transactions, documents
from ml_connector_tests.faults.test_kill_invoices import problems as problems_of_documents
from ml_connector_tests.loopback import HTTP

LATE = 8.0  # seconds, more than two syncs take up to their calls
FEW = 3
WRITES = ("/invoices/batch/upsert", "/line_items/batch/upsert", "/commerce_payments/batch/upsert")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that delivers documents to HubSpot, and was synchronised once."""
    with open_site(tmp_path_factory.mktemp("site"), customers=40, targets=("hubspot",)) as opened:
        switch_on(opened, payments="records")
        document = yaml.safe_load(opened.home.config_path.read_text())
        document["companies"][COMPANY]["targets"]["hubspot"]["settle"] = f"{SETTLE.seconds}s"
        opened.home.config_path.write_text(yaml.safe_dump(document))
        assert opened.sync() == 0
        yield opened


def pay(site: Site) -> list[str]:
    """Some invoices that are open and that HubSpot has are paid in part; their numbers."""
    made = site.hubspot.control("records/invoices?count=100000")["records"]
    keys = {one["properties"]["visma_invoice_key"] for one in made}
    open_ones = [row["referenceNumber"] for row in documents(site) if row["status"] == "Open"]
    chosen = [number for number in open_ones if f"{COMPANY}:Invoice-{number}" in keys][:FEW]
    for number in chosen:
        pay_again(site, number)
    return chosen


def pay_again(site: Site, number: str) -> None:
    HTTP.post(f"{site.visma.url}/_simulator/invoices/{number}/pay", json={"amount": 1.11}).raise_for_status()


def waiting(site: Site) -> set[str]:
    """Why documents are not where they should be, apart from those in a currency that the account does not have."""
    return set(problems_of_documents(site)) - {"currency"}


def test_an_invoice_that_commits_late_never_ends_on_top_of_a_newer_one(site: Site) -> None:
    """failures.md 35, for documents: the repetitions were answered; the first tries still are to be waited for."""
    paid = pay(site)
    late = [{"fault": "late_commit", "path": path, "times": 1, "seconds": LATE} for path in WRITES]
    with trouble(site.hubspot, *late):
        assert site.sync() == 0
        for number in paid:
            pay_again(site, number)
        assert site.sync() == 0
        assert waiting(site) == {"in doubt"}
        while site.hubspot.control("faults")["pending"]:
            time.sleep(0.1)
    wait_out(site)
    assert site.sync() == 0
    assert not waiting(site)
    assert compare(site) > len(documents(site)) * 0.8
    assert compare_transactions(site) > 20
