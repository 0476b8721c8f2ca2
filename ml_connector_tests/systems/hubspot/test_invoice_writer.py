"""Delivering invoices with their lines, payments and links to the simulator."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from ml_connector.engine.records import Change, Outcome, Result
from ml_connector.errors import StoppedProblem
from ml_connector.http import Action, Answer, BatchRefused, Decision
from ml_connector_tests.systems.hubspot.conftest import OpenTarget
from ml_connector_tests.systems.hubspot.invoice_support import change, credit_note, invoice, key_of, line, payment
from ml_connector_tests.systems.hubspot.support import HubSpot, Target

UPSERT = "/invoices/batch/upsert"
KEYED = pytest.mark.parametrize("line_key", ["visma_line_key", None], ids=["keyed", "by content"])


@pytest.fixture
def open_invoices(open_target: OpenTarget) -> Any:
    """Opens a target with companies, contacts, and invoices with these settings."""

    def open_one(**invoices: Any) -> Target:
        return open_target(flows={"companies": {}, "contacts": {}, "invoices": invoices})

    return open_one


@pytest.fixture
def target(open_invoices: Any) -> Target:
    opened: Target = open_invoices()
    return opened


def send(target: Target, *changes: Change) -> dict[str, Result]:
    return target.deliver("invoices", *changes)


def send_one(target: Target, row: Mapping[str, Any], **planned: Any) -> Result:
    return send(target, change(row, **planned))[key_of(row)]


def linked(hubspot: HubSpot, invoice_id: str, kind: str) -> list[str]:
    view = hubspot.control(f"records/invoices/{invoice_id}")
    return [str(one) for one in view["associations"].get(kind, ())]


def lines_of(hubspot: HubSpot, invoice_id: str) -> list[dict[str, Any]]:
    ids = set(linked(hubspot, invoice_id, "line_items"))
    return [row for row in hubspot.records("line_items") if row["id"] in ids]


def total_of(hubspot: HubSpot, invoice_id: str) -> Decimal:
    """The sum of the lines' amounts as HubSpot worked them out."""
    ids = linked(hubspot, invoice_id, "line_items")
    answer = hubspot.http.post(
        "/crm/v3/objects/line_items/batch/read",
        headers={"Authorization": f"Bearer {hubspot.settings.access_token}"},
        json={"inputs": [{"id": one} for one in ids], "properties": ["amount"], "propertiesWithHistory": []},
    )
    return sum((Decimal(one["properties"]["amount"]) for one in answer.json()["results"]), Decimal())


def outcomes(results: Mapping[str, Result]) -> dict[str, int]:
    found = [result.outcome.value for result in results.values()]
    return {outcome: found.count(outcome) for outcome in dict.fromkeys(found)}


@KEYED
def test_a_new_invoice_has_its_lines_and_links(open_invoices: Any, line_key: str | None) -> None:
    """Not billable, its lines are its own and add up, and it belongs to its company and contact."""
    target = open_invoices(line_key=line_key)
    company, contact = target.hubspot.make("companies", name="X"), target.hubspot.make("contacts", email="k@x.no")
    result = send_one(target, invoice(), company=company, contact=contact)
    assert (result.outcome, result.target_id) == (Outcome.CREATED, "nordic:Invoice-100045")
    made = target.hubspot.one("invoices", visma_invoice_key="nordic:Invoice-100045")
    assert result.facts == {"id": made["id"], "company": company, "contact": contact}
    assert (made["hs_invoice_billable"], made["hs_invoice_status"], made["hs_number"]) == ("false", "open", "100045")
    assert linked(target.hubspot, made["id"], "companies") == [company]
    assert linked(target.hubspot, made["id"], "contacts") == [contact]
    assert sorted(one["name"] for one in lines_of(target.hubspot, made["id"])) == ["VAT 25 %", "Vare 1"]
    assert total_of(target.hubspot, made["id"]) == 1250


