"""What Visma takes back, changes again, or changed before an answer was known; and what people did at Chargebee."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ml_connector_tests.simulators.chargebee_support import Chargebee
from ml_connector_tests.systems.chargebee.test_histories import FLOWS, Outward, bill, fresh
from ml_connector_tests.systems.hubspot.invoice_support import credit_note, line, payment
from ml_connector_tests.systems.hubspot.support import customer

ONE = [("1", "100")]
TOTAL = 12_500
DUE = "2026-10-31"


@pytest.fixture
def sync(chargebee: Chargebee) -> Iterator[Outward]:
    """Of one customer."""
    with fresh(chargebee) as sync:
        sync.visma.put(customer("10001", name="A", mainAddress={"city": "Oslo", "country": {"id": "NO"}}))
        yield sync


def put(sync: Outward, payments: dict[str, str] | None = None, **more: Any) -> None:
    """Invoice 1 of 125 kroner, or with other members, read and delivered."""
    chosen: dict[str, Any] = {"lines": ONE, "order": "PO-1", "status": "Open", "due": DUE, **more}
    sync.visma.put(bill("1", chosen["lines"], payments or {}, chosen["order"], chosen["status"], chosen["due"]))


def go(sync: Outward) -> None:
    sync.read()
    sync.deliver(*FLOWS)


def held(sync: Outward, invoice_id: str = "VN-1") -> dict[str, Any]:
    found: dict[str, Any] = sync.chargebee.read(f"/invoices/{invoice_id}")["invoice"]
    return found


def told(sync: Outward, flow: str = "invoices", key: str = "Invoice-1") -> str:
    """Outcome and reason."""
    state = sync.state(flow, key)
    assert state is not None
    return f"{state.outcome}: {state.reason}"


def invoices(sync: Outward) -> list[str]:
    return sorted(one["id"] for one in sync.chargebee.listed("invoices", limit=100) if one["status"] != "voided")


def test_another_prefix_imports_nothing_again(sync: Outward) -> None:
    """failures.md 36: what was imported keeps its id, and later payments find it."""
    put(sync)
    go(sync)
    block = {"customers": {}, "invoices": {"from": "2020-01-01", "prefix": "VX-"}}
    sync.settings = type(sync.settings).model_validate(sync.settings.model_dump(by_alias=True) | {"flows": block})
    go(sync)
    put(sync, {"700001": "50"})
    go(sync)
    assert (invoices(sync), held(sync)["amount_paid"]) == (["VN-1"], 5_000)


def test_values_that_are_set_back_within_half_an_hour_are_set(sync: Outward) -> None:
    """The first answer for the same content is not taken for a new one."""
    for name, order in (("A", "PO-1"), ("B", "PO-2"), ("A", "PO-1"), ("B", "PO-2")):
        sync.visma.put(customer("10001", name=name, mainAddress={"city": name, "country": {"id": "NO"}}))
        put(sync, order=order)
        go(sync)
    found = sync.chargebee.read("/customers/V-10001")["customer"]
    assert (found["company"], found["billing_address"]["city"], held(sync)["po_number"]) == ("B", "B", "PO-2")


def test_a_payment_that_grows_by_its_own_amount_is_recorded_again(sync: Outward) -> None:
    """The second half is not the first one's repetition."""
    for amount in ("50", "100"):
        put(sync, {"700001": amount})
        go(sync)
    assert [link["txn_amount"] for link in held(sync)["linked_payments"]] == [5_000, 5_000]


def test_a_payment_that_visma_took_back_is_told(sync: Outward) -> None:
    """Until somebody took it off at Chargebee, too."""
    put(sync, {"700001": "50"})
    go(sync)
    put(sync)
    go(sync)
    assert told(sync).startswith("rejected: Visma took back")
    link = held(sync)["linked_payments"][0]
    sync.chargebee.done("/invoices/VN-1/remove_payment", transaction={"id": link["txn_id"]})
    sync.deliver("invoices", only=["Invoice-1"])
    assert told(sync).startswith("updated")


def test_a_payment_of_a_process_that_died_is_not_taken_for_another_of_its_amount(sync: Outward) -> None:
    """Told apart by their days."""
    put(sync)
    go(sync)
    one, other = payment("50", "700001", day="2026-10-20"), payment("50", "700002", day="2026-10-21")
    at_chargebee = {"amount": 5_000, "payment_method": "bank_transfer", "date": 1_792_540_800}
    sync.chargebee.done("/invoices/VN-1/record_payment", transaction={**at_chargebee, "reference_number": "700002"})
    row = bill("1", ONE, {}, "PO-1", "Open", DUE)
    sync.visma.put({**row, "applications": [one, other]})
    go(sync)
    numbers = [row["reference_number"] for row in sync.chargebee.listed("transactions", limit=100)]
    assert sorted(numbers) == ["700001", "700002"]


def test_another_due_date_of_an_unpaid_invoice_makes_a_new_one(sync: Outward) -> None:
    put(sync)
    go(sync)
    put(sync, due="2026-12-31")
    go(sync)
    assert (invoices(sync), held(sync)["status"]) == (["VN-1--2"], "voided")


def test_another_due_date_of_a_paid_invoice_is_nothing(sync: Outward) -> None:
    put(sync, {"700001": "125"})
    go(sync)
    put(sync, {"700001": "125"}, due="2026-12-31")
    go(sync)
    assert (invoices(sync), told(sync)) == (["VN-1"], "updated: None")


