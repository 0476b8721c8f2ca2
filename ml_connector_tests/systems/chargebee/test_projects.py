"""Projects and tasks of what comes back: of every line, by rules, and of all that follows a document."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from ml_connector_tests.systems.chargebee.conftest import OpenSync
from ml_connector_tests.systems.chargebee.support import BACK, LINES, Sync, counts, events_block, settings
from ml_connector_tests.systems.chargebee.test_configured import OTHER, PLACE, segments
from ml_connector_tests.systems.chargebee.test_events import YEARLY, item, subscribed
from ml_connector_tests.systems.chargebee.test_post_invoices import documents, invoices_block
from ml_connector_tests.systems.chargebee.test_post_invoices import subscribed as billed

LICENCES = {"project": "P-ABO", "project_task": "LISENS"}
START_UP = {"project": "P-ABO", "project_task": "OPPSTART"}
INTERNAL = {"project": "P-INT", "project_task": "LISENS"}
ONBOARDING = item(10_000, "charge", "onboarding")
BOTH = ("P-ABO", "LISENS")
NONE = (None, None)
POST = {"method": "POST", "times": 1}


def place(line: dict[str, Any]) -> tuple[str | None, str | None]:
    """Project and task of a journal's line."""
    return (line["project"] or {}).get("id"), (line["projectTask"] or {}).get("id")


def places(batch: dict[str, Any]) -> dict[str, tuple[str | None, str | None]]:
    """By account."""
    return {line["accountNumber"]: place(line) for line in batch[LINES]}


def of_invoice(row: dict[str, Any]) -> tuple[str | None, list[str | None]]:
    """The project, and each line's task."""
    tasks = [(line["projectTask"] or {}).get("id") for line in row["invoiceLines"]]
    return (row["project"] or {}).get("id"), tasks


def with_onboarding(sync: Sync, **more: Any) -> dict[str, Any]:
    """An invoice of a plan and a charge."""
    sync.chargebee.subscribe(items=[item(), ONBOARDING], **(YEARLY | more))
    (invoice,) = sync.chargebee.listed("invoices")
    return dict(invoice)


def newest(sync: Sync, known: list[dict[str, Any]]) -> list[dict[str, Any]]:
    numbers = {batch["batchNumber"] for batch in known}
    return [batch for batch in sync.batches() if batch["batchNumber"] not in numbers]


def test_every_line_is_of_the_project(open_one: OpenSync) -> None:
    """And of its task; where none is named, of none."""
    sync = open_one(events=events_block(**LICENCES))
    subscribed(sync)
    sync.sync_back()
    (batch,) = sync.batches()
    assert places(batch) == {"1530": BOTH, "2970": BOTH, "2700": BOTH}


def test_without_a_project_nothing_is_of_one(sync: Sync) -> None:
    subscribed(sync)
    sync.sync_back()
    (batch,) = sync.batches()
    assert set(places(batch).values()) == {NONE}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"project_task": "OPPSTART"}, ("P-ABO", "OPPSTART")),
        (INTERNAL, ("P-INT", "LISENS")),
        ({"project": "P-TOM"}, ("P-TOM", None)),
        ({"revenue": "3100"}, BOTH),
    ],
)
def test_a_rule_names_another_task_or_another_project(
    open_one: OpenSync, rule: dict[str, str], expected: tuple[str, str | None]
) -> None:
    """Another project has no task of the first one. Receivable, VAT and other lines stay where every line is."""
    rules = [{"entity_id": "onboarding", "revenue": "3100", **rule}]
    sync = open_one(events=events_block(rules=rules, **LICENCES))
    with_onboarding(sync)
    sync.sync_back()
    (batch,) = sync.batches()
    assert places(batch) == {"1530": BOTH, "2970": BOTH, "2700": BOTH, "3100": expected}


def test_a_rule_alone_may_name_a_project(open_one: OpenSync) -> None:
    sync = open_one(events=events_block(rules=[{"entity_id": "lisens", **INTERNAL}]))
    subscribed(sync)
    sync.sync_back()
    (batch,) = sync.batches()
    assert places(batch) == {"1530": NONE, "2970": ("P-INT", "LISENS"), "2700": NONE}


LATER = [
    pytest.param({}, id="none"),
    pytest.param({**INTERNAL, "subaccount": OTHER}, id="others"),
    pytest.param({"rules": [{"entity_id": "lisens", **INTERNAL, "subaccount": OTHER}]}, id="by a rule"),
]