def test_a_hundred_invoices_need_few_calls(target: Target) -> None:
    """failures.md 9: one upsert, two hundred lines in two, and one call for each kind of link."""
    company = target.hubspot.make("companies", name="X")
    results = send(target, *(change(invoice(str(200_000 + one)), company=company) for one in range(100)))
    assert outcomes(results) == {"created": 100}
    made = [call for call in target.hubspot.calls() if "properties" not in call]
    assert len(made) == 5, made
    assert len(target.hubspot.records("line_items")) == 200


@KEYED
def test_the_same_again_changes_nothing(open_invoices: Any, line_key: str | None) -> None:
    """failures.md 20: however often it is sent, there is one invoice with its lines once."""
    target = open_invoices(line_key=line_key)
    first = send_one(target, invoice())
    again = [send_one(target, invoice()), send_one(target, invoice(), linked=True, facts=first.facts)]
    assert [one.outcome for one in again] == [Outcome.UPDATED, Outcome.UPDATED]
    assert len(target.hubspot.records("invoices")) == 1
    assert len(target.hubspot.records("line_items")) == 2
    assert total_of(target.hubspot, first.facts["id"]) == 1250


@KEYED
def test_a_changed_invoice_has_the_lines_of_today(open_invoices: Any, line_key: str | None) -> None:
    """A line that is gone is archived, a changed one changed, a new one made."""
    target = open_invoices(line_key=line_key)
    first = send_one(target, invoice("1", line(1), line(2), line(3)))
    changed = invoice("1", line(1), line(3, quantity="5"), line(4, quantity="-1", price="9.99"))
    send_one(target, changed, linked=True, facts=first.facts)
    found = {one["name"]: one["quantity"] for one in lines_of(target.hubspot, first.facts["id"])}
    assert found == {"Vare 1": "2", "Vare 3": "5", "Vare 4": "1", "VAT 25 %": "1"}
    assert len(target.hubspot.records("line_items")) == 4
    assert total_of(target.hubspot, first.facts["id"]) == Decimal("4362.51")


@KEYED
def test_lines_that_are_the_same_in_content_are_as_many_as_they_are(open_invoices: Any, line_key: str | None) -> None:
    """Two equal lines are two."""
    target = open_invoices(line_key=line_key)
    twins = [line(number, description="Vare") for number in (1, 2, 3)]
    first = send_one(target, invoice("1", *twins))
    send_one(target, invoice("1", *twins[:2]), linked=True, facts=first.facts)
    assert total_of(target.hubspot, first.facts["id"]) == 2500


def test_a_line_that_people_added_stays(target: Target) -> None:
    """Only what has a key of ours is archived."""
    first = send_one(target, invoice("1", line(1), line(2)))
    own = target.hubspot.make("line_items", name="By hand")
    target.hubspot.control("associate", {"from": ["invoices", first.facts["id"]], "to": ["line_items", own]})
    send_one(target, invoice("1", line(1)), linked=True, facts=first.facts)
    assert sorted(one["name"] for one in lines_of(target.hubspot, first.facts["id"])) == [
        "By hand",
        "VAT 25 %",
        "Vare 1",
    ]


def test_a_credit_note_is_an_invoice_below_zero(target: Target) -> None:
    """With lines that HubSpot accepts, although no price may lie below zero."""
    row = credit_note("1", line(1), line(2, quantity="-1", price="100"))
    result = target.deliver("credit_notes", change(row))[key_of(row)]
    assert result.outcome is Outcome.CREATED
    assert total_of(target.hubspot, result.facts["id"]) == -1125
    assert target.hubspot.one("invoices", visma_document_type="CreditNote")["visma_total"] == "-1125"


@KEYED
def test_one_bad_invoice_does_not_refuse_the_others(open_invoices: Any, line_key: str | None) -> None:
    """failures.md 9: of a currency that the account has not, say."""
    target = open_invoices(line_key=line_key)
    changes = [change(invoice(str(one), currencyId="XXX" if one == 3 else "NOK")) for one in range(1, 8)]
    results = send(target, *changes)
    assert outcomes(results) == {"created": 6, "rejected": 1}
    assert results["Invoice-3"].kind == "currency"