@pytest.mark.parametrize("later", ["lines", "voided"])
def test_what_changed_before_an_unanswered_import_was_known_is_followed(sync: Outward, later: str) -> None:
    """failures.md 35: the import took effect: it is voided, and with other lines imported anew."""
    go(sync)
    put(sync)
    sync.chargebee.control("faults", [{"fault": "false_error", "path": "import_invoice", "times": 9}])
    go(sync)
    assert told(sync).startswith("failed")
    put(sync, **({"lines": [("1", "200")]} if later == "lines" else {"status": "Voided"}))
    sync.settle()
    assert (held(sync)["status"], invoices(sync)) == ("voided", ["VN-1--2"] if later == "lines" else [])


def test_an_invoice_that_comes_back_after_it_was_voided_is_imported_anew(sync: Outward) -> None:
    for status in ("Open", "Voided", "Open"):
        put(sync, status=status)
        go(sync)
    assert invoices(sync) == ["VN-1--2"]


def test_an_invoice_that_a_person_voided_is_not_imported_again(sync: Outward) -> None:
    put(sync)
    go(sync)
    sync.chargebee.done("/invoices/VN-1/void")
    put(sync, {"700001": "50"})
    go(sync)
    assert (invoices(sync), "voided at Chargebee by hand" in told(sync)) == ([], True)


def test_an_invoice_that_was_paid_otherwise_is_told(sync: Outward) -> None:
    put(sync)
    go(sync)
    cash = {"amount": TOTAL, "payment_method": "cash"}
    sync.chargebee.done("/invoices/VN-1/record_payment", transaction=cash)
    put(sync, {"700001": "50"})
    go(sync)
    assert "is paid at Chargebee otherwise" in told(sync)


def test_several_payments_in_another_currency_are_recorded_by_their_sum(sync: Outward) -> None:
    """Visma tells each in kroner alone, and in euro what is still open."""
    row = bill("1", ONE, {"700001": "500", "700002": "400"}, "PO-1", "Open", DUE)
    row |= {"currencyId": "EUR", "amount": 1_437.5, "balance": 537.5, "balanceInCurrency": 46.74}
    sync.visma.put(row)
    go(sync)
    third = payment("300", "700003")
    sync.visma.put({**row, "balanceInCurrency": 20.0, "applications": [*row["applications"], third]})
    go(sync)
    found = [(one["reference_number"], one["amount"]) for one in sync.chargebee.listed("transactions", limit=100)]
    assert sorted(found) == [("700001+700002", 7_826), ("700003", 2_674)]


def test_a_credit_note_that_changed_is_told_until_it_is_right_there(sync: Outward) -> None:
    """Nothing there can be changed: a person deletes it."""
    note = {**credit_note("9", line(1, "1", "10"), originatorDocRef="1"), "customer": {"number": "10001", "name": "A"}}
    put(sync)
    sync.visma.put(note)
    go(sync)
    assert told(sync, "credit_notes", "CreditNote-9") == "created: None"
    sync.visma.put({**note, "status": "Voided"})
    go(sync)
    assert told(sync, "credit_notes", "CreditNote-9").startswith("rejected: The credit note is voided in Visma")
    put(sync, status="Voided")
    go(sync)
    assert "is credited at Chargebee" in told(sync)


def test_a_purchase_order_that_looks_like_a_reference_of_ours_is_imported(sync: Outward) -> None:
    """Ours have letters and the digits from 2 to 7 alone."""
    put(sync, order="CB202611-00189")
    go(sync)
    assert invoices(sync) == ["VN-1"]


@pytest.mark.parametrize("deleted_id", ["free", "taken"])
def test_an_invoice_of_a_customer_that_a_person_deleted_is_told(sync: Outward, deleted_id: str) -> None:
    """The customer is made again, where Chargebee gives its id away again; else it is said why not."""
    go(sync)
    sync.chargebee.configure(deleted_id=deleted_id, delete_seconds=0)
    sync.chargebee.done("/customers/V-10001/delete")
    sync.pass_by(minutes=5)
    put(sync)
    sync.settle()
    assert "V-10001 was deleted at Chargebee" in told(sync)
    sync.deliver("invoices", only=["Invoice-1"])
    if deleted_id == "free":
        assert (invoices(sync), told(sync)) == (["VN-1"], "created: None")
    else:
        assert "its id stays taken" in told(sync, "customers", "10001")
        assert told(sync).startswith("rejected")


def test_no_number_of_visma_s_is_taken_for_an_invoice_that_was_imported_anew(sync: Outward) -> None:
    """Invoice 1-2 stays what it is when invoice 1 of the same customer is imported anew, and the other way round."""
    other = bill("1", ONE, {}, "PO-1", "Open", DUE) | {"referenceNumber": "1-2"}
    put(sync)
    sync.visma.put(other)
    go(sync)
    put(sync, lines=[("2", "100")])
    go(sync)
    assert invoices(sync) == ["VN-1--2", "VN-1-2"]
    assert (held(sync, "VN-1-2")["total"], held(sync, "VN-1--2")["total"]) == (TOTAL, 2 * TOTAL)


def test_a_number_that_could_be_taken_for_one_imported_anew_is_rejected(sync: Outward) -> None:
    """With what to do."""
    sync.visma.put(bill("1", ONE, {}, "PO-1", "Open", DUE) | {"referenceNumber": "1--2"})
    go(sync)
    assert told(sync, key="Invoice-1--2").startswith("rejected: The number 1--2")
    assert invoices(sync) == []
