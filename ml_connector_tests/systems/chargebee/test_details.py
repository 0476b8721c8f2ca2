"""What of an imported invoice follows Visma: purchase order, address, VAT number and text, each in one call."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from sqlalchemy import delete, update

from ml_connector.engine.digests import digest_of
from ml_connector.engine.preview import preview
from ml_connector.engine.records import Desired, Record
from ml_connector.store.tables import alias, record_state
from ml_connector.systems.chargebee.invoice_details import details_of, differing, for_import
from ml_connector.systems.visma.models import CustomerDocument
from ml_connector_tests.simulators.visma_support import ORDINARY
from ml_connector_tests.systems.chargebee.conftest import OpenSync
from ml_connector_tests.systems.chargebee.support import Sync
from ml_connector_tests.systems.hubspot.support import SENT_AT

KARI = f"V-{ORDINARY}"
ONLY = {"customers": {"where": {"number": [ORDINARY]}}, "invoices": {"from": "2020-01-01"}}
OTHERS = ("10011", "10012", "10013")
SWEDISH = {"country": {"id": "SE", "name": "Sverige"}}
OURS = {"company", "line1", "line2", "line3", "zip", "city", "country"}


@pytest.fixture
def sync(open_one: OpenSync) -> Sync:
    """Of one customer, with whatever invoices it has; and nothing sent since."""
    sync = open_one(flows=ONLY)
    sync.sync_out()
    sent(sync)
    return sync


def order(sync: Sync, text: str = "", **more: Any) -> str:
    """The number of a released invoice of the customer at Visma."""
    return str(sync.visma.order(text=text, **more)["referenceNumber"])


def imported(sync: Sync, **more: Any) -> str:
    """The number of an invoice that is at Chargebee as well."""
    number = order(sync, **more)
    sync.sync_out()
    sent(sync)
    return number


def customer(sync: Sync) -> dict[str, Any]:
    found: dict[str, Any] = sync.chargebee.read(f"/customers/{KARI}")["customer"]
    return found


def change(sync: Sync, number: str, **members: Any) -> None:
    """Change the invoice at Visma, and deliver."""
    sync.visma.control("PATCH", f"invoices/{number}", members)
    sync.sync_out()


def held(sync: Sync, number: str) -> dict[str, Any]:
    found: dict[str, Any] = sync.chargebee.read(f"/invoices/VN-{number}")["invoice"]
    return found


def address(sync: Sync, number: str) -> dict[str, Any]:
    return {name: value for name, value in held(sync, number)["billing_address"].items() if name in OURS}


def comments(sync: Sync, number: str) -> list[str]:
    rows = sync.chargebee.control("records/comments")["records"]
    return [row["notes"] for row in rows if row["entity_id"] == f"VN-{number}"]


def sent(sync: Sync) -> list[tuple[str, dict[str, str]]]:
    """Paths and parameters of the writes since the last look, refused ones too."""
    found = [(one["path"].partition("/invoices/")[2], one["parameters"]) for one in sync.chargebee.control("sent")]
    sync.chargebee.anonymous.delete("/_simulator/sent")
    return found


def about(sync: Sync, *numbers: str) -> list[tuple[str, dict[str, str]]]:
    """Those of the writes since the last look that are about these invoices."""
    return [(path, one) for path, one in sent(sync) if path.removeprefix("VN-").partition("/")[0] in numbers]


def reads(sync: Sync) -> list[str]:
    """The paths of the reads since the last look."""
    log = sync.chargebee.control("calls")["log"]
    sync.chargebee.anonymous.delete("/_simulator/calls")
    return [call["path"].removeprefix("/api/v2") for call in log if call["method"] == "GET"]


def told(sync: Sync, number: str) -> str:
    """Outcome and reason."""
    state = sync.state_out("invoices", f"Invoice-{number}")
    return f"{state.outcome}: {state.reason}"


def test_an_import_carries_them(sync: Sync) -> None:
    """In one call; the address is the invoice's own, and not the customer's."""
    number = order(sync, "Deres ordre 7\nTakk!")
    place = {"addressLine1": "Kaia 3", "addressLine2": "c/o Bod", "city": "Vardø", "postalCode": "9950"}
    sync.visma.control("PATCH", f"invoices/{number}", {"invoiceAddress": place, "customerRefNumber": "PO 7"})
    customer = sync.visma.read()
    sync.sync_out()
    ((path, parameters),) = sent(sync)
    assert (path, parameters["notes[note][0]"], parameters["po_number"]) == (
        "import_invoice",
        "Deres ordre 7\nTakk!",
        "PO 7",
    )
    assert customer["vatRegistrationId"]
    assert held(sync, number)["vat_number"] == parameters["vat_number"] == customer["vatRegistrationId"]
    assert held(sync, number)["notes"][0]["note"] == "Deres ordre 7\nTakk!"
    assert address(sync, number) == {
        "company": customer["name"],
        "line1": "Kaia 3",
        "line2": "c/o Bod",
        "zip": "9950",
        "city": "Vardø",
        "country": "NO",
    }


def test_an_import_carries_the_prefix_that_people_entered(sync: Sync) -> None:
    """The two are one number; Visma knows no prefix."""
    stands = {name: value for name, value in customer(sync)["billing_address"].items() if name in OURS}
    entered = {"vat_number": customer(sync)["vat_number"], "vat_number_prefix": "XI", "billing_address": stands}
    sync.chargebee.done(f"/customers/{KARI}/update_billing_info", **entered)
    sent(sync)
    number = order(sync)
    sync.sync_out()
    ((path, parameters),) = sent(sync)
    assert (path, parameters["vat_number_prefix"]) == ("import_invoice", "XI")
    entered["vat_number_prefix"] = "GB"
    sync.chargebee.done(f"/customers/{KARI}/update_billing_info", **entered)
    sync.visma.patch(vatRegistrationId="NO999888777MVA")
    sync.sync_out()
    ((_, parameters),) = about(sync, number)
    assert (parameters["vat_number"], parameters["vat_number_prefix"]) == ("NO999888777MVA", "GB")


def test_a_customer_is_looked_at_once_for_all_its_invoices(sync: Sync) -> None:
    for _ in range(4):
        order(sync)
    reads(sync)
    sync.sync_out()
    assert reads(sync) == [f"/customers/{KARI}"]


@pytest.fixture
def several(open_one: OpenSync) -> Sync:
    """Of customers without invoices, one connection, and no second try."""
    numbers = {"number": [ORDINARY, *OTHERS]}
    flows = {"customers": {"where": numbers}, "invoices": {"from": str(datetime.now(UTC).date())}}
    retries = {"attempts": 1}
    sync = open_one(flows=flows, connections=1, retries=retries)
    sync.sync_out()
    assert {f"V-{number}" for number in numbers["number"]} <= {one["id"] for one in sync.chargebee.listed("customers")}
    return sync


def test_the_customers_of_many_invoices_are_looked_at_in_one_call(several: Sync) -> None:
    for number in (ORDINARY, *OTHERS, *OTHERS):
        order(several, customer=number)
    reads(several)
    several.sync_out()
    assert reads(several) == ["/customers"]
    made = {one["customer_id"]: one.get("vat_number") for one in several.chargebee.listed("invoices")}
    assert made == {one["id"]: one.get("vat_number") for one in several.chargebee.listed("customers")}
    assert all(made.values())


def test_customers_that_no_list_gives_are_looked_at_alone(several: Sync) -> None:
    for number in (ORDINARY, *OTHERS):
        order(several, customer=number)
    several.chargebee.control("faults", [{"fault": "server_error", "path": "/api/v2/customers", "times": 1}])
    several.sync_out()
    made = several.chargebee.listed("invoices")
    assert len(made) == 1 + len(OTHERS)
    assert all(one.get("vat_number") for one in made)


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_stop_leaves_no_doubt_about_what_was_not_sent(several: Sync, after: int) -> None:
    """Whether the key is refused where the customers are looked at, or where one of many invoices is imported."""
    for number in (ORDINARY, *OTHERS, *OTHERS):
        order(several, customer=number)
    several.read()
    several.send("customers")
    fault = {"fault": "expired_token", "path": "/api/v2/", "after": after}
    several.chargebee.control("faults", [fault])
    report = several.send("invoices")["invoices"]
    several.chargebee.control("faults", [])
    assert report.stopped is not None
    assert several.ledger.deliveries("chargebee", "invoices", "visma.customer_invoices", ()).intents() == []
    several.send("invoices")
    assert len(several.chargebee.listed("invoices")) == 1 + 2 * len(OTHERS)


def test_a_payment_reads_the_invoice_alone(sync: Sync) -> None:
    """The customer is what it was when its VAT number was last looked at."""
    number = imported(sync)
    sync.visma.pay(number, 100)
    reads(sync)
    sync.sync_out()
    assert reads(sync) == [f"/invoices/VN-{number}"]
    assert [path for path, _ in sent(sync)] == [f"VN-{number}/record_payment"]


def test_nothing_that_changed_makes_no_call(sync: Sync) -> None:
    """Neither a pass, nor a touched row, nor a whole read."""
    number = imported(sync, text="A")
    sync.visma.control("PATCH", f"invoices/{number}", {"dunningLetterLevel": 1})
    reads(sync)
    for _ in range(2):
        sync.read(whole=True)
        sync.send()
    assert (sent(sync), reads(sync)) == ([], [])


def test_a_purchase_order_is_changed_alone(sync: Sync) -> None:
    number = imported(sync, text="A")
    change(sync, number, customerRefNumber="PO 8")
    assert sent(sync) == [(f"VN-{number}/update_details", {"po_number": "PO 8"})]


@pytest.mark.parametrize("partial", ["merge", "replace"])
def test_an_address_is_changed_alone_and_whole(sync: Sync, partial: str) -> None:
    """failures.md 28: with what people entered there, whatever becomes of what is left out of an address."""
    sync.chargebee.configure(partial_address=partial)
    number = imported(sync, text="A")
    before = address(sync, number)
    sync.chargebee.done(f"/invoices/VN-{number}/update_details", billing_address={**before, "email": "x@y.no"})
    sent(sync)
    change(sync, number, invoiceAddress={"addressLine1": "Kaia 4"})
    ((path, parameters),) = sent(sync)
    assert path == f"VN-{number}/update_details"
    assert {name.partition("[")[0] for name in parameters} == {"billing_address"}
    assert address(sync, number) == {**before, "line1": "Kaia 4"}
    assert held(sync, number)["billing_address"]["email"] == "x@y.no"
    assert (held(sync, number)["vat_number"], comments(sync, number)) == (customer(sync)["vat_number"], [])


def test_a_vat_number_is_changed_with_the_address_that_stands_there(sync: Sync) -> None:
    """It is refused without one. It is the customer's: open invoices get it, and one that is settled keeps its own."""
    settled, opened = order(sync), order(sync)
    sync.visma.pay(settled)
    sync.sync_out()
    before, old = address(sync, opened), customer(sync)["vat_number"]
    sent(sync)
    sync.visma.patch(vatRegistrationId="NO999888777MVA")
    sync.sync_out()
    found = about(sync, settled, opened)
    assert [path for path, _ in found] == [f"VN-{opened}/update_details"]
    assert {name.partition("[")[0] for name in found[0][1]} == {"billing_address", "vat_number"}
    assert (held(sync, opened)["vat_number"], address(sync, opened)) == ("NO999888777MVA", before)
    assert held(sync, settled)["vat_number"] == old
    change(sync, settled, customerRefNumber="PO 8")
    assert [one for _, one in sent(sync)] == [{"po_number": "PO 8"}]


