"""From a customer to a member."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ml_connector.engine.records import Desired, Record, Reject, Skip
from ml_connector.systems.mailchimp.flows import MembersFlow
from ml_connector.systems.mailchimp.mapping import CLASSES, CONTACTS, is_address, subscriber_hash
from ml_connector_tests.systems.mailchimp.support import (
    AUDIENCE,
    SENT_AT,
    contact,
    customer,
    desired,
    mapped,
    record,
    settings,
)


def skipped(*args: Any, **options: Any) -> Skip:
    wish = mapped(*args, **options)
    assert isinstance(wish, Skip), wish
    return wish


def rejected(*args: Any, **options: Any) -> Reject:
    wish = mapped(*args, **options)
    assert isinstance(wish, Reject), wish
    return wish


def test_a_customer_becomes_a_member() -> None:
    """Every field of the default mapping, and a status for a new member alone."""
    wish = desired(customer(), contact())
    assert wish.claim == subscriber_hash("kari@nordfisk.no")
    assert wish.create
    assert wish.body == {
        "list_id": AUDIENCE,
        "email_address": "kari@nordfisk.no",
        "status_if_new": "subscribed",
        "merge_fields": {
            "FNAME": "Kari",
            "LNAME": "Nordmann",
            "COMPANY": "Nordfisk AS",
            "ADDRESS": {"addr1": "Sjøgata 1", "city": "Tromsø", "state": "Tromsø", "zip": "9008", "country": "NO"},
            "CITY": "Tromsø",
            "COUNTRY": "NO",
            "CUSTNO": "10001",
            "CUSTCLASS": "B2B",
            "BILLSTATUS": "Active",
        },
    }


def test_the_subscriber_hash_is_mailchimps() -> None:
    """The check value of the Mailchimp reference, section 6; upper case makes no difference."""
    assert subscriber_hash("Urist.McVankab@freddiesjokes.com") == "62eeb292278cc15f5817cb78f7790b08"


def test_an_address_is_trimmed_and_keeps_its_case() -> None:
    """The hash is of the lower-cased address, but the person is written to as they write themselves."""
    wish = desired(customer(email="  Kari@Nordfisk.NO "))
    assert wish.claim == subscriber_hash("kari@nordfisk.no")
    assert wish.body["email_address"] == "Kari@Nordfisk.NO"


def test_the_contact_person_is_the_active_one_with_the_same_address() -> None:
    """Before others with a lower id, and whatever the case of the address."""
    people = [
        contact(1, "ola@nordfisk.no", firstName="Ola"),
        contact(2, "KARI@nordfisk.no", firstName="Former", active=False),
        contact(3, "KARI@nordfisk.no", firstName="Kari"),
    ]
    assert desired(customer(), *people).body["merge_fields"]["FNAME"] == "Kari"


def test_else_it_is_the_first_active_contact() -> None:
    """By the lowest id, in whatever order they landed."""
    people = [contact(9, None, firstName="Ola"), contact(10, None), contact(2, None, active=False)]
    assert desired(customer(), *people).body["merge_fields"]["FNAME"] == "Ola"


def test_without_contacts_the_names_are_cleared() -> None:
    """An empty text clears a value at Mailchimp."""
    fields = desired(customer()).body["merge_fields"]
    assert (fields["FNAME"], fields["LNAME"]) == ("", "")


def test_a_value_that_was_taken_away_is_cleared() -> None:
    """It does not stay at Mailchimp for ever."""
    assert desired(customer(name=None)).body["merge_fields"]["COMPANY"] == ""


def test_an_incomplete_address_is_left_out_and_its_parts_are_sent() -> None:
    """failures.md 13: ADDRESS whole or not at all; CITY and COUNTRY are plain texts."""
    place = customer()["mainAddress"] | {"postalCode": ""}
    fields = desired(customer(mainAddress=place)).body["merge_fields"]
    assert "ADDRESS" not in fields
    assert (fields["CITY"], fields["COUNTRY"]) == ("Tromsø", "NO")


def test_a_class_without_description_takes_it_from_the_list_of_classes() -> None:
    """Customers' rows often carry the id only; what the row itself says goes first."""
    members = {"fields": {"KIND": "class.description"}}
    assert desired(customer(), members=members).body["merge_fields"]["KIND"] == "Companies"
    own = customer(customerClass={"id": "B2B", "description": "Business"})
    assert desired(own, members=members).body["merge_fields"]["KIND"] == "Business"
    unknown = customer(customerClass={"id": "NEW"})
    assert desired(unknown, members=members).body["merge_fields"]["KIND"] == ""


@pytest.mark.parametrize("email", [None, "", "   "])
def test_without_an_address_a_customer_is_skipped(email: str | None) -> None:
    """It lays no claim to anything."""
    wish = skipped(customer(email=email))
    assert (wish.rule, wish.claim) == ("no e-mail address", None)


def test_a_customer_without_main_contact_is_skipped() -> None:
    """Visma leaves empty blocks out."""
    assert skipped(customer(mainContact=None)).rule == "no e-mail address"


