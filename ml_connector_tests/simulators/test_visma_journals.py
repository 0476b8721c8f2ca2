"""Journal transactions: pages that count lines, a filter without an operator, books that balance (Visma reference,
sections 3, 4, 6 and 7)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from ml_connector_tests.simulators.visma_support import ORDINARY, Visma, money

PATH = "/v2/journaltransaction"
SINCE = {"lastModifiedDateTime": "2000-01-01"}
LINES = "journalTransactionLines"
TWO = [{"account": "6300", "debit": "10.00"}, {"account": "1920", "credit": "10.00"}]


def key(batch: dict[str, Any]) -> str:
    return f"{batch['module'].removeprefix('Module')}-{batch['batchNumber']}"


def batches(visma: Visma) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = visma.books()["journals"]["rows"]
    return rows


def added(lines: Sequence[dict[str, Any]], name: str) -> Decimal:
    return sum((money(line, name) for line in lines), Decimal())


def test_debit_equals_credit_in_every_batch(visma: Visma) -> None:
    """In both currencies, and the header says the same as the lines."""
    found = batches(visma)
    assert len(found) > 100
    for batch in found:
        for suffix in ("", "InCurrency"):
            debit = added(batch[LINES], f"debitAmount{suffix}")
            assert debit == added(batch[LINES], f"creditAmount{suffix}")
            assert debit == money(batch, f"debitTotal{suffix}") == money(batch, f"creditTotal{suffix}")


def receivables(visma: Visma) -> tuple[Decimal, Decimal]:
    """What the journal says is owed, and what the documents say."""
    books = visma.books()
    lines = [line for batch in books["journals"]["rows"] for line in batch[LINES] if line["accountNumber"] == "1500"]
    released = [row for row in books["invoices"]["rows"] if row["status"] in ("Open", "Closed")]
    owed = sum((money(row, "balance") for row in released), Decimal())
    credited = sum((money(row, "balance") for row in books["credit_notes"]["rows"]), Decimal())
    return added(lines, "debitAmount") - added(lines, "creditAmount"), owed - credited


def test_the_journal_and_the_invoices_tell_the_same(visma: Visma) -> None:
    """Receivables are the open balances, at the start and after whatever happens to invoices."""
    journal, documents = receivables(visma)
    assert journal == documents > 0
    order = {"customer": ORDINARY, "currency": "EUR", "lines": [{"price": "33.33", "quantity": 3}, {"price": -7}]}
    for actions in (
        [("pay", {"amount": 12})],
        [("void", {})],
        [("pay", {}), ("credit", {})],
        [("credit", {"lines": [1]})],
    ):
        number = visma.control("POST", "invoices", order)["referenceNumber"]
        for action, body in actions:
            visma.control("POST", f"invoices/{number}/{action}", body)
            journal, documents = receivables(visma)
            assert journal == documents


def test_pages_count_lines_and_cut_batches(visma: Visma) -> None:
    """failures.md 29: a batch's lines continue on the next page, below the same header."""
    everything = {key(batch): batch for batch in batches(visma)}
    pages = visma.pages(PATH, 50, **SINCE)
    total = sum(len(batch[LINES]) for batch in everything.values())
    assert [sum(len(batch[LINES]) for batch in page) for page in pages] == [50] * (total // 50) + [total % 50]
    assert all(row["metadata"] == {"totalCount": total, "maxPageSize": 500} for page in pages for row in page)
    cut = [key(one[-1]) for one, two in pairwise(pages) if key(one[-1]) == key(two[0])]
    assert cut
    joined: dict[str, list[Any]] = {}
    for page in pages:
        for row in page:
            header = {name: value for name, value in row.items() if name not in (LINES, "metadata")}
            assert header == {name: value for name, value in everything[key(row)].items() if name != LINES}
            joined.setdefault(key(row), []).extend(row[LINES])
    assert joined == {one: batch[LINES] for one, batch in everything.items()}


def test_a_batch_can_be_longer_than_pages(visma: Visma) -> None:
    """It fills one page after the other, each time with its header."""
    (long,) = visma.books()["awkward_journals"]["long"]
    visma.configure(max_page_size={"journaltransaction": 10})
    pages = visma.pages(PATH, 1000, **SINCE)
    assert max(len(page[0][LINES]) for page in pages) == 10
    assert sum(long in map(key, page) for page in pages) >= 7


def test_one_of_two_filters_is_needed(visma: Visma) -> None:
    """Without a period and without a moment nothing is given."""
    assert visma.http.get(PATH).status_code == 400
    period = batches(visma)[-1]["financialPeriod"]
    found = visma.all(PATH, periodId=period)
    assert found
    assert {batch["financialPeriod"] for batch in found} == {period}
    assert visma.all(PATH, periodId=period, lastModifiedDateTime="2999-01-01") == []
    assert visma.http.get(PATH, params={"lastModifiedDateTime": "2026-01-01T10:00:00Z"}).status_code == 400


@pytest.mark.parametrize(
    ("operator", "found"), [(">=", {"before": 0, "at": 1, "after": 1}), (">", {"before": 0, "at": 0, "after": 1}),
                            ("<=", {"before": 1, "at": 1, "after": 0})]
)  # fmt: skip
def test_the_moment_has_no_operator(visma: Visma, operator: str, found: dict[str, int]) -> None:
    """No condition parameter exists, and one that is sent changes nothing; what the moment means is not documented."""
    visma.configure(journal_operator=operator, invoices=0, journals=0)
    visma.control("POST", "reset")
    for day, name in ((1, "before"), (2, "at"), (3, "after")):
        made = visma.control("POST", "journals", {"lines": TWO, "description": name})
        visma.control("PATCH", f"journals/{key(made)}", {"modified_at": f"2026-03-0{day}T10:00:00+01:00"})
    for condition in ({}, {"lastModifiedDateTimeCondition": "<"}):
        rows = visma.all(PATH, lastModifiedDateTime="2026-03-02T10:00:00", **condition)
        assert {name: int(name in {row["description"] for row in rows}) for name in found} == found


def test_stamps_carry_an_offset_and_periods_are_written_twice(visma: Visma) -> None:
    """Unlike those of customers and invoices; the post period has the month first (section 6)."""
    batch = batches(visma)[0]
    assert batch["lastModifiedDateTime"][-6:] in ("+01:00", "+02:00")
    assert batch["postPeriod"] == batch["financialPeriod"][4:] + batch["financialPeriod"][:4]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"module": "GL"}, {"ModuleGL"}),
        ({"module": "AR"}, {"ModuleAR"}),
        ({"module": "AP"}, {"ModuleAP"}),
    ],
)
def test_modules_have_two_names(visma: Visma, query: dict[str, str], names: set[str]) -> None:
    """One in the filter, another in the answer."""
    assert {row["module"] for row in visma.all(PATH, **SINCE, **query)} == names
    assert visma.http.get(PATH, params={**SINCE, "module": "ModuleGL"}).status_code == 400