def test_another_address_of_the_customer_looks_at_no_invoice(sync: Sync) -> None:
    """Invoices have their own; they follow the VAT number alone."""
    number = imported(sync)
    before = address(sync, number)
    reads(sync)
    sync.visma.patch(mainAddress={"city": "Longyearbyen"}, mainContact={"phone1": "+47 1"})
    sync.sync_out()
    assert reads(sync) == [f"/customers/{KARI}"]
    assert about(sync, number) == []
    assert address(sync, number) == before


def test_a_text_is_added_as_a_comment_alone(sync: Sync) -> None:
    """Cut to what a comment takes; one that is set back within half an hour is added again; the note stays."""
    number = imported(sync, text="A")
    for text in ("B" * 400, "A", "B" * 400):
        change(sync, number, invoiceText=text)
    assert [one for _, one in sent(sync)] == [{"comment": text} for text in ("B" * 300, "A", "B" * 300)]
    assert comments(sync, number) == ["B" * 300, "A", "B" * 300]
    assert [note["note"] for note in held(sync, number)["notes"]] == ["A"]


def test_all_of_them_are_changed_in_one_call(sync: Sync) -> None:
    """Beside the payment that came with them."""
    number = imported(sync, text="A")
    sync.visma.pay(number, 100)
    sync.visma.patch(vatRegistrationId="NO999888777MVA")
    change(sync, number, customerRefNumber="PO 8", invoiceText="B", invoiceAddress={"city": "Vadsø"})
    found = about(sync, number)
    assert [path for path, _ in found] == [f"VN-{number}/update_details", f"VN-{number}/record_payment"]
    names = {name.partition("[")[0] for name in found[0][1]}
    assert names == {"po_number", "comment", "billing_address", "vat_number"}