@pytest.mark.parametrize(
    "email",
    [
        "kari",
        "kari@",
        "@nordfisk.no",
        "kari@nordfisk",
        "kari nordmann@nordfisk.no",
        "kari@nord..fisk.no",
        "a" * 250 + "@x.no",
    ],
)
def test_a_malformed_address_is_rejected(email: str) -> None:
    """With a reason that does not quote it."""
    wish = rejected(customer(email=email))
    assert wish.kind == "malformed address"
    assert "kari" not in wish.reason


def test_two_addresses_in_one_field_are_rejected_as_such() -> None:
    """People do that in an ERP; Mailchimp takes one."""
    assert "more than one" in rejected(customer(email="kari@nordfisk.no; ola@nordfisk.no")).reason


@pytest.mark.parametrize(
    "email", ["kari@nordfisk.no", "k.n+news@sub.nord-fisk.co", "øyvind@brønnøy-sjømat.no", "o'neil@x.io"]
)
def test_addresses_that_people_have_are_taken(email: str) -> None:
    """Nordic letters included."""
    assert is_address(email)


@pytest.mark.parametrize("flag", ["noMassMail", "noMarketing", "doNotEmail"])
@pytest.mark.parametrize("email", ["kari@nordfisk.no", " KARI@nordfisk.no", None])
def test_who_wants_no_mass_mail_is_withheld_for_everybody(flag: str, email: str | None) -> None:
    """failures.md 12: the contact person's word holds, and it speaks for the address, whoever else shares it."""
    wish = skipped(customer(), contact(1, email, **{flag: True}))
    assert (wish.rule, wish.claim, wish.veto) == ("no mass mail", subscriber_hash("kari@nordfisk.no"), True)


def test_another_contact_with_the_same_address_can_say_no() -> None:
    """failures.md 12: an inactive one, too, and one that is not the contact person."""
    people = [contact(1), contact(2, "kari@nordfisk.no", active=False, noMassMail=True)]
    assert skipped(customer(), *people).rule == "no mass mail"


def test_a_no_with_another_address_does_not_count() -> None:
    """Only the person behind this address, and the contact person, are asked."""
    people = [contact(1), contact(2, "ola@nordfisk.no", noMassMail=True)]
    assert desired(customer(), *people)


@pytest.mark.parametrize("email", [None, "", "  ", "kari@nordfisk", "kari@nordfisk.no; ola@nordfisk.no"])
def test_a_no_holds_without_a_usable_address(email: str | None) -> None:
    """failures.md 12: there may be a member from before; what is linked is taken off, and no identity is withheld."""
    wish = skipped(customer(email=email), contact(1, email, noMassMail=True))
    assert (wish.rule, wish.claim, wish.veto) == ("no mass mail", None, True)
    assert skipped(customer(email=email), contact(1, noMassMail=True)).veto


@pytest.mark.parametrize("active", [True, False])
def test_whose_address_was_taken_away_can_say_no(active: bool) -> None:
    """failures.md 12: the flag and the address go in one edit, and they need not be the first contact."""
    people = [contact(1, "ola@nordfisk.no"), contact(2, None, noMassMail=True, active=active)]
    assert skipped(customer(email=None), *people).rule == "no mass mail"


@pytest.mark.parametrize("email", [None, "kari@nordfisk"])
def test_a_colleague_with_an_own_address_says_no_for_that_one(email: str | None) -> None:
    """Nobody is taken off for good because of somebody else."""
    people = [contact(1), contact(2, "ola@nordfisk.no", noMassMail=True)]
    wish = mapped(customer(email=email), *people)
    assert isinstance(wish, Reject if email else Skip)
    assert not getattr(wish, "veto", False)


def test_a_contact_without_an_address_says_nothing_about_a_malformed_one() -> None:
    """It is rejected and seen; once it is corrected, the person behind it is asked."""
    people = [contact(1), contact(2, None, noMassMail=True)]
    assert rejected(customer(email="kari@nordfisk"), *people).kind == "malformed address"


def test_a_no_holds_for_an_unselected_customer() -> None:
    """failures.md 12: somebody else with the same address must not be mailed because of a class."""
    wish = skipped(customer(), contact(noMassMail=True), members={"where": {"class": ["B2C"]}})
    assert wish.veto


def test_customers_can_be_selected_by_any_path() -> None:
    """All conditions must hold; the first that does not is named."""
    members = {"where": {"class": ["B2B", "B2C"], "main_address.country.id": ["SE"]}}
    wish = skipped(customer(), members=members)
    assert (wish.rule, wish.claim) == ("not selected: main_address.country.id", None)
    swedish = customer()["mainAddress"] | {"country": {"id": "SE"}}
    assert desired(customer(mainAddress=swedish), members=members)


def test_an_unselected_customer_with_a_broken_address_is_skipped() -> None:
    """Nobody has to correct what is not sent."""
    assert skipped(customer(email="?"), members={"where": {"status": ["OnHold"]}}).rule == "not selected: status"