def test_statuses_of_the_filter_are_not_those_of_the_answer(visma: Visma) -> None:
    """Unreleased is only asked for."""
    assert {row["status"] for row in visma.all(PATH, **SINCE, status="Unreleased")} == {"Hold", "Balanced"}
    assert {row["status"] for row in visma.all(PATH, **SINCE, status="Voided")} == {"Voided"}
    assert visma.http.get(PATH, params={**SINCE, "status": "Released"}).status_code == 400


def test_numbers_are_counted_within_a_module(visma: Visma) -> None:
    """Only module and number together name a batch; the path of a single one names no module (section 7)."""
    keys = [key(batch) for batch in batches(visma)]
    assert len(set(keys)) == len(keys)
    assert {"GL-000001", "AR-000001", "AP-000001"} <= set(keys)
    answer = visma.http.get(f"{PATH}/000001")
    assert answer.json()["module"] == "ModuleGL"
    assert answer.headers["etag"] == f'"{answer.json()["timeStamp"]}"'
    assert visma.http.get(f"{PATH}/999999").status_code == 404


def test_lines_name_accounts_subaccounts_and_partners(visma: Visma) -> None:
    """What the lines refer to exists."""
    accounts = {row["accountCD"] for row in visma.rows("/v1/account")}
    subaccounts = {row["subaccountNumber"] for row in visma.all("/v1/subaccount")}
    partners = {row["number"] for row in visma.all("/v1/supplier")} | set(visma.numbers())
    lines = [line for batch in batches(visma) for line in batch[LINES]]
    assert {line["accountNumber"] for line in lines} <= accounts
    assert {line["subaccount"]["subaccountNumber"] for line in lines} <= subaccounts
    assert {line["customerSupplier"] for line in lines} - {None} <= partners