def test_what_is_cleared_in_visma_is_cleared(sync: Sync) -> None:
    """A text cannot be: Chargebee takes back neither notes nor comments."""
    number = order(sync, "A")
    sync.visma.control("PATCH", f"invoices/{number}", {"invoiceAddress": {"addressLine2": "c/o Bod"}})
    change(sync, number, customerRefNumber="PO 7")
    before = address(sync, number)
    assert before["line2"] == "c/o Bod"
    sent(sync)
    sync.visma.patch(vatRegistrationId="")
    change(sync, number, customerRefNumber="", invoiceAddress={"addressLine2": None}, invoiceText="")
    assert [path for path, _ in about(sync, number)] == [f"VN-{number}/update_details"]
    now = held(sync, number)
    assert "po_number" not in now
    assert "vat_number" not in now
    assert "line2" not in now["billing_address"]
    assert (now["billing_address"]["line1"], comments(sync, number)) == (before["line1"], [])
    change(sync, number, invoiceText="A")
    assert comments(sync, number) == ["A"]


@pytest.mark.parametrize("place", [None, {}, dict.fromkeys(("addressLine1", "city", "postalCode", "country"))])
def test_an_address_that_visma_does_not_give_stays(sync: Sync, place: Any) -> None:
    """A block that is not shown is absent, null or empty (Visma reference, section 4)."""
    number = imported(sync)
    before = address(sync, number)
    sync.visma.control("PATCH", f"invoices/{number}", {"invoiceAddress": None})
    change(sync, number, invoiceAddress=place, customerRefNumber="PO 8")
    assert [one for _, one in sent(sync)] == [{"po_number": "PO 8"}]
    assert address(sync, number) == before


