"""Creating customer invoices and credit notes: what is taken, and what is refused (Visma reference, section 7)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from ml_connector_tests.simulators.visma_support import Visma

KINDS = {"customerinvoice": "invoiceLines", "customerCreditNote": "lines"}
PERIOD = f"{datetime.now(UTC):%Y%m}"


def wrapped(**members: Any) -> dict[str, Any]:
    return {name: {"value": value} for name, value in members.items()}


def line(**members: Any) -> dict[str, Any]:
    known = {"description": "Lisens", "quantity": 1, "unitPriceInCurrency": 1200.1, "vatCodeId": "3"}
    return {"operation": "Insert", **wrapped(**known | {"accountNumber": "3100"} | members)}


def post(visma: Visma, kind: str = "customerinvoice", lines: Any = None, **members: Any) -> httpx.Response:
    header = {"customerNumber": "10001", "currencyId": "NOK", "financialPeriod": PERIOD, "externalReference": "CBTEST"}
    return visma.http.post(f"/v2/{kind}", json={**wrapped(**header | members), KINDS[kind]: lines or [line()]})


def number_of(answer: httpx.Response) -> str:
    assert (answer.status_code, answer.content) == (201, b"")
    return answer.headers["location"].rpartition("/")[2]


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_is_created_and_found_by_our_reference(visma: Visma, kind: str) -> None:
    """201 without a body; VAT comes from the code; the list's filter finds it."""
    number = number_of(post(visma, kind, hold=True, customerRefNumber="INV-1"))
    (found,) = visma.all(f"/v1/{kind}", externalReference="CBTEST")
    assert (found["referenceNumber"], found["customerRefNumber"], found["status"]) == (number, "INV-1", "Hold")
    assert (found["detailTotalInCurrency"], found["vatTotalInCurrency"]) == (1200.1, 300.03)
    assert (found["amountInCurrency"], found["financialPeriod"]) == (1500.13, PERIOD)
    assert found["invoiceLines"][0]["account"]["number"] == "3100"


def test_the_same_twice_is_two_documents(visma: Visma) -> None:
    """There is no idempotency key."""
    assert number_of(post(visma)) != number_of(post(visma))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [200, 400])
def test_only_what_is_not_on_hold_is_released(visma: Visma, kind: str, status: int) -> None:
    """Hold fails, in a 200 or in a 400; what is released is posted to the lines' own accounts."""
    visma.configure(failed_release=status)
    held, ready = (number_of(post(visma, kind, hold=hold)) for hold in (True, False))
    assert visma.http.post(f"/v1/{kind}/{held}/action/release", json={}).status_code == status
    assert visma.http.post(f"/v1/{kind}/{ready}/action/release", json={}).json()["actionResult"] == "Done"
    assert visma.http.get(f"/v1/{kind}/{ready}").json()["status"] == "Open"
    batch = visma.books()["journals"]["rows"][-1]
    sign = 1 if kind == "customerinvoice" else -1
    posted = {
        one["accountNumber"]: round(one["debitAmount"] - one["creditAmount"], 2)
        for one in batch["journalTransactionLines"]
    }
    assert posted == {"1500": sign * 1500.13, "3100": -sign * 1200.1, "2700": -sign * 300.03}


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_is_of_a_project_and_its_lines_of_tasks(visma: Visma, kind: str) -> None:
    """A line names no project of its own; one without a task has none."""
    lines = [line(taskId="LISENS"), line(), line(project="P-INT")]
    number = number_of(post(visma, kind, lines, project="P-ABO"))
    row = visma.http.get(f"/v1/{kind}/{number}").json()
    assert row["project"] == {"internalId": 41, "id": "P-ABO", "description": "Abonnement"}
    tasks = [one["projectTask"] for one in row["invoiceLines"]]
    assert tasks == [{"internalId": 410, "id": "LISENS", "description": "Lisenser"}, None, None]


def test_a_credit_of_an_invoice_is_of_its_project(visma: Visma) -> None:
    number = number_of(post(visma, lines=[line(taskId="LISENS")], project="P-ABO"))
    visma.http.post(f"/v1/customerinvoice/{number}/action/release", json={})
    note = visma.control("POST", f"invoices/{number}/credit", {})["credit_note"]
    assert (note["project"]["id"], note["invoiceLines"][0]["projectTask"]["id"]) == ("P-ABO", "LISENS")


WRONG: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "'Customer' '9'": ({}, {"customerNumber": "9"}),
    "'Account' '9999'": ({"accountNumber": "9999"}, {}),
    "'VAT code' 'X'": ({"vatCodeId": "X"}, {}),
    "'Currency' 'XXX'": ({}, {"currencyId": "XXX"}),
    "'Branch' '9'": ({}, {"branchNumber": "9"}),
    "'Project' 'P-NIX'": ({}, {"project": "P-NIX"}),
    "'Project Task' 'NIX'": ({"taskId": "NIX"}, {"project": "P-ABO"}),
    "'Project Task' 'LISENS'": ({"taskId": "LISENS"}, {}),
    "does not exist": ({}, {"financialPeriod": "209913"}),
    "number series": ({}, {"referenceNumber": "7"}),
    "could not be converted": ({"quantity": "1"}, {}),
}


@pytest.mark.parametrize("words", WRONG)
def test_what_is_wrong_is_a_400_with_a_message(visma: Visma, words: str) -> None:
    of_line, members = WRONG[words]
    answer = post(visma, lines=[line(**of_line)], **members)
    assert (answer.status_code, words in answer.json()["message"]) == (400, True)