def test_what_does_not_divide_evenly_is_not_lost(visma: Visma) -> None:
    """100 over three; and corrections with negative amounts, a line of nothing, another currency."""
    books = visma.books()
    found = {
        case: next(batch for batch in books["journals"]["rows"] if key(batch) == keys[0])
        for case, keys in books["awkward_journals"].items()
    }
    assert [line["debitAmount"] for line in found["thirds"][LINES]] == [33.33, 33.33, 33.34, 0.0]
    assert found["negative"][LINES][0]["debitAmount"] < 0
    assert any(line["debitAmount"] == line["creditAmount"] == 0 for line in found["zero_line"][LINES])
    assert found["foreign"]["debitTotal"] > found["foreign"]["debitTotalInCurrency"]
    assert (found["voided"]["status"], found["on_hold"]["hold"]) == ("Voided", True)


def test_a_batch_is_posted_changed_reversed_and_removed(visma: Visma) -> None:
    """The control endpoints of the journal."""
    made = visma.control("POST", "journals", {"lines": TWO, "description": "Husleie", "day": "2026-05-17"})
    assert (made["transactionDate"], made["financialPeriod"]) == ("2026-05-17T00:00:00", "202605")
    path = f"journals/{key(made)}"
    lines = [line | {"transactionDescription": "ny"} for line in made[LINES]]
    changed = visma.control("PATCH", path, {"description": "Leie", "lines": lines})
    assert (changed["description"], changed[LINES]) == ("Leie", lines)
    assert changed["lastModifiedDateTime"] >= made["lastModifiedDateTime"]
    assert visma.control("GET", path) == changed
    reversing = visma.control("POST", f"{path}/reverse")
    assert (reversing["originalBatchNumber"], reversing["reversingEntry"]) == (made["batchNumber"], True)
    assert (reversing["debitTotal"], reversing[LINES][0]["debitAmount"]) == (-10.0, -10.0)
    assert visma.control("GET", path)["status"] == "Voided"
    visma.control("DELETE", path)
    assert key(made) not in {key(batch) for batch in visma.all(PATH, **SINCE)}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"lines": []},
        {"lines": [{"account": "6300", "debit": 1}]},
        {"lines": [{"account": "1", "debit": 0}]},
        {"lines": [{"account": "6300"}]},
        {"lines": TWO, "module": "XX"},
        {"lines": TWO, "status": "Lost"},
    ],
)
def test_a_batch_that_makes_no_sense_is_refused(visma: Visma, body: object) -> None:
    """Debit differs from credit, no such account, no amount."""
    before = batches(visma)
    assert visma.anonymous.post("/_simulator/journals", json=body).status_code == 400
    assert batches(visma) == before


def test_a_batch_on_hold_need_not_balance(visma: Visma) -> None:
    """Somebody is still writing it."""
    made = visma.control("POST", "journals", {"lines": TWO[:1], "status": "Hold"})
    assert (made["debitTotal"], made["creditTotal"]) == (10.0, 0.0)


def test_batches_move_while_they_are_read(visma: Visma) -> None:
    """failures.md 4: lines are shown twice, others never, and the total stays the same."""
    total = sum(len(batch[LINES]) for batch in batches(visma))
    visma.fault("rows_move", path="^/v2/journal", after=1, times=1)
    pages = visma.pages(PATH, 100, **SINCE)
    seen = [(key(row), line["lineNumber"]) for page in pages for row in page for line in row[LINES]]
    assert len(seen) == total
    assert len(set(seen)) < total


def test_journals_need_a_token(visma: Visma) -> None:
    """The newer paths stand behind the same gateway."""
    assert visma.anonymous.get(PATH, params=SINCE).status_code == 401