def test_an_address_that_would_change_the_tax_is_rejected_with_what_to_do(sync: Sync) -> None:
    """Everything else is brought over all the same: the payment, the order, the text, and the VAT number."""
    number = imported(sync, text="A")
    before = address(sync, number)
    sync.visma.pay(number, 100)
    sync.visma.patch(vatRegistrationId="NO999888777MVA")
    change(
        sync,
        number,
        customerRefNumber="PO 8",
        invoiceText="B",
        invoiceAddress={"city": "Kiruna", "country": {"id": "SE", "name": "Sverige"}},
    )
    state = sync.state_out("invoices", f"Invoice-{number}")
    assert (state.outcome, state.kind) == ("rejected", "address")
    assert "applied tax would change" in (state.reason or "")
    assert "take the change back in Visma, or make a credit note and a new invoice" in (state.reason or "")
    now = held(sync, number)
    assert (now["po_number"], now["amount_paid"], now["vat_number"]) == ("PO 8", 10_000, "NO999888777MVA")
    assert (address(sync, number), comments(sync, number)) == (before, ["B"])
    sent(sync)
    sync.sync_out()
    assert sent(sync) == []
    sync.later(hours=1)
    sync.send("invoices", only=[f"Invoice-{number}"])
    assert {"billing_address"} == {name.partition("[")[0] for _, one in sent(sync) for name in one}
    assert comments(sync, number) == ["B"]