@pytest.mark.parametrize("later", LATER)
def test_months_stand_where_their_document_does(open_one: OpenSync, later: dict[str, Any]) -> None:
    """Project, task and subaccount, on both lines, whatever is configured by then: nothing stays deferred there."""
    rule = {"entity_id": "lisens", "project_task": "OPPSTART", "subaccount": PLACE}
    sync = open_one(events=events_block(rules=[rule], **LICENCES))
    subscribed(sync)
    sync.sync_back()
    known = sync.batches()
    sync = open_one(events=events_block(**later))
    sync.wait(days=70)
    assert sync.sync_back()["recognitions"].total.created >= 2
    months = newest(sync, known)
    assert {account for month in months for account in places(month)} == {"2970", "3000"}
    assert {found for month in months for found in places(month).values()} == {("P-ABO", "OPPSTART")}
    assert all(segments(line) == PLACE for month in months for line in month[LINES])


def test_months_of_a_document_without_a_project_get_none(open_one: OpenSync) -> None:
    """One that is configured later counts from the next document on."""
    sync = open_one()
    subscribed(sync)
    sync.sync_back()
    sync = open_one(events=events_block(**LICENCES))
    sync.wait(days=70)
    sync.sync_back()
    assert len(sync.batches()) > 1
    assert {found for batch in sync.batches() for found in places(batch).values()} == {NONE}


@pytest.mark.parametrize("later", LATER)
def test_a_voiding_stands_where_its_invoice_does(open_one: OpenSync, later: dict[str, Any]) -> None:
    """Each line, and its months."""
    rule = {"entity_id": "onboarding", "project": "P-TOM"}
    sync = open_one(events=events_block(rules=[rule], subaccount=PLACE, **LICENCES))
    invoice = with_onboarding(sync)
    sync.sync_back()
    known = sync.batches()
    assert sync.chargebee.post(f"/invoices/{invoice['id']}/void").status_code == 200
    sync = open_one(events=events_block(**later))
    sync.wait(days=400)
    assert counts(sync.sync_back()["journals"])["created"] == 1
    (voiding,) = (batch for batch in newest(sync, known) if "1530" in places(batch))
    assert places(voiding) == places(known[0])
    assert all(segments(line) == PLACE for line in voiding[LINES])
    left: dict[Any, int] = {}
    for batch in sync.batches():
        for line in batch[LINES]:
            key = (line["accountNumber"], *place(line), *segments(line).values())
            cents = round((line["debitAmountInCurrency"] - line["creditAmountInCurrency"]) * 100)
            left[key] = left.get(key, 0) + cents
    assert set(left.values()) == {0}


def test_a_credit_note_stands_where_its_invoice_does(open_one: OpenSync) -> None:
    """By the lines that its lines take back."""
    sync = open_one(events=events_block(rules=[{"entity_id": "lisens", "project_task": "OPPSTART"}], **LICENCES))
    invoice = subscribed(sync)
    sync.sync_back()
    known = sync.batches()
    (invoice,) = sync.chargebee.listed("invoices")
    sync.chargebee.control(f"invoices/{invoice['id']}/credit", {"amount": invoice["total"], "type": "adjustment"})
    sync = open_one(events=events_block(**INTERNAL))
    assert counts(sync.sync_back()["journals"])["created"] == 1
    (note,) = newest(sync, known)
    assert places(note) == places(known[0]) == {"1530": BOTH, "2700": BOTH, "2970": ("P-ABO", "OPPSTART")}


def test_invoice_and_voiding_that_come_at_once_stand_together(open_one: OpenSync) -> None:
    """Of both, the invoice is posted first."""
    sync = open_one(events=events_block(**LICENCES))
    invoice = with_onboarding(sync)
    assert sync.chargebee.post(f"/invoices/{invoice['id']}/void").status_code == 200
    assert counts(sync.sync_back()["journals"])["created"] == 2
    assert {found for batch in sync.batches() for found in places(batch).values()} == {BOTH}


