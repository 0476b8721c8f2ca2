"""The demo's second round: what changes in a company between two syncs."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from ml_connector.simulators.control import ControlError
from ml_connector.simulators.people import company
from ml_connector.simulators.visma.store import Store
from ml_connector.simulators.visma.tables import Selection

CHANGED, TERMINATED, EMAIL_REMOVED = 25, 3, 2


def demo_round(store: Store) -> dict[str, list[str]]:
    """Change 25 customers' names or addresses, terminate 3, take the e-mail from 2; answers with their numbers.

    Only ordinary active customers are chosen, whose e-mail nobody else has and whose contacts are not flagged. The same
    rounds on the same state choose the same customers.
    """
    ordinary, needed = _ordinary(store), CHANGED + TERMINATED + EMAIL_REMOVED
    if len(ordinary) < needed:
        raise ControlError(f"a demo round needs {needed} ordinary customers, there are {len(ordinary)}")
    chosen = random.Random(store.demo_rounds).sample(ordinary, needed)
    store.demo_rounds += 1
    changed, terminated = chosen[:CHANGED], chosen[CHANGED : CHANGED + TERMINATED]
    email_removed = chosen[CHANGED + TERMINATED :]
    for place, number in enumerate(changed):
        customer = store.customer(number)
        if place % 2:
            moved = company(store.settings.seed + store.demo_rounds, customer["internalId"]).address
            customer["mainAddress"] |= {
                "addressLine1": moved.line1,
                "postalCode": moved.postal_code,
                "city": moved.city,
            }
        else:
            customer["name"] = f"{customer['name']} {store.demo_rounds}"
        store.save_customer(customer)
    for number in terminated:
        store.save_customer(store.customer(number) | {"status": "Inactive"})
    for number in email_removed:
        customer = store.customer(number)
        for block in ("mainContact", "invoiceContact", "deliveryContact"):
            customer[block] = (customer[block] or {}) | {"email": ""}
        store.save_customer(customer)
    return {"changed": changed, "terminated": terminated, "email_removed": email_removed}


def _ordinary(store: Store) -> list[str]:
    not_ordinary = {number for numbers in store.awkward.values() for number in numbers}
    for contact in (row.read() for row in store.contacts.select(Selection())):
        if contact["noMassMail"] or contact["noMarketing"] or contact["doNotEmail"]:
            not_ordinary.add(contact["businessAccount"])
    emails: Counter[str] = Counter()
    candidates: dict[str, str] = {}
    for customer in (row.read() for row in store.customers.select(Selection())):
        email = _email(customer)
        emails[email] += 1
        if email and customer["status"] == "Active" and customer["mainAddress"]:
            candidates[customer["number"]] = email
    return [number for number, email in candidates.items() if emails[email] == 1 and number not in not_ordinary]


def _email(customer: dict[str, Any]) -> str:
    return ((customer["mainContact"] or {}).get("email") or "").strip().lower()