@pytest.mark.parametrize("how", ["ignored", "refused"])
def test_an_account_that_keeps_number_and_amount_to_itself_gets_the_rest(target: Target, how: str) -> None:
    """What they hold stands in properties of our own, too (HubSpot reference, section 10)."""
    target.hubspot.configure(nonbillable_fields=how)
    results = send(target, change(invoice("1")), change(invoice("2")))
    assert outcomes(results) == {"created": 2}
    found = target.hubspot.one("invoices", visma_document_number="1")
    assert (found["visma_total"], found["visma_status"]) == ("1250", "Open")
    assert found.get("hs_number") != "1"
    assert len([call for call in target.hubspot.calls() if UPSERT in call]) == 1


def test_an_account_that_changes_its_mind_is_told_the_rest(target: Target) -> None:
    """It refuses what it had declared writable: the batch is sent again without it, once for the whole run."""
    writer = target.account.writer("invoices")
    assert [one.outcome for one in writer.deliver([change(invoice("1"))], target)] == [Outcome.CREATED]
    target.hubspot.configure(nonbillable_fields="refused")
    for number in ("2", "3"):
        target.hubspot.calls()
        assert [one.outcome for one in writer.deliver([change(invoice(number))], target)] == [Outcome.CREATED]
        upserts = [call for call in target.hubspot.calls() if UPSERT in call]
        assert len(upserts) == (2 if number == "2" else 1)


def test_a_value_that_hubspot_does_not_take_in_its_own_property_costs_no_invoice(target: Target) -> None:
    """An amount below zero, say: nobody documents whether it is taken; only that invoice goes without it."""
    wanted = change(invoice("1"))
    wanted.body["properties"]["hs_amount_billed"] = "less than nothing"
    results = send(target, wanted, change(invoice("2")))
    assert outcomes(results) == {"created": 2}
    assert not target.hubspot.one("invoices", visma_document_number="1").get("hs_number")
    assert target.hubspot.one("invoices", visma_document_number="2")["hs_number"] == "2"


def test_what_a_process_that_died_had_made_is_cleared_of_what_has_no_value_any_more(target: Target) -> None:
    """The invoice is there, and the ledger does not know it: values that are gone by now do not stay."""
    send_one(target, invoice(customerRefNumber="PO-7"))
    send_one(target, invoice(customerRefNumber=None))
    assert not target.hubspot.one("invoices", visma_document_number="100045").get("visma_customer_reference")


def test_an_invoice_of_another_company_is_taken_off_the_first(target: Target) -> None:
    """It belongs to one."""
    one, other = target.hubspot.make("companies", name="A"), target.hubspot.make("companies", name="B")
    first = send_one(target, invoice(), company=one)
    send_one(target, invoice(customer="10002"), company=other, linked=True, facts=first.facts)
    assert linked(target.hubspot, first.facts["id"], "companies") == [other]


def test_a_company_that_is_gone_at_hubspot_fails_its_invoice_and_no_other(target: Target) -> None:
    """Not for good: the company comes back with its customer's next change."""
    here, gone = target.hubspot.make("companies", name="A"), target.hubspot.make("companies", name="B")
    target.hubspot.delete("companies", gone)
    results = send(target, change(invoice("1"), company=here), change(invoice("2"), company=gone))
    assert outcomes(results) == {"created": 1, "failed": 1}
    assert results["Invoice-2"].reason == "Its company: HubSpot does not know the record any more."


def test_an_invoice_that_vanished_is_voided_and_never_made(target: Target) -> None:
    """Nothing is deleted at HubSpot."""
    assert send_one(target, invoice("9"), vanished=True).outcome is Outcome.SKIPPED
    first = send_one(target, invoice())
    result = send_one(target, invoice(), vanished=True, linked=True, facts=first.facts)
    assert result.outcome is Outcome.UPDATED
    assert target.hubspot.one("invoices", visma_status="Deleted")["hs_invoice_status"] == "voided"