def test_a_vat_number_that_is_refused_is_brought_over_when_it_is_taken(sync: Sync) -> None:
    """When the record is replayed; until then the old one stands."""
    number = imported(sync)
    sync.visma.patch(vatRegistrationId="SE556677889901")
    sync.read()
    sync.send("customers")
    sync.chargebee.configure(vat_check=True)
    sync.send("invoices")
    assert told(sync, number).startswith("rejected: The address or VAT number")
    assert held(sync, number)["vat_number"].startswith("NO")
    sync.chargebee.configure(vat_check=False)
    sync.send("invoices", only=[f"Invoice-{number}"])
    assert (told(sync, number), held(sync, number)["vat_number"]) == ("updated: None", "SE556677889901")


@pytest.mark.parametrize("also", [(), ("invoiceAddress",)])
def test_a_payment_beside_a_rejected_address_is_known_when_visma_takes_it_back(
    sync: Sync, also: tuple[str, ...]
) -> None:
    """Alone or with the address, which leaves Visma with what was confirmed once."""
    number = imported(sync)
    before = sync.visma.control("GET", f"invoices/{number}")
    sync.visma.pay(number, 100)
    change(sync, number, invoiceAddress={"country": {"id": "SE", "name": "Sverige"}})
    assert told(sync, number).startswith("rejected: The address")
    sync.wait(minutes=10)
    back = ("applications", "balance", "balanceInCurrency", "status", *also)
    change(sync, number, **{name: before[name] for name in back})
    assert told(sync, number).startswith("rejected: Visma took back")


def test_a_rejected_address_that_is_taken_back_leaves_nothing_behind(sync: Sync) -> None:
    """What was brought over beside it is set back with it, although Visma has again what was confirmed."""
    number = imported(sync)
    before = address(sync, number)
    change(sync, number, customerRefNumber="PO 8", invoiceAddress={"country": {"id": "SE", "name": "Sverige"}})
    assert held(sync, number)["po_number"] == "PO 8"
    change(sync, number, customerRefNumber="", invoiceAddress={"country": {"id": "NO", "name": "Norge"}})
    sync.wait(minutes=10)
    sync.send("invoices")
    assert told(sync, number) == "updated: None"
    assert ("po_number" in held(sync, number), address(sync, number)) == (False, before)


def test_a_rejected_address_that_is_put_right_at_chargebee_is_accepted(sync: Sync) -> None:
    """When the record is replayed."""
    number = imported(sync)
    change(sync, number, invoiceAddress={"country": {"id": "SE", "name": "Sverige"}})
    assert told(sync, number).startswith("rejected")
    billing = {**held(sync, number)["billing_address"], "country": "SE"}
    sync.chargebee.control(f"records/invoices/VN-{number}", {"set": {"billing_address": billing}})
    sync.send("invoices", only=[f"Invoice-{number}"])
    assert told(sync, number) == "updated: None"


@pytest.mark.parametrize("fault", ["lost_answer", "false_error", "server_error"])
def test_a_text_whose_answer_is_lost_is_added_once(sync: Sync, fault: str) -> None:
    """The next attempt has the same key, and the one after it another."""
    number = imported(sync, text="A")
    sync.chargebee.control("faults", [{"fault": fault, "path": "update_details", "times": 9}])
    change(sync, number, invoiceText="B")
    assert told(sync, number).startswith("failed")
    sync.chargebee.control("faults", [])
    sync.later(minutes=10)
    sync.send("invoices")
    assert comments(sync, number) == ["B"]
    change(sync, number, invoiceText="C")
    assert comments(sync, number) == ["B", "C"]


