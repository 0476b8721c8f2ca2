"""The awkward cases: rows as they are found in every old customer file.

Each set of at least 200 customers has every case at least once; larger ones have every case once per 2,000, spread
evenly, at the same places for the same size. The row before a case is always an ordinary one.

| case                      | what is awkward                                                                      |
| ------------------------- | ------------------------------------------------------------------------------------ |
| `shared_email`            | the e-mail of the customer before it                                                 |
| `shared_email_case`       | the same, in capitals and with blanks around it                                      |
| `shared_email_three`      | the e-mail of the customer before it, which ...                                      |
| `shared_email_three_too`  | ... a third customer has as well                                                     |
| `short_number`            | number 9999 (9998 ...) and the e-mail of 10xxx: less as a number, greater as a text  |
| `email_empty`             | no e-mail: empty in all contacts                                                     |
| `email_null`              | no e-mail: null in all contacts                                                      |
| `email_absent`            | no e-mail: left out of all contacts                                                  |
| `email_capitals`          | an e-mail in capitals with a blank behind it                                         |
| `email_malformed`         | an e-mail without @                                                                  |
| `email_two`               | two e-mails in one field                                                             |
| `email_fake`              | an address at `looks-fake.no`, which Mailchimp calls fake                            |
| `email_example`           | an address at `example.com`, likewise                                                |
| `email_forgotten`         | an address at `glemt.no`: deleted for good at Mailchimp earlier                      |
| `email_busy`              | an address at `mange-lister.no`: Mailchimp allows no more sign-ups for now           |
| `status_inactive`         | status Inactive (terminated)                                                         |
| `status_on_hold`          | status OnHold                                                                        |
| `status_credit_hold`      | status CreditHold                                                                    |
| `status_one_time`         | status OneTime                                                                       |
| `contact_no_mass_mail`    | a person contact with the customer's e-mail is flagged noMassMail                    |
| `contact_no_marketing`    | ... noMarketing                                                                      |
| `contact_do_not_email`    | ... doNotEmail                                                                       |
| `address_no_city`         | main address without a city                                                          |
| `address_no_postal_code`  | main address without a postal code                                                   |
| `address_no_country`      | main address with country null                                                       |
| `address_null`            | no main address at all                                                               |
| `address_long`            | an address line of 300 letters                                                       |
| `address_line_break`      | a line break and a tab within an address line                                        |
| `name_long`               | a name of 400 bytes, two each letter: 255 bytes end within a letter                  |
| `name_long_emoji`         | a name whose 255th byte is the first of an emoji's four                              |
| `name_emoji`              | an emoji made of several code points                                                 |
| `name_blanks`             | blanks before and behind the name                                                    |
| `name_markup`             | quotes, brackets, ampersand and placeholders in the name                             |
| `contact_null`            | mainContact null                                                                     |
| `class_null`              | customerClass null                                                                   |
| `class_absent`            | customerClass left out                                                               |
| `corporate_id_blanks`     | blanks within and around corporateId                                                 |
| `created_long_ago`        | created in 1999                                                                      |
| `stamp_repeated_hour`     | modified within the hour that Oslo's clocks show twice in October                    |
| `stamp_0` to `stamp_7`    | lastModifiedDateTime with 0 to 7 digits of fraction                                  |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ml_connector.simulators.people import BUSY_DOMAIN, FAKE_DOMAINS, FORGOTTEN_DOMAIN, company
from ml_connector.simulators.visma.rows import FIRST_CONTACT_ID, RowMaker

BLOCK = 2_000
CONTACT_BLOCKS = ("mainContact", "invoiceContact", "deliveryContact")


@dataclass(frozen=True)
class Draft:
    """A row before it is stored.

    Attributes:
        maker: made the rows.
        customer: the read model, changed in place.
        contacts: its person contacts, changed in place.
        index: its place in the set.
        spacing: distance to the case before and the case behind it.
        base: all stamps lie before this moment.
    """

    maker: RowMaker
    customer: dict[str, Any]
    contacts: list[dict[str, Any]]
    index: int
    spacing: int
    base: datetime

    def email_of(self, before: int) -> str:
        """The e-mail of the ordinary customer so many places before; in a tiny set, of the first one at the most."""
        return company(self.maker.seed, max(0, self.index - before)).email


Change = Callable[[Draft], None]


def case_at(index: int, customers: int) -> tuple[str, int] | None:
    """The name of the case at a place in a set of so many customers, and the spacing; None at the ordinary places."""
    spacing = max(1, min(customers, BLOCK) // len(CASES))
    turn, rest = divmod(index % BLOCK - spacing // 2, spacing)
    return (_NAMES[turn], spacing) if rest == 0 and 0 <= turn < len(_NAMES) else None


def make_awkward(draft: Draft, name: str) -> None:
    """Make the case of this name out of an ordinary row; its person contacts go, unless the case is about one."""
    draft.contacts.clear()
    CASES[name](draft)


def _put(value: Any, *path: str) -> Change:
    def change(draft: Draft) -> None:
        place = draft.customer
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value

    return change


def _drop(name: str) -> Change:
    return lambda draft: draft.customer.pop(name)


def _email(written: Callable[[Draft], str]) -> Change:
    def change(draft: Draft) -> None:
        draft.customer["mainContact"]["email"] = written(draft)

    return change


def _short_number(draft: Draft) -> None:
    draft.customer["number"] = str(9_999 - draft.index // BLOCK)
    draft.customer["mainContact"]["email"] = draft.email_of(1)


def _email_everywhere(change_one: Callable[[dict[str, Any]], object]) -> Change:
    def change(draft: Draft) -> None:
        for block in CONTACT_BLOCKS:
            change_one(draft.customer[block])

    return change


def _flagged(flag: str) -> Change:
    def change(draft: Draft) -> None:
        firm = company(draft.maker.seed, draft.index)
        draft.contacts.append(
            draft.maker.contact(
                FIRST_CONTACT_ID + 2 * draft.index,
                draft.customer["number"],
                firm.person.first_name,
                firm.person.last_name,
                draft.customer["mainContact"]["email"],
                draft.base - timedelta(days=40),
                **{flag: True},
            )
        )

    return change


def _fraction(digits: int) -> Change:
    def change(draft: Draft) -> None:
        seconds = draft.customer["lastModifiedDateTime"][:19]
        draft.customer["lastModifiedDateTime"] = f"{seconds}.{'1234567'[:digits]}" if digits else seconds

    return change


def _repeated_hour(draft: Draft) -> None:
    october = draft.base.replace(month=10, day=31, hour=2, minute=30, second=17, microsecond=0, tzinfo=None)
    if october > draft.base.replace(tzinfo=None):
        october = october.replace(year=october.year - 1)
    sunday = october - timedelta(days=(october.weekday() + 1) % 7)
    draft.customer["lastModifiedDateTime"] = sunday.isoformat()


def _created_long_ago(draft: Draft) -> None:
    draft.customer["createdDateTime"] = "1999-12-31T23:59:59"


def _spaced_corporate_id(draft: Draft) -> None:
    plain = draft.customer["corporateId"]
    draft.customer["corporateId"] = f" {plain[:3]} {plain[3:6]} {plain[6:]} "


CASES: dict[str, Change] = {
    "shared_email": _email(lambda draft: draft.email_of(1)),
    "shared_email_case": _email(lambda draft: f"  {draft.email_of(1).upper()} "),
    "shared_email_three": _email(lambda draft: draft.email_of(1)),
    "shared_email_three_too": _email(lambda draft: draft.email_of(draft.spacing + 1)),
    "short_number": _short_number,
    "email_empty": _email_everywhere(lambda block: block.update(email="")),
    "email_null": _email_everywhere(lambda block: block.update(email=None)),
    "email_absent": _email_everywhere(lambda block: block.pop("email")),
    "email_capitals": _email(lambda draft: draft.customer["mainContact"]["email"].upper() + " "),
    "email_malformed": _email(lambda draft: draft.customer["mainContact"]["email"].replace("@", ".")),
    "email_two": _email(lambda draft: "; ".join(draft.customer[name]["email"] for name in CONTACT_BLOCKS[:2])),
    "email_fake": _email(lambda draft: f"kunde{draft.index}@{FAKE_DOMAINS[0]}"),
    "email_example": _email(lambda draft: f"kunde{draft.index}@{FAKE_DOMAINS[1]}"),
    "email_forgotten": _email(lambda draft: f"kunde{draft.index}@{FORGOTTEN_DOMAIN}"),
    "email_busy": _email(lambda draft: f"kunde{draft.index}@{BUSY_DOMAIN}"),
    "status_inactive": _put("Inactive", "status"),
    "status_on_hold": _put("OnHold", "status"),
    "status_credit_hold": _put("CreditHold", "status"),
    "status_one_time": _put("OneTime", "status"),
    "contact_no_mass_mail": _flagged("noMassMail"),
    "contact_no_marketing": _flagged("noMarketing"),
    "contact_do_not_email": _flagged("doNotEmail"),
    "address_no_city": _put("", "mainAddress", "city"),
    "address_no_postal_code": _put(None, "mainAddress", "postalCode"),
    "address_no_country": _put(None, "mainAddress", "country"),
    "address_null": _put(None, "mainAddress"),
    "address_long": _put("Søndre Åsvei " * 23 + "7", "mainAddress", "addressLine1"),
    "address_line_break": _put("Storgata 1\r\n\toppgang B", "mainAddress", "addressLine1"),
    "name_long": _put("Ø" * 200, "name"),
    "name_long_emoji": _put("Ålesund " + "a" * 245 + "🐟 Sjømat", "name"),
    "name_emoji": _put("Smør & Brød 👩🏽‍🍳 AS", "name"),
    "name_blanks": _put("  Blåne Bygg AS   ", "name"),
    "name_markup": _put('<b>O\'Brien</b> "{name}" %s *|FNAME|* & Sønn\\AS', "name"),
    "contact_null": _put(None, "mainContact"),
    "class_null": _put(None, "customerClass"),
    "class_absent": _drop("customerClass"),
    "corporate_id_blanks": _spaced_corporate_id,
    "created_long_ago": _created_long_ago,
    "stamp_repeated_hour": _repeated_hour,
    **{f"stamp_{digits}": _fraction(digits) for digits in range(8)},
}
"""What each case of the table makes of an ordinary row."""

_NAMES = tuple(CASES)
