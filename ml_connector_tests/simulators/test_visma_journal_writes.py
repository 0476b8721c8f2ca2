"""Creating journal transactions: what is taken, and what is refused (Visma reference, section 7)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from ml_connector_tests.simulators.visma_support import Visma

PATH = "/v2/journaltransaction"
TODAY = datetime.now(UTC)
PERIOD, LATER = f"{TODAY:%Y%m}", f"{TODAY.year + 1}02"


def wrapped(**members: Any) -> dict[str, Any]:
    return {name: {"value": value} for name, value in members.items()}


def line(account: str, **members: Any) -> dict[str, Any]:
    return {"operation": "Insert", **wrapped(accountNumber=account, referenceNumber="CBTEST", **members)}


def body(*lines: dict[str, Any], **members: Any) -> dict[str, Any]:
    both = [line("1530", debitAmountInCurrency=10.5), line("3000", creditAmountInCurrency=10.5)]
    return {**wrapped(financialPeriod=PERIOD, **members), "journalTransactionLines": list(lines) or both}


def post(visma: Visma, *lines: dict[str, Any], **members: Any) -> httpx.Response:
    return visma.http.post(PATH, json=body(*lines, **members))


def test_a_batch_is_created_and_read_again(visma: Visma) -> None:
    """201 without a body, the number at the end of `Location`; on hold or balanced as asked; then it is in the list."""
    answer = post(visma, hold=True, description="Abonnement", transactionDate=f"{TODAY:%Y-%m-%d}")
    assert (answer.status_code, answer.content) == (201, b"")
    number = answer.headers["location"].rpartition("/")[2]
    read = visma.http.get(f"{PATH}/{number}").json()
    assert (read["module"], read["status"], read["financialPeriod"]) == ("ModuleGL", "Hold", PERIOD)
    assert (read["debitTotal"], read["creditTotal"]) == (10.5, 10.5)
    assert {one["referenceNumber"] for one in read["journalTransactionLines"]} == {"CBTEST"}
    listed = visma.all(PATH, periodId=PERIOD, module="GL")
    assert number in {batch["batchNumber"] for batch in listed}


def test_the_same_twice_is_two_batches(visma: Visma) -> None:
    """There is no idempotency key."""
    assert post(visma).headers["location"] != post(visma).headers["location"]


def test_amounts_in_a_currency_are_turned_into_the_base_currency(visma: Visma) -> None:
    lines = [line("1530", debitAmountInCurrency=100), line("3000", creditAmountInCurrency=100)]
    number = post(visma, *lines, currencyId="EUR", exchangeRate=11.5).headers["location"].rpartition("/")[2]
    read = visma.http.get(f"{PATH}/{number}").json()
    assert (read["debitTotal"], read["debitTotalInCurrency"]) == (1150, 100)


def test_a_line_is_of_a_project_and_has_its_note(visma: Visma) -> None:
    """Shown with their descriptions; a line that names none has none."""
    named = {"project": "P-INT", "projectTask": "LISENS", "note": "li_1"}
    lines = [line("1530", debitAmountInCurrency=1), line("3000", creditAmountInCurrency=1, **named)]
    number = post(visma, *lines).headers["location"].rpartition("/")[2]
    bare, of_one = visma.http.get(f"{PATH}/{number}").json()["journalTransactionLines"]
    assert (bare["project"], bare["projectTask"], bare["note"]) == (None, None, None)
    assert of_one["project"] == {"internalId": 42, "id": "P-INT", "description": "Internt"}
    assert (of_one["projectTask"]["description"], of_one["note"]) == ("Egne lisenser", "li_1")


BAD_LINES: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "not balanced": ([line("1530", debitAmountInCurrency=10)], {}),
    "'Account' '9999'": ([line("9999", debitAmountInCurrency=0)], {}),
    "control account": ([line("1500", debitAmountInCurrency=0)], {}),
    "'VAT code' 'X'": ([line("3000", vatCodeId="X", debitAmountInCurrency=0)], {}),
    "'Subaccount' '99-0000'": (
        [
            {
                **line("3000", debitAmountInCurrency=0),
                "subaccount": [{"segmentId": 1, "segmentValue": "99"}, {"segmentId": 2, "segmentValue": "0000"}],
            }
        ],
        {},
    ),
    "'Project' 'P-NIX'": ([line("3000", project="P-NIX", debitAmountInCurrency=0)], {}),
    "'Project Task' 'NIX'": ([line("3000", project="P-ABO", projectTask="NIX", debitAmountInCurrency=0)], {}),
    "'Project Task' 'OPPSTART'": ([line("3000", project="P-INT", projectTask="OPPSTART", debitAmountInCurrency=0)], {}),
    "'Project Task' 'LISENS'": ([line("3000", projectTask="LISENS", debitAmountInCurrency=0)], {}),
    "either a debit amount or a credit": (
        [line("3000", debitAmountInCurrency=5, creditAmountInCurrency=5)],
        {},
    ),
    "'Branch' '9'": ([], {"branch": "9"}),
    "'Currency' 'XXX'": ([], {"currencyId": "XXX"}),
    "does not exist": ([], {"financialPeriod": "209913"}),
}


@pytest.mark.parametrize("words", BAD_LINES)
def test_what_is_wrong_is_a_400_with_a_message(visma: Visma, words: str) -> None:
    lines, members = BAD_LINES[words]
    wrong = body(*lines)
    wrong |= wrapped(**members)
    answer = visma.http.post(PATH, json=wrong)
    assert answer.status_code == 400
    assert words in answer.json()["message"]


def test_a_scalar_that_is_not_wrapped_is_refused(visma: Visma) -> None:
    assert visma.http.post(PATH, json=body() | {"description": "plain"}).status_code == 400


def test_a_closed_period_takes_nothing(visma: Visma) -> None:
    """And says so in the list of periods."""
    visma.control("POST", f"periods/{PERIOD}/close")
    answer = post(visma)
    assert (answer.status_code, "closed in the general ledger" in answer.json()["message"]) == (400, True)
    closed = {row["startDate"][:7] for row in visma.http.get("/v1/financialPeriod").json() if _closed(row)}
    assert f"{TODAY:%Y-%m}" in closed
    visma.control("POST", f"periods/{PERIOD}/open")
    assert post(visma).status_code == 201


def _closed(row: dict[str, Any]) -> bool:
    return bool(row["closedInGeneralLedger"])


@pytest.mark.parametrize("status", [200, 400])
def test_only_a_balanced_batch_is_released(visma: Visma, status: int) -> None:
    """Hold fails, in a 200 or in a 400."""
    visma.configure(failed_release=status)
    held, balanced = (post(visma, hold=hold).headers["location"].rpartition("/")[2] for hold in (True, False))
    refused = visma.http.post(f"{PATH}/{held}/action/release", json={})
    assert refused.status_code == status
    if status == 200:
        assert refused.json()["actionResult"] == "Failed"
    assert visma.http.post(f"{PATH}/{balanced}/action/release", json={}).json()["actionResult"] == "Done"
    assert visma.http.get(f"{PATH}/{balanced}").json()["status"] == "Posted"


def test_an_error_may_have_been_a_success(visma: Visma) -> None:
    """500, and the batch stands all the same."""
    before = len(visma.all(PATH, periodId=PERIOD))
    visma.control("POST", "faults", [{"fault": "false_error", "path": PATH, "method": "POST", "times": 1}])
    assert post(visma).status_code == 500
    assert len(visma.all(PATH, periodId=PERIOD)) == before + 1


def test_creating_needs_its_scope(visma: Visma) -> None:
    reading = visma.with_token(scope="vismanet_erp_service_api:read")
    assert visma.anonymous.post(PATH, json=body(), headers=reading).status_code == 403


def test_the_ledger_sums_what_was_posted(visma: Visma) -> None:
    """By period and account, debit less credit."""
    before = visma.control("GET", "ledger").get(LATER, {})
    lines = [line("1530", debitAmountInCurrency=10.55), line("3000", creditAmountInCurrency=10.55)]
    assert visma.http.post(PATH, json=body(*lines) | wrapped(financialPeriod=LATER)).status_code == 201
    assert (before, visma.control("GET", "ledger")[LATER]) == ({}, {"1530": "10.55", "3000": "-10.55"})