def test_a_text_that_an_import_brought_whose_answer_was_lost_is_not_added(sync: Sync) -> None:
    """With other lines the invoice is imported anew, and its note is the new text."""
    number = imported(sync, text="A")
    row = sync.visma.control("GET", f"invoices/{number}")
    line = {**row["invoiceLines"][0], "description": "Noe annet"}
    sync.chargebee.control("faults", [{"fault": "false_error", "path": "import_invoice", "times": 9}])
    change(sync, number, invoiceText="B", invoiceLines=[line])
    assert told(sync, number).startswith("failed")
    sync.chargebee.control("faults", [])
    sync.later(minutes=10)
    sync.send("invoices")
    assert told(sync, number) == "updated: None"
    assert [note["note"] for note in held(sync, f"{number}--2")["notes"]] == ["B"]
    assert comments(sync, f"{number}--2") == []


def test_invoices_of_an_earlier_version_get_one_call_each_when_they_change(sync: Sync) -> None:
    """None before that: not by a pass, and not by a whole read."""
    number = imported(sync, text="A")
    place = held(sync, number)
    forget(sync, number)
    for _ in range(2):
        sync.read(whole=True)
        sync.send()
    assert sent(sync) == []
    sync.visma.pay(number, 100)
    sync.sync_out()
    assert [path for path, _ in sent(sync)] == [f"VN-{number}/update_details", f"VN-{number}/record_payment"]
    assert (held(sync, number)["billing_address"], comments(sync, number)) == (place["billing_address"], ["A"])
    sync.visma.pay(number, 10)
    sync.sync_out()
    assert [path for path, _ in sent(sync)] == [f"VN-{number}/record_payment"]


def test_an_invoice_found_there_beside_a_refused_address_is_followed(sync: Sync) -> None:
    """It is known under its record: its credit note finds it, and what is voided in Visma is voided there."""
    credited, voided = order(sync), order(sync)
    sync.sync_out()
    keys = [f"Invoice-{number}" for number in (credited, voided)]
    with sync.ledger.database.begin() as connection:
        connection.execute(delete(record_state).where(record_state.c.key.in_(keys)))
        connection.execute(delete(alias).where(alias.c.key.in_(keys)))
    for number in (credited, voided):
        sync.visma.control("PATCH", f"invoices/{number}", {"invoiceAddress": SWEDISH})
    sync.sync_out()
    for number, key in zip((credited, voided), keys, strict=True):
        assert told(sync, number).startswith("rejected: The address")
        assert sync.state_out("invoices", key).target_id == f"VN-{number}"
    assert sync.ledger.links("chargebee").called("invoices", [f"VN-{voided}"])
    sync.visma.credit(credited)
    change(sync, voided, status="Voided")
    assert held(sync, voided)["status"] == "voided"
    notes = sync.chargebee.control("records/credit_notes")["records"]
    assert [note["reference_invoice_id"] for note in notes] == [f"VN-{credited}"]


def test_an_unanswered_import_beside_a_refused_address_is_voided(sync: Sync) -> None:
    """Although the same rejection came twice, which ends the doubt."""
    sync.chargebee.control("faults", [{"fault": "false_error", "path": "import_invoice", "times": 9}])
    number = imported(sync)
    sync.chargebee.control("faults", [])
    sync.later(minutes=10)
    sync.visma.pay(number, 100)
    change(sync, number, invoiceAddress=SWEDISH)
    assert told(sync, number).startswith("rejected: The address")
    sync.later(minutes=10)
    sync.send("invoices", only=[f"Invoice-{number}"])
    assert told(sync, number).startswith("rejected: The address")
    sync.later(minutes=10)
    change(sync, number, status="Voided")
    assert held(sync, number)["status"] == "voided"