def test_an_invoice_that_people_deleted_comes_back_whole(target: Target) -> None:
    """HubSpot deletes its lines with it (HubSpot reference, section 10)."""
    first = send_one(target, invoice())
    for one in lines_of(target.hubspot, first.facts["id"]):
        target.hubspot.delete("line_items", one["id"])
    target.hubspot.delete("invoices", first.facts["id"])
    result = send_one(target, invoice(), linked=True, facts=first.facts)
    assert result.outcome is Outcome.CREATED
    assert total_of(target.hubspot, result.facts["id"]) == 1250


# --- answers that do not come ---


@KEYED
@pytest.mark.parametrize("path", ["/invoices/batch/", "/line_items/batch/", "/batch/associate/"])
def test_a_write_without_an_answer_is_repeated_without_harm(
    open_invoices: Any, line_key: str | None, path: str
) -> None:
    """failures.md 20: it took effect, and its answer was lost, at whichever step; sent again, all is there once."""
    target = open_invoices(line_key=line_key)
    company = target.hubspot.make("companies", name="X")
    target.hubspot.faults({"fault": "lost_answer", "path": path, "times": 3})
    first = send_one(target, invoice(), company=company)
    target.hubspot.faults()
    again = send_one(target, invoice(), company=company)
    assert again.outcome in (Outcome.CREATED, Outcome.UPDATED)
    assert first.outcome in (Outcome.FAILED, Outcome.CREATED, Outcome.UPDATED)
    assert len(target.hubspot.records("invoices")) == 1
    assert len(target.hubspot.records("line_items")) == 2
    assert total_of(target.hubspot, again.facts["id"]) == 1250


def test_a_stop_after_the_invoices_tells_of_none_of_them(target: Target) -> None:
    """What has no lines yet is not confirmed (failures.md 17): the intents stay, and the next run sends it again."""
    target.hubspot.faults({"fault": "expired_token", "path": "/line_items/"})
    results = []
    with pytest.raises(StoppedProblem):
        results += list(target.results("invoices", change(invoice())))
    assert results == []
    target.hubspot.faults()
    again = send_one(target, invoice())
    assert total_of(target.hubspot, again.facts["id"]) == 1250


def test_nothing_is_sent_where_a_property_is_missing(open_account: Any) -> None:
    """The run stops and says what to do."""
    account = open_account(flows={"companies": {}, "invoices": {}})
    with pytest.raises(StoppedProblem, match="visma_invoice_key of invoices does not exist"):
        list(account.writer("invoices").deliver(iter([change(invoice())]), None))


# --- payments ---


def test_payments_become_records_of_the_invoice(open_invoices: Any) -> None:
    """Each once; one that was voided since is taken away."""
    target = open_invoices(payments="records")
    paid = [payment("250"), payment("100", "700002")]
    first = send_one(target, invoice(paid=paid), payments="records")
    send_one(target, invoice(paid=paid), payments="records", linked=True, facts=first.facts)
    records = target.hubspot.records("commerce_payments")
    assert sorted(one["hs_initial_amount"] for one in records) == ["100", "250"]
    assert sorted(linked(target.hubspot, first.facts["id"], "commerce_payments")) == sorted(
        one["id"] for one in records
    )
    paid[1]["voided"] = True
    send_one(target, invoice(paid=paid), payments="records", linked=True, facts=first.facts)
    assert [one["hs_reference_number"] for one in target.hubspot.records("commerce_payments")] == ["BANK-700001"]


# --- deals ---

BY_ORDER = {"deals": {"property": "order_number", "equals": "customer_ref_number"}}


def deal(target: Target, **properties: str) -> str:
    return target.hubspot.make("deals", **{"dealname": "D", "dealstage": "contractsent", **properties})