@pytest.mark.parametrize("fault", ["lost_answer", "false_error"])
def test_one_that_is_found_is_told_with_the_project_on_which_it_stands(open_one: OpenSync, fault: str) -> None:
    """Created with an answer that was lost; the settings changed before it was found, and its months followed."""
    sync = open_one(events=events_block(rules=[{"entity_id": "lisens", **START_UP}], **LICENCES))
    invoice = subscribed(sync)
    sync.visma.fault(fault, path="journaltransaction$", **POST)
    assert counts(sync.sync_back()["journals"]) == {"read": 1, "failed": 1}
    known = sync.batches()
    sync = open_one(events=events_block(**INTERNAL))
    sync.wait(days=70)
    assert counts(sync.sync_back()["journals"])["created"] == 1
    (invoice,) = sync.chargebee.listed("invoices")
    entries = list(sync.ledger.audit(BACK).entries(key=f"invoice/{invoice['id']}", with_payload=True))
    told = orjson.loads(entries[-1].entry.payload or b"")[LINES]
    assert [(line["project"]["value"], line["projectTask"]["value"]) for line in told] == [
        place(line) for line in known[0][LINES]
    ]
    months = newest(sync, known)
    assert months
    assert {found for month in months for found in places(month).values()} == {("P-ABO", "OPPSTART")}


# --- invoices and credit notes ---------------------------------------------------------------------------------------


def test_an_invoice_has_the_project_and_its_lines_their_tasks(open_one: OpenSync) -> None:
    """A rule names another task of the same project."""
    rule = {"entity_id": "onboarding", "project_task": "OPPSTART"}
    sync = open_one(events=invoices_block(rules=[rule], **LICENCES))
    sync.chargebee.subscribe(customer_id="V-10001", items=[item(), ONBOARDING], **YEARLY)
    sync.sync_back()
    (row,) = documents(sync)
    assert of_invoice(row) == ("P-ABO", ["LISENS", "OPPSTART"])


@pytest.mark.parametrize("way", ["void", "credit"])
@pytest.mark.parametrize("later", [{}, INTERNAL], ids=["none", "another"])
def test_what_takes_an_invoice_back_is_of_its_project(open_one: OpenSync, way: str, later: dict[str, Any]) -> None:
    """A voiding and a credit note, whatever is configured by then."""
    sync = open_one(events=invoices_block(rules=[{"entity_id": "lisens", "subaccount": PLACE}], **LICENCES))
    invoice = billed(sync)
    sync.sync_back()
    if way == "void":
        assert sync.chargebee.post(f"/invoices/{invoice['id']}/void").status_code == 200
    else:
        body = {"amount": invoice["total"], "type": "adjustment"}
        sync.chargebee.control(f"invoices/{invoice['id']}/credit", body)
    sync = open_one(events=invoices_block(**later))
    assert counts(sync.sync_back()["journals"])["created"] == 1
    (note,) = documents(sync, "credit_notes")
    assert of_invoice(note) == ("P-ABO", ["LISENS"])
    assert [segments(line) for line in note["invoiceLines"]] == [PLACE]


@pytest.mark.parametrize("later", [{}, {"project": "P-INT", "subaccount": OTHER}, {**START_UP, "subaccount": OTHER}])
def test_an_invoice_that_is_found_is_told_with_its_project(open_one: OpenSync, later: dict[str, Any]) -> None:
    """And what takes it back follows it."""
    sync = open_one(events=invoices_block(subaccount=PLACE, **LICENCES))
    invoice = billed(sync)
    sync.visma.fault("lost_answer", path="customerinvoice$", **POST)
    assert counts(sync.sync_back()["journals"]) == {"read": 1, "failed": 1}
    sync = open_one(events=invoices_block(**later))
    sync.wait(minutes=10)
    assert counts(sync.sync_back()["journals"])["created"] == 1
    assert sent(sync, invoice) == ("P-ABO", "LISENS", PLACE)
    assert sync.chargebee.post(f"/invoices/{invoice['id']}/void").status_code == 200
    sync.sync_back()
    (note,) = documents(sync, "credit_notes")
    assert of_invoice(note) == ("P-ABO", ["LISENS"])
    assert [segments(line) for line in note["invoiceLines"]] == [PLACE]


def test_an_invoice_whose_text_changed_is_told_with_its_project(open_one: OpenSync) -> None:
    """The amount is what it should be; what is configured by now was never sent."""
    sync = open_one(events=invoices_block(subaccount=PLACE, **LICENCES))
    invoice = billed(sync)
    sync.sync_back()
    changed = {"line_items": [{**invoice["line_items"][0], "description": "Licence"}]}
    sync.chargebee.control(f"records/invoices/{invoice['id']}", {"set": changed})
    sync.chargebee.done(f"/invoices/{invoice['id']}/update_details", po_number="PO-1")
    sync = open_one(events=invoices_block(project="P-INT", subaccount=OTHER))
    assert counts(sync.sync_back()["journals"])["updated"] == 1
    assert sent(sync, invoice) == ("P-ABO", "LISENS", PLACE)