def test_a_text_beside_a_payment_that_fails_is_added_once(sync: Sync) -> None:
    """However often the payment is tried, beyond the half hour in which Chargebee knows a call again."""
    number = imported(sync, text="A")
    sync.visma.pay(number, 100)
    sync.chargebee.control("faults", [{"fault": "server_error", "path": "record_payment", "times": 99}])
    change(sync, number, invoiceText="B", customerRefNumber="PO 8")
    for _ in range(3):
        assert told(sync, number).startswith("failed")
        sync.later(hours=2)
        sync.send("invoices")
    sync.chargebee.control("faults", [])
    sync.later(days=1)
    sync.send("invoices")
    assert told(sync, number) == "updated: None"
    assert (comments(sync, number), held(sync, number)["amount_paid"]) == (["B"], 10_000)


def test_of_several_payments_those_before_one_that_fails_are_recorded_once(sync: Sync) -> None:
    number = imported(sync)
    sync.visma.pay(number, 100)
    sync.visma.pay(number, 50)
    sync.chargebee.control("faults", [{"fault": "server_error", "path": "record_payment", "after": 1, "times": 9}])
    sync.sync_out()
    assert told(sync, number).startswith("failed")
    sync.chargebee.control("faults", [])
    sync.later(hours=2)
    sync.send("invoices")
    assert sorted(link["txn_amount"] for link in held(sync, number)["linked_payments"]) == [5_000, 10_000]


def test_a_refused_vat_number_keeps_no_address_away(sync: Sync) -> None:
    number = imported(sync)
    sync.visma.patch(vatRegistrationId="SE556677889901")
    sync.read()
    sync.send("customers")
    sync.chargebee.configure(vat_check=True)
    change(sync, number, invoiceAddress={"addressLine1": "Kaia 99"})
    assert told(sync, number).startswith("rejected: The address or VAT number")
    now = held(sync, number)
    assert (now["billing_address"]["line1"], now["vat_number"][:2]) == ("Kaia 99", "NO")


@pytest.mark.parametrize(
    ("country", "stands", "tries"),
    [("SE", "SE", [{"billing_address", "vat_number"}, {"billing_address"}]),
     ("ZZ", "NO", [{"billing_address", "vat_number"}, {"billing_address"}, set[str]()])],
    ids=["VAT number of another country", "no country"],
)  # fmt: skip
def test_an_import_goes_without_what_is_refused(sync: Sync, country: str, stands: str, tries: list[set[str]]) -> None:
    """The money comes first; the invoice is known, and put right later. What is not sent Chargebee takes from the
    customer."""
    sync.chargebee.configure(vat_check=True)
    number = order(sync, "A")
    change(sync, number, invoiceAddress={"country": {"id": country, "name": ""}})
    assert told(sync, number).startswith(f"rejected: VN-{number} was imported without")
    assert address(sync, number)["country"] == stands
    given = [{name.partition("[")[0] for name in one} for _, one in sent(sync)]
    assert [one & {"billing_address", "vat_number"} for one in given] == tries
    sync.visma.pay(number, 100)
    sync.sync_out()
    assert held(sync, number)["amount_paid"] == 10_000
    sent(sync)
    sync.sync_out()
    assert sent(sync) == []
    sync.chargebee.configure(vat_check=False)
    change(sync, number, invoiceAddress={"country": {"id": stands, "name": ""}})
    sync.wait(minutes=10)
    sync.send("invoices", only=[f"Invoice-{number}"])
    assert told(sync, number) in ("updated: None", "unchanged: None")
    assert held(sync, number)["vat_number"] == customer(sync)["vat_number"]
    assert comments(sync, number) == []


def test_an_import_that_is_refused_for_something_else_is_tried_once(sync: Sync) -> None:
    sync.chargebee.configure(base_currency="SEK")
    number = order(sync)
    sync.sync_out()
    assert told(sync, number).startswith("rejected")
    assert [path for path, _ in sent(sync)] == ["import_invoice"]


