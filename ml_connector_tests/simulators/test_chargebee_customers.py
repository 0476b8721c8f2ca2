"""Customers of the Chargebee simulator (reference, section 3)."""

from __future__ import annotations

from ml_connector_tests.simulators.chargebee_support import ADDRESS, KARI, Chargebee, refusal

pytest_plugins = "ml_connector_tests.simulators.chargebee_fixtures"


def test_nothing_is_required_and_collection_is_on(chargebee: Chargebee) -> None:
    """A customer made of nothing would be charged and dunned."""
    customer = chargebee.done("/customers")["customer"]
    assert customer["auto_collection"] == "on"
    assert (customer["net_term_days"], customer["taxability"], customer["object"]) == (0, "taxable", "customer")
    assert len(customer["id"]) > 10


def test_an_id_of_our_own_is_kept(chargebee: Chargebee) -> None:
    """And taken from then on: 400, not 409, with `param`."""
    customer = chargebee.customer(email="kari@nordfisk.no", billing_address=ADDRESS, cf_visma_number="10001")
    assert (customer["id"], customer["auto_collection"], customer["cf_visma_number"]) == (KARI, "off", "10001")
    assert customer["billing_address"]["city"] == "Tromsø"
    assert refusal(chargebee.post("/customers", id=KARI)) == (400, "duplicate_entry", "id")


def test_an_update_changes_what_was_sent(chargebee: Chargebee) -> None:
    """Everything else stays, and the version grows."""
    before = chargebee.customer(first_name="Kari", company="Nordfisk AS")
    after = chargebee.done(f"/customers/{KARI}", first_name="Åse")["customer"]
    assert (after["first_name"], after["company"]) == ("Åse", "Nordfisk AS")
    assert after["resource_version"] > before["resource_version"]
    assert 10**12 < after["resource_version"] < 10**13
    assert 10**9 < after["updated_at"] < 10**10


def test_an_empty_value_clears(chargebee: Chargebee) -> None:
    """Expected, not documented: it can also do nothing."""
    chargebee.customer(email="kari@nordfisk.no")
    chargebee.configure(empty_value="ignore")
    assert chargebee.done(f"/customers/{KARI}", email="")["customer"]["email"] == "kari@nordfisk.no"
    chargebee.configure(empty_value="clear")
    assert "email" not in chargebee.done(f"/customers/{KARI}", email="")["customer"]


def test_an_update_takes_no_address_and_no_vat_number(chargebee: Chargebee) -> None:
    """They have an operation of their own."""
    chargebee.customer(billing_address=ADDRESS)
    sent = chargebee.post(f"/customers/{KARI}", billing_address={"city": "Oslo"})
    assert refusal(sent) == (400, "param_wrong_value", "billing_address[city]")
    assert refusal(chargebee.post(f"/customers/{KARI}", vat_number="NO1"))[2] == "vat_number"
    assert chargebee.read(f"/customers/{KARI}")["customer"]["billing_address"]["city"] == "Tromsø"


def test_billing_info_replaces_the_whole_set(chargebee: Chargebee) -> None:
    """What is left out is gone, the VAT number too (failures.md 28)."""
    chargebee.customer(billing_address=ADDRESS, vat_number="NO987654321", registered_for_gst=True)
    path = f"/customers/{KARI}/update_billing_info"
    customer = chargebee.done(path, billing_address={"city": "Oslo", "country": "NO"})["customer"]
    assert customer["billing_address"].keys() == {"city", "country", "validation_status", "object"}
    assert not {"vat_number", "registered_for_gst"} & customer.keys()
    customer = chargebee.done(path, vat_number="NO987654321")["customer"]
    assert customer["vat_number"] == "NO987654321"
    assert "billing_address" not in customer


def test_billing_info_leaves_the_rest_alone(chargebee: Chargebee) -> None:
    """Names and e-mail are none of its business, and it does not take them."""
    chargebee.customer(first_name="Kari", email="kari@nordfisk.no")
    path = f"/customers/{KARI}/update_billing_info"
    assert chargebee.done(path, billing_address=ADDRESS)["customer"]["email"] == "kari@nordfisk.no"
    assert refusal(chargebee.post(path, email="a@b.no"))[2] == "email"


def test_a_vat_number_can_be_validated(chargebee: Chargebee) -> None:
    """With VAT enabled, a bad one is rejected, and nothing is kept."""
    chargebee.configure(vat_check=True)
    bad = chargebee.post("/customers", id=KARI, vat_number="987654321", billing_address=ADDRESS)
    assert refusal(bad) == (400, "param_wrong_value", "vat_number")
    assert chargebee.customer(vat_number="NO987654321", billing_address=ADDRESS)["id"] == KARI


def test_a_deleted_customer_takes_everything_along_minutes_later(chargebee: Chargebee) -> None:
    """Invoices, subscriptions and the id itself."""
    chargebee.customer()
    chargebee.invoice()
    chargebee.subscribe()
    assert chargebee.done(f"/customers/{KARI}/delete")["customer"]["deleted"]
    assert chargebee.get(f"/customers/{KARI}").status_code == 200
    chargebee.control("clock", {"minutes": 3})
    assert chargebee.get(f"/customers/{KARI}").status_code == 404
    for kind in ("customers", "invoices", "subscriptions"):
        assert chargebee.listed(kind) == []
        assert all(row["deleted"] for row in chargebee.listed(kind, include_deleted="true"))
    content = chargebee.events("customer_deleted")[0]["content"]
    assert [row["id"] for row in content["subscriptions"]] == ["S-1"]
    assert refusal(chargebee.post("/customers", id=KARI))[:2] == (400, "duplicate_entry")
    chargebee.configure(deleted_id="free")
    assert chargebee.customer()["id"] == KARI


def test_a_card_comes_along_where_there_is_one(chargebee: Chargebee) -> None:
    """Beside the customer in answers, lists and events."""
    chargebee.customer()
    assert "card" not in chargebee.read(f"/customers/{KARI}")
    chargebee.control(f"customers/{KARI}/card", {})
    assert chargebee.read(f"/customers/{KARI}")["card"]["last4"] == "1111"
    assert chargebee.read("/customers")["list"][0].keys() == {"customer", "card"}
    assert chargebee.events("customer_changed")[0]["content"].keys() == {"customer", "card"}


def test_an_invoice_keeps_the_address_of_its_time(chargebee: Chargebee) -> None:
    """Later changes of the customer do not reach it."""
    chargebee.customer(billing_address=ADDRESS)
    chargebee.invoice()
    chargebee.done(f"/customers/{KARI}/update_billing_info", billing_address={"city": "Oslo", "country": "NO"})
    assert chargebee.read("/invoices/VN-1")["invoice"]["billing_address"]["city"] == "Tromsø"