@pytest.mark.parametrize("gone", [{"row": customer(status="Inactive")}, {"row": customer(), "vanished": True}])
def test_a_terminated_customer_is_tagged_where_the_member_exists(gone: dict[str, Any]) -> None:
    """Inactive at Visma, or not found any more: never created, and no status is sent."""
    wish = desired(gone["row"], vanished=gone.get("vanished", False))
    assert (wish.create, wish.rule) == (False, "terminated, and not a member")
    assert wish.body["tags"] == [{"name": "Terminated", "status": "active"}]
    assert not {"status", "status_if_new"} & wish.body.keys()


def test_a_terminated_customer_can_be_archived() -> None:
    """Nothing else is said about an archived member."""
    wish = desired(customer(status="Inactive"), members={"terminated": "archive"})
    assert wish.body == {"list_id": AUDIENCE, "archive": True}
    assert not wish.create


def test_a_terminated_customer_can_be_unsubscribed() -> None:
    """The one status that may be sent."""
    wish = desired(customer(status="Inactive"), members={"terminated": "unsubscribe"})
    assert wish.body["status"] == "unsubscribed"
    assert not wish.create


def test_an_active_customer_does_not_mention_tags() -> None:
    """Whether one is to be taken is the writer's to know, so an ordinary load costs no call for tags."""
    assert "tags" not in desired(customer()).body


def test_another_audience_is_another_state() -> None:
    """Switching to another audience sends everybody anew, although the customers are the same."""
    there = MembersFlow(settings(audience="ffffffffff")).map(record(customer()))
    assert isinstance(there, Desired)
    assert there.body != desired(customer()).body


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"null", b'{"name": "x"}', b'{"number": {}}', b"\xff"])
def test_a_row_that_cannot_be_read_is_rejected_in_plain_words(payload: bytes) -> None:
    """failures.md 16: it is not dropped, and its reason does not quote it."""
    wish = MembersFlow(settings()).map(Record("10001", SENT_AT, payload))
    assert isinstance(wish, Reject)
    assert wish.kind == "unreadable"
    assert wish.reason.startswith("Visma.net's row cannot be read")


def test_a_row_without_a_key_is_rejected() -> None:
    """The reader gives it a key of its own, so that it is seen."""
    wish = MembersFlow(settings()).map(Record("unreadable:0a1b", SENT_AT, b"{}"))
    assert isinstance(wish, Reject)
    assert "without a customer number" in wish.reason


def test_a_contact_that_cannot_be_read_holds_its_customer_back() -> None:
    """failures.md 12: it may be the one that says no."""
    broken = Record("10001", SENT_AT, orjson.dumps(customer()), {CONTACTS: [b'{"contactId": "?"}']})
    wish = MembersFlow(settings()).map(broken)
    assert isinstance(wish, Reject)
    assert wish.reason.startswith("A contact of this customer cannot be read")


names = st.sampled_from(
    ["number", "name", "status", "mainContact", "email", "mainAddress", "city", "country", "id", "contactId", "active",
     "noMassMail", "customerClass", "description", "attributes", "value", "creditLimit", "addressLine1", "postalCode"]
)  # fmt: skip
anything: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8)
    | st.sampled_from(["kari@nordfisk.no", "Inactive", "B2B"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=6),
    max_leaves=12,
)
rows = st.binary(max_size=20) | anything.map(orjson.dumps) | st.dictionaries(names, anything).map(orjson.dumps)


FLOWS = {
    terminated: MembersFlow(
        settings(
            {
                "terminated": terminated,
                "where": {"credit_limit": ["", "100"], "class.description": ["", "x", "Companies"]},
                "fields": {"A": "{attributes.ID} {class.description}", "B": "delivery_address", "C": "credit_limit"},
            }
        )
    )
    for terminated in ("tag", "archive", "unsubscribe")
}


@given(
    key=st.text(max_size=5),
    payload=rows | st.dictionaries(names, anything).map(lambda row: orjson.dumps({**customer(), **row})),
    contacts=st.lists(
        rows | st.dictionaries(names, anything).map(lambda row: orjson.dumps({**contact(), **row})), max_size=3
    ),
    classes=st.lists(rows, max_size=2),
    vanished=st.booleans(),
    terminated=st.sampled_from(sorted(FLOWS)),
)
@example("1", b'{"number": "\\ud800"}', [], [], False, "tag")
def test_the_mapping_is_total(
    key: str, payload: bytes, contacts: list[bytes], classes: list[bytes], vanished: bool, terminated: str
) -> None:
    """Any bytes end as a desired state, a skip or a rejection, and no body asks for another status."""
    wish = FLOWS[terminated].map(Record(key, SENT_AT, payload, {CONTACTS: contacts, CLASSES: classes}, vanished))
    assert isinstance(wish, Desired | Skip | Reject)
    if isinstance(wish, Desired):
        assert orjson.dumps(wish.body)
        assert wish.body.get("status", "unsubscribed") == "unsubscribed"