def test_a_preview_shows_what_was_sent_before(sync: Sync) -> None:
    number = imported(sync)
    sync.visma.patch(mainContact={"phone1": "+47 1"})
    sync.visma.control("PATCH", f"invoices/{number}", {"customerRefNumber": "PO 8"})
    sync.read()
    for flow, key, field, before, after in (
        ("customers", ORDINARY, "customer.phone", customer(sync)["phone"], "+47 1"),
        ("invoices", f"Invoice-{number}", "details.po_number", "", "PO 8"),
    ):
        (record,) = preview(sync.flows_out[flow], sync.ledger, "chargebee", clock=sync.now).records
        assert (record.key, record.step) == (key, "update")
        assert [(one.before, one.after) for one in record.differences if one.field == field] == [(before, after)]
        assert {one.field.partition(".")[2] for one in record.differences} == {field.partition(".")[2]}


def test_a_preview_can_be_had_where_an_earlier_version_sent_a_form(sync: Sync) -> None:
    """It does not tell in the words of a preview what was sent before."""
    before = next(one for one in sync.ledger.audit("chargebee").entries(key=ORDINARY)).entry
    with sync.ledger.database.begin() as connection:
        sync.ledger.audit("chargebee").append(connection, [replace(before, payload=b"phone=1&company=A")])
    sync.visma.patch(mainContact={"phone1": "+47 1"})
    sync.read()
    (record,) = preview(sync.flows_out["customers"], sync.ledger, "chargebee", clock=sync.now).records
    assert "customer.phone" in {one.field for one in record.differences}


def forget(sync: Sync, number: str) -> None:
    """What an earlier version left: an invoice with the customer's address and without a note, and its state."""
    key = f"Invoice-{number}"
    wish = sync.flows_out["invoices"].map(Record(key, SENT_AT, sync_payload(sync, number)))
    assert isinstance(wish, Desired)
    basis = {**(wish.basis or {}), "details": {"po_number": wish.body["details"]["po_number"]}}
    facts = {name: wish.body[name] for name in ("money", "terms", "voided")} | {"id": wish.claim, "payments": {}}
    values = {"digest": digest_of(basis), "facts": orjson.dumps(facts).decode()}
    with sync.ledger.database.begin() as connection:
        connection.execute(update(record_state).where(record_state.c.key == key).values(**values))
    elsewhere = {"line1": "Gamle vei 1", "country": "NO", "object": "billing_address"}
    changes = {"set": {"billing_address": elsewhere}, "remove": ["notes"]}
    sync.chargebee.control(f"records/invoices/VN-{number}", changes)


def sync_payload(sync: Sync, number: str) -> bytes:
    return orjson.dumps(sync.visma.control("GET", f"invoices/{number}"))


def test_an_invoice_without_any_address_keeps_its_vat_number(sync: Sync) -> None:
    """Alone it would be refused, and with nothing there is no address to send."""
    details = {"po_number": "", "text": ""}
    assert differing(details, {"vat_number": "NO1", "vat_number_prefix": ""}, {}, text_stands=True) == {}


def test_what_is_longer_than_chargebee_takes_is_cut() -> None:
    """Of every parameter; a country that is none is left out, for clearing it would change the tax."""
    names = ("addressLine1", "addressLine2", "addressLine3", "postalCode", "city")
    row = {
        "documentType": "Invoice",
        "referenceNumber": "1",
        "customerRefNumber": "x" * 200,
        "invoiceText": "x" * 70_000,
        "invoiceContact": {"businessName": "x" * 300},
        "invoiceAddress": {**dict.fromkeys(names, "x" * 300), "country": {"id": "Norge"}},
    }
    details = details_of(CustomerDocument.model_validate(row))
    assert {name: len(value) for name, value in details["billing_address"].items()} == {
        "company": 250, "line1": 150, "line2": 150, "line3": 150, "city": 50, "zip": 20,
    }  # fmt: skip
    assert (len(details["po_number"]), len(for_import(details)["notes"][0]["note"])) == (100, 65_000)
    assert len(differing(details, None, {}, text_stands=False)["comment"]) == 300