def order_property(target: Target, *, unique: bool) -> None:
    answer = target.hubspot.http.post(
        "/crm/v3/properties/deals",
        headers={"Authorization": f"Bearer {target.hubspot.settings.access_token}"},
        json={
            "name": "order_number",
            "label": "Order",
            "type": "string",
            "fieldType": "text",
            "groupName": "dealinformation",
            "hasUniqueValue": unique,
        },
    )
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("unique", [True, False])
def test_the_deal_with_the_reference_is_linked(open_invoices: Any, unique: bool) -> None:
    """Read where its values are unique, searched for where not; whatever the case of its letters."""
    target = open_invoices(**BY_ORDER)
    order_property(target, unique=unique)
    found, _ = deal(target, order_number="po-7" if not unique else "PO-7"), deal(target, order_number="PO-8")
    target.hubspot.control("search-index", {})
    result = send_one(target, invoice(), **BY_ORDER)
    assert linked(target.hubspot, result.facts["id"], "deals") == [found]
    assert result.facts["deal"] == found
    searched = [call for call in target.hubspot.calls() if "search" in call]
    assert len(searched) == (0 if unique else 1)


def test_a_deal_leads_to_its_invoice_and_that_to_its_payment(open_invoices: Any) -> None:
    """By HubSpot's own links, as people follow them from the deal."""
    how = {**BY_ORDER, "payments": "records"}
    target = open_invoices(**how)
    order_property(target, unique=True)
    sold = deal(target, order_number="PO-7")
    send(
        target,
        change(invoice(paid=[payment("250")]), **how),
        change(invoice("100046", customerRefNumber="PO-8"), **how),
    )
    (found,) = target.hubspot.control(f"records/deals/{sold}")["associations"]["invoices"]
    (paid,) = linked(target.hubspot, str(found), "commerce_payments")
    assert target.hubspot.one("invoices", id=str(found))["visma_document_number"] == "100045"
    assert target.hubspot.one("commerce_payments", id=paid)["hs_initial_amount"] == "250"


def test_another_reference_leads_to_another_deal(open_invoices: Any) -> None:
    """The first one is taken off; without any deal there is none."""
    target = open_invoices(**BY_ORDER)
    order_property(target, unique=True)
    _, other = deal(target, order_number="PO-7"), deal(target, order_number="PO-8")
    facts = send_one(target, invoice(), **BY_ORDER).facts
    for reference, wanted in (("PO-8", [other]), ("PO-9", [])):
        result = send_one(target, invoice(customerRefNumber=reference), linked=True, facts=facts, **BY_ORDER)
        facts = result.facts
        assert linked(target.hubspot, facts["id"], "deals") == wanted


def test_several_deals_are_none_and_a_note(open_invoices: Any) -> None:
    """The invoice comes over; the note names the deals."""
    target = open_invoices(**BY_ORDER)
    order_property(target, unique=False)
    one, other = deal(target, order_number="PO-7"), deal(target, order_number="PO-7", dealname="E")
    target.hubspot.control("search-index", {})
    result = send_one(target, invoice(), **BY_ORDER)
    assert result.outcome is Outcome.CREATED
    assert result.reason in (
        f"No deal was linked: 2 deals have the invoice's reference as their order_number: {one} (D), {other} (E).",
        f"No deal was linked: 2 deals have the invoice's reference as their order_number: {other} (E), {one} (D).",
    )
    assert linked(target.hubspot, result.facts["id"], "deals") == []


def test_long_references_are_spread_over_searches(open_invoices: Any) -> None:
    """One that no search can hold has no deal, and a note; it takes nobody else's."""
    target = open_invoices(**BY_ORDER)
    order_property(target, unique=False)
    found = deal(target, order_number="PO-3")
    target.hubspot.control("search-index", {})
    references = ["x" * 3_000, "PO-3", *(f"{'PO-' * 30}{number}" for number in range(60))]
    rows = [invoice(str(300 + index), customerRefNumber=one) for index, one in enumerate(references)]
    results = send(target, *(change(row, **BY_ORDER) for row in rows))
    assert {result.outcome for result in results.values()} == {Outcome.CREATED}
    assert results["Invoice-301"].facts["deal"] == found
    assert results["Invoice-300"].reason == (
        "No deal was linked: the invoice's reference is too long to be searched for."
    )


