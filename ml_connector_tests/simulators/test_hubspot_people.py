"""Companies and contacts at the HubSpot simulator: what is the same, and what is not."""

from __future__ import annotations

from ml_connector_tests.simulators.hubspot_support import Hubspot, codes, refusal

pytest_plugins = "ml_connector_tests.simulators.hubspot_fixtures"


def test_companies_are_not_deduplicated(hubspot: Hubspot) -> None:
    """failures.md 8: the same domain makes a second company."""
    made = {hubspot.made("companies", name="Nordfisk AS", domain="nordfisk.no") for _ in range(3)}
    assert (len(made), hubspot.control("summary")["records"]["companies"]) == (3, 3)


def test_a_contact_that_exists_is_named_in_the_message_alone(hubspot: Hubspot) -> None:
    """409 CONFLICT, whatever the address's case."""
    kari = hubspot.made("contacts", email="Kari@Nordfisk.no")
    answer = hubspot.create("contacts", email="kari@nordfisk.NO")
    assert refusal(answer) == (409, "CONFLICT")
    assert answer.json()["message"] == f"Contact already exists. Existing ID: {kari}"
    assert {"context", "errors"}.isdisjoint(answer.json())


def test_an_address_is_kept_in_lower_case(hubspot: Hubspot) -> None:
    """What was sent does not come back."""
    assert hubspot.create("contacts", email="Kari@Nordfisk.no").json()["properties"]["email"] == "kari@nordfisk.no"


def test_a_change_to_a_taken_address_is_refused(hubspot: Hubspot) -> None:
    """409 here too; the own address again is harmless."""
    hubspot.made("contacts", email="kari@nordfisk.no")
    ola = hubspot.made("contacts", email="ola@nordfisk.no")
    assert hubspot.patch("contacts", ola, email="kari@nordfisk.no").status_code == 409
    assert hubspot.patch("contacts", ola, email="OLA@nordfisk.no").status_code == 200


def test_secondary_addresses_count_too(hubspot: Hubspot) -> None:
    """The address of a contact that was merged away leads to the survivor."""
    kari, old = (hubspot.made("contacts", email=email) for email in ("kari@nordfisk.no", "kari@gammel.no"))
    hubspot.control("merge/contacts", {"primary": kari, "merged": old})
    answer = hubspot.create("contacts", email="kari@gammel.no")
    assert answer.json()["message"].endswith(f"Existing ID: {kari}")
    assert hubspot.get("contacts", "kari@gammel.no", idProperty="email").json()["id"] == kari


def test_a_contact_may_be_made_without_an_address(hubspot: Hubspot) -> None:
    """With a name, or, as one page says, with nothing at all."""
    assert hubspot.create("contacts", lastname="Nordmann").status_code == 201
    assert hubspot.create("contacts", phone="22334455").status_code == 400
    hubspot.configure(contact_needs_identity=False)
    assert hubspot.create("contacts", phone="22334455").status_code == 201


def test_a_lifecycle_stage_never_goes_back(hubspot: Hubspot) -> None:
    """200, and nothing happened; it must be cleared first."""
    company = hubspot.made("companies", name="Nordfisk AS", lifecyclestage="customer")
    assert hubspot.patch("companies", company, lifecyclestage="lead", city="Oslo").status_code == 200
    assert hubspot.values("companies", company, "lifecyclestage", "city") == {
        "lifecyclestage": "customer",
        "city": "Oslo",
    }
    hubspot.patch("companies", company, lifecyclestage="")
    hubspot.patch("companies", company, lifecyclestage="lead")
    assert hubspot.values("companies", company, "lifecyclestage") == {"lifecyclestage": "lead"}
    assert hubspot.patch("companies", company, lifecyclestage="evangelist").status_code == 200


def test_a_stage_that_goes_back_may_be_an_error(hubspot: Hubspot) -> None:
    """The reference does not know."""
    hubspot.configure(backward_lifecycle="refuse")
    contact = hubspot.made("contacts", email="kari@nordfisk.no", lifecyclestage="customer")
    assert codes(hubspot.patch("contacts", contact, lifecyclestage="lead")).keys() == {"lifecyclestage"}


def test_the_account_may_make_companies_from_addresses(hubspot: Hubspot) -> None:
    """By domain, one for all of its contacts, and marked; not for addresses of a mail provider."""
    hubspot.configure(companies_from_contacts=True)
    for email in ("kari@nordfisk.no", "ola@nordfisk.no", "per@gmail.com"):
        hubspot.made("contacts", email=email)
    (stray,) = hubspot.control("records/companies")["records"]
    assert stray["properties"]["hs_object_source_label"] == "CRM_SETTING"
    assert (stray["properties"]["domain"], len(stray["associations"]["contacts"])) == ("nordfisk.no", 2)