def sent(sync: Sync, invoice: dict[str, Any]) -> tuple[str, str, dict[int, str]]:
    """Project, task and subaccount of an invoice of one line, as they were told last."""
    entries = list(sync.ledger.audit(BACK).entries(key=f"invoice/{invoice['id']}", with_payload=True))
    told = orjson.loads(entries[-1].entry.payload or b"")
    (line,) = told["invoiceLines"]
    found = {one["segmentId"]: one["segmentValue"] for one in line["subaccount"]}
    return told["project"]["value"], line["taskId"]["value"], found


def test_a_transaction_on_one_project_is_taken_back_by_a_credit_note_on_it(open_one: OpenSync) -> None:
    """`post` was changed in between."""
    sync = open_one(events=events_block(policy="immediate", **LICENCES))
    invoice = billed(sync)
    sync.sync_back()
    assert sync.chargebee.post(f"/invoices/{invoice['id']}/void").status_code == 200
    sync = open_one(events=invoices_block(**INTERNAL))
    sync.sync_back()
    (note,) = documents(sync, "credit_notes")
    assert of_invoice(note) == ("P-ABO", ["LISENS"])


def test_a_transaction_on_several_projects_is_not_taken_back_by_a_credit_note(open_one: OpenSync) -> None:
    """It could name only one of them."""
    rules = [{"entity_id": "onboarding", **INTERNAL}]
    sync = open_one(events=events_block(policy="immediate", rules=rules, **LICENCES))
    invoice = with_onboarding(sync, customer_id="V-10001")
    sync.sync_back()
    assert sync.chargebee.post(f"/invoices/{invoice['id']}/void").status_code == 200
    sync = open_one(events=invoices_block(**LICENCES))
    assert counts(sync.sync_back()["journals"])["rejected"] == 1
    assert "several projects" in (sync.state_back("journals", f"void/{invoice['id']}").reason or "")
    assert documents(sync, "credit_notes") == []


# --- what is wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [events_block, invoices_block])
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"project": "P-NIX"}, "'Project' 'P-NIX' cannot be found"),
        ({"project": "P-ABO", "project_task": "NIX"}, "'Project Task' 'NIX' cannot be found"),
        ({"project": "P-TOM", "project_task": "LISENS"}, "'Project Task' 'LISENS' cannot be found"),
    ],
)
def test_what_visma_does_not_know_is_rejected_in_its_words(
    open_one: OpenSync, block: Any, wrong: dict[str, str], words: str
) -> None:
    """And posted once the settings are right, by itself."""
    sync = open_one(events=block(**wrong))
    invoice = billed(sync)
    assert counts(sync.sync_back()["journals"]) == {"read": 1, "rejected": 1}
    assert words in (sync.state_back("journals", f"invoice/{invoice['id']}").reason or "")
    assert (sync.batches(), documents(sync)) == ([], [])
    assert counts(open_one(events=block(**LICENCES)).sync_back()["journals"]) == {"read": 1, "created": 1}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"project_task": "LISENS"}, "project_task needs project: .* Set project"),
        ({"rules": [{"project_task": "LISENS"}]}, "rule 1: project_task needs project: .* Set project in the rule"),
        ({"project": " P"}, "expected the id of a project"),
        ({"project": ""}, "expected the id of a project"),
        ({"project": 100}, "valid string"),
        (
            {"post": "invoices", "policy": "immediate", "rules": [{}, INTERNAL], **LICENCES},
            "rule 2: with post: invoices a rule can have no project of its own, .* Set project in events",
        ),
        ({"post": "invoices", "policy": "immediate", "rules": [INTERNAL]}, "rule 1: with post: invoices"),
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any], words: str) -> None:
    """What is wrong, why, and what to set."""
    with pytest.raises(ValidationError, match=words):
        settings(events=events_block(**wrong))


@pytest.mark.parametrize(
    "right",
    [
        {"project": "P-ABO", "rules": [{"project_task": "OPPSTART"}]},
        {"rules": [INTERNAL]},
        {"post": "invoices", "policy": "immediate", "rules": [{**START_UP}], **LICENCES},
    ],
)
def test_right_settings_are_taken(right: dict[str, Any]) -> None:
    settings(events=events_block(**right))