def test_a_refused_search_for_deals_fails_the_invoice_that_spoils_it(
    open_invoices: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is due again; the others go on."""
    target = open_invoices(**BY_ORDER)
    order_property(target, unique=False)
    client = target.account.client
    search = client.search

    def refusing(path: str, body: Mapping[str, Any]) -> Answer:
        if "po-2" in body["filterGroups"][0]["filters"][0]["values"]:
            raise BatchRefused(Decision(Action.BISECT, "validation", "HubSpot refuses this"), 400)
        return search(path, body)

    monkeypatch.setattr(client, "search", refusing)
    rows = [invoice(str(300 + index), customerRefNumber=f"PO-{index}") for index in range(5)]
    results = send(target, *(change(row, **BY_ORDER) for row in rows))
    assert (results["Invoice-302"].outcome, results["Invoice-302"].kind) == (Outcome.FAILED, "validation")
    assert [result.outcome for result in results.values()].count(Outcome.CREATED) == 4


def test_the_only_open_deal_of_the_company_is_linked_and_stays(open_invoices: Any) -> None:
    """Also when it is won by then, and another one opened; a company with several open ones gets a note."""
    rule = {"deals": {"only_open": True}}
    target = open_invoices(**rule)
    company = target.hubspot.make("companies", name="X")
    lost, open_ = deal(target, dealstage="closedlost"), deal(target)
    for one in (lost, open_):
        target.hubspot.control("associate", {"from": ["companies", company], "to": ["deals", one]})
    first = send_one(target, invoice(), company=company, **rule)
    assert linked(target.hubspot, first.facts["id"], "deals") == [open_]
    target.hubspot.edit("deals", open_, dealstage="closedwon")
    for _ in range(2):
        target.hubspot.control("associate", {"from": ["companies", company], "to": ["deals", deal(target)]})
    send_one(target, invoice(), company=company, linked=True, facts=first.facts, **rule)
    assert linked(target.hubspot, first.facts["id"], "deals") == [open_]
    second = send_one(target, invoice("2"), company=company, **rule)
    assert second.reason is not None
    assert second.reason.startswith("No deal was linked: 2 deals of the company are open: ")


def test_a_deal_property_that_does_not_exist_stops(open_invoices: Any) -> None:
    """Before anything is sent."""
    target = open_invoices(**BY_ORDER)
    with pytest.raises(StoppedProblem, match="the property order_number of deals does not exist"):
        send_one(target, invoice(), **BY_ORDER)
    assert target.hubspot.records("invoices") == []


def test_a_deal_that_people_deleted_holds_nothing_up(open_invoices: Any) -> None:
    """Neither one that was linked, nor one that goes between the search and the link."""
    target = open_invoices(**BY_ORDER)
    order_property(target, unique=True)
    facts = send_one(target, invoice(), **BY_ORDER).facts
    linked_deal = deal(target, order_number="PO-7")
    facts = send_one(target, invoice(), linked=True, facts=facts, **BY_ORDER).facts
    assert facts["deal"] == linked_deal
    target.hubspot.delete("deals", linked_deal)
    assert send_one(target, invoice(), linked=True, facts=facts, **BY_ORDER).outcome is Outcome.UPDATED


@pytest.mark.parametrize("unique", [True, False])
def test_a_new_deal_takes_the_place_of_one_that_people_deleted(open_invoices: Any, unique: bool) -> None:
    """It is found when the invoice changes; without one there is a note, and it is looked for again."""
    target = open_invoices(**BY_ORDER)
    order_property(target, unique=unique)
    first = deal(target, order_number="PO-7")
    target.hubspot.control("search-index", {})
    facts = send_one(target, invoice(), **BY_ORDER).facts
    assert facts["deal"] == first
    target.hubspot.delete("deals", first)
    result = send_one(target, invoice(), linked=True, facts=facts, **BY_ORDER)
    assert result.reason == f"No deal was linked: HubSpot does not know {first} any more."
    assert "deal" not in result.facts
    second = deal(target, order_number="PO-7")
    target.hubspot.control("search-index", {})
    result = send_one(target, invoice(), linked=True, facts=facts, **BY_ORDER)
    assert (result.outcome, result.reason, result.facts["deal"]) == (Outcome.UPDATED, None, second)
    assert linked(target.hubspot, facts["id"], "deals") == [second]


def test_a_deleted_deal_is_let_go_for_another_reference(open_invoices: Any) -> None:
    """Its link is taken off, although there is none any more."""
    target = open_invoices(**BY_ORDER)
    order_property(target, unique=True)
    first, second = deal(target, order_number="PO-7"), deal(target, order_number="PO-8")
    facts = send_one(target, invoice(), **BY_ORDER).facts
    target.hubspot.delete("deals", first)
    result = send_one(target, invoice(customerRefNumber="PO-8"), linked=True, facts=facts, **BY_ORDER)
    assert (result.outcome, result.facts["deal"]) == (Outcome.UPDATED, second)


@pytest.mark.parametrize("rule", [BY_ORDER, {}], ids=["with the rule", "the rule is off"])
def test_an_invoice_that_comes_back_has_its_deal_again(open_invoices: Any, rule: dict[str, Any]) -> None:
    """People deleted it. What is not linked any more does not stand in the facts, either."""
    target = open_invoices(**BY_ORDER)
    order_property(target, unique=True)
    found = deal(target, order_number="PO-7")
    facts = send_one(target, invoice(), **BY_ORDER).facts
    target.hubspot.delete("invoices", facts["id"])
    target = Target(target.hubspot, open_invoices(**rule).account)
    result = send_one(target, invoice(), linked=True, facts=facts, **rule)
    assert result.facts["id"] != facts["id"]
    assert linked(target.hubspot, result.facts["id"], "deals") == ([found] if rule else [])
    assert result.facts.get("deal") == (found if rule else None)


def test_a_rule_that_is_switched_off_leaves_the_links_that_it_made(open_invoices: Any) -> None:
    """People may rely on them."""
    target = open_invoices(**BY_ORDER)
    order_property(target, unique=True)
    found = deal(target, order_number="PO-7")
    facts = send_one(target, invoice(), **BY_ORDER).facts
    without = Target(target.hubspot, open_invoices().account)
    result = send_one(without, invoice(), linked=True, facts=facts)
    assert result.facts["deal"] == found
    assert linked(target.hubspot, facts["id"], "deals") == [found]


def test_a_contact_that_people_deleted_holds_nothing_up(target: Target) -> None:
    """An invoice can do without; the note says so."""
    company, gone = target.hubspot.make("companies", name="X"), target.hubspot.make("contacts", email="k@x.no")
    target.hubspot.delete("contacts", gone)
    result = send_one(target, invoice(), company=company, contact=gone)
    assert (result.outcome, result.facts.get("contact")) == (Outcome.CREATED, None)
    assert result.reason == f"No contact was linked: HubSpot does not know {gone} any more."


def test_a_customer_who_loses_the_address_keeps_the_contact_on_the_invoices(target: Target) -> None:
    """Nobody says that it belongs to somebody else."""
    company, contact = target.hubspot.make("companies", name="X"), target.hubspot.make("contacts", email="k@x.no")
    facts = send_one(target, invoice(), company=company, contact=contact).facts
    again = send_one(target, invoice(), company=company, linked=True, facts=facts)
    assert again.facts == facts
    assert linked(target.hubspot, facts["id"], "contacts") == [contact]
