"""Lines, taxes and discounts of imported documents, and whether they add up (Chargebee reference, section 4.1)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ml_connector.simulators.chargebee.document_tables import (
    DISCOUNTS_OF_A_LINE,
    ENTITY_TYPES,
    RECURRING,
    TAXES_OF_A_LINE,
)
from ml_connector.simulators.chargebee.errors import incompatible, missing, wrong_value
from ml_connector.simulators.chargebee.params import Params
from ml_connector.simulators.chargebee.site import Resource, Site


@dataclass
class Document:
    """What the lines of an invoice or a credit note come to, in minor units."""

    line_items: list[Resource] = field(default_factory=list)
    line_item_taxes: list[Resource] = field(default_factory=list)
    line_item_discounts: list[Resource] = field(default_factory=list)
    taxes: list[Resource] = field(default_factory=list)
    discounts: list[Resource] = field(default_factory=list)
    sub_total: int = 0
    tax: int = 0
    discount: int = 0

    def total(self, price_type: str, round_off: int) -> int:
        """Line amounts less discounts, the tax where it is not within, and the rounding."""
        return self.sub_total - self.discount + (self.tax if price_type == "tax_exclusive" else 0) + round_off

    def shown(self) -> Resource:
        """The attributes that the resource has of it; lists without anything are missing."""
        lists = {
            "line_items": self.line_items,
            "line_item_taxes": self.line_item_taxes,
            "line_item_discounts": self.line_item_discounts,
            "taxes": self.taxes,
            "discounts": self.discounts,
        }
        return {name: rows for name, rows in lists.items() if rows}


def read_document(site: Site, params: Params, *, date: int, subscription_id: str | None, customer_id: str) -> Document:
    """The document that the parameters tell of. Raises Problem where its parts do not fit each other."""
    document = Document()
    rates = _rates(params)
    taxed: defaultdict[str, int] = defaultdict(int)
    for index, given in params.items("line_items").items():
        line = _line(site, index, given, date, subscription_id)
        line["customer_id"] = customer_id
        document.line_items.append(line)
        document.sub_total += line["amount"]
        for name, amount in _line_taxes(site, index, given, rates):
            taxed[name] += amount
            line["tax_amount"] += amount
            line["tax_rate"] += rates.get(name, 0.0)
            line["is_taxed"] = True
            document.line_item_taxes.append(_line_tax(line, name, amount, rates.get(name, 0.0)))
    document.tax = sum(taxed.values())
    document.taxes = _header_taxes(site, params, taxed)
    _discounts(params, document)
    return document


def _rates(params: Params) -> dict[str, float]:
    return {tax["name"]: tax["rate"] for tax in params.items("taxes").values()}


def _line(site: Site, index: int, given: Mapping[str, Any], date: int, subscription_id: str | None) -> Resource:
    decimals = [name for name in given if name.endswith("_in_decimal")]
    if decimals:
        raise incompatible("Multi-decimal pricing is not enabled", f"line_items[{decimals[0]}][{index}]")
    entity_type = given.get("entity_type", "adhoc")
    subscription = given.get("subscription_id", subscription_id)
    if entity_type not in ENTITY_TYPES[site.settings.catalogue]:
        message = f"{entity_type} is not of product catalogue {site.settings.catalogue}"
        raise incompatible(message, f"line_items[entity_type][{index}]")
    if entity_type != "adhoc" and "entity_id" not in given:
        raise missing(f"line_items[entity_id][{index}]")
    if entity_type in RECURRING and subscription is None:
        raise missing(f"line_items[subscription_id][{index}]")
    quantity, unit_amount, amount = given.get("quantity", 1), given.get("unit_amount"), given.get("amount")
    if unit_amount is None and amount is None:
        raise missing(f"line_items[amount][{index}]")
    if amount is None:
        amount = unit_amount * quantity
    elif unit_amount is None:
        unit_amount = amount // (quantity or 1)
    elif site.settings.import_arithmetic and unit_amount * quantity != amount:
        message = f"unit_amount {unit_amount} times quantity {quantity} is not {amount}"
        raise wrong_value(f"line_items[amount][{index}]", message)
    starts = given.get("date_from", date)
    line: Resource = {
        "id": given.get("id") or site.new_id("li"),
        "date_from": starts,
        "date_to": given.get("date_to", starts),
        "unit_amount": unit_amount,
        "quantity": quantity,
        "amount": amount,
        "pricing_model": "per_unit",
        "is_taxed": False,
        "tax_amount": 0,
        "tax_rate": 0.0,
        "object": "line_item",
        "description": given["description"],
        "entity_type": entity_type,
        "discount_amount": 0,
        "item_level_discount_amount": 0,
    }
    if line["date_to"] < line["date_from"]:
        raise wrong_value(f"line_items[date_to][{index}]", "cannot be before date_from")
    for name in ("entity_id", "reference_line_item_id", "proration_mode"):
        if name in given:
            line[name] = given[name]
    if subscription is not None:
        line["subscription_id"] = subscription
    return line


def _line_taxes(
    site: Site, index: int, given: Mapping[str, Any], rates: Mapping[str, float]
) -> Sequence[tuple[str, int]]:
    """The taxes of a line; each needs its entry in the header, linked by name."""
    found = []
    for number in TAXES_OF_A_LINE:
        name, amount = given.get(f"tax{number}_name"), given.get(f"tax{number}_amount")
        if name is None and amount is None:
            continue
        if name is None or amount is None:
            lacking = "name" if name is None else "amount"
            raise missing(f"line_items[tax{number}_{lacking}][{index}]")
        if site.settings.import_arithmetic and name not in rates:
            raise wrong_value(f"line_items[tax{number}_name][{index}]", f"{name} is not among the taxes")
        found.append((name, amount))
    return found


def _line_tax(line: Resource, name: str, amount: int, rate: float) -> Resource:
    return {
        "tax_name": name,
        "tax_rate": rate,
        "tax_amount": amount,
        "taxable_amount": line["amount"],
        "is_partial_tax_applied": False,
        "is_non_compliance_tax": False,
        "line_item_id": line["id"],
        "object": "line_item_tax",
    }


def _header_taxes(site: Site, params: Params, taxed: Mapping[str, int]) -> list[Resource]:
    shown = []
    for index, tax in params.items("taxes").items():
        if site.settings.import_arithmetic:
            if tax["name"] not in taxed:
                raise wrong_value(f"taxes[name][{index}]", f"no line item has the tax {tax['name']}")
            if tax.get("amount", taxed[tax["name"]]) != taxed[tax["name"]]:
                message = f"is not the sum of the line items, {taxed[tax['name']]}"
                raise wrong_value(f"taxes[amount][{index}]", message)
        amount = tax.get("amount", taxed.get(tax["name"], 0))
        shown.append({"object": "tax", "name": tax["name"], "amount": amount, **_only(tax, "description")})
    return shown


def _discounts(params: Params, document: Document) -> None:
    """Discounts of the header and of the lines; one that stands in both, linked by its entity, counts once."""
    lines = {line["id"]: line for line in document.line_items}
    in_header = set()
    for index, discount in params.items("discounts").items():
        kind, amount, line_id = discount["entity_type"], discount["amount"], discount.get("line_item_id")
        if kind in ("item_level_coupon", "document_level_coupon") and line_id is None:
            raise missing(f"discounts[line_item_id][{index}]")
        if line_id is not None and line_id not in lines:
            raise wrong_value(f"discounts[line_item_id][{index}]", f"no line item has the id {line_id}")
        in_header.add(discount.get("entity_id"))
        document.discount += amount
        document.discounts.append(
            {
                "object": "discount",
                **_only(discount, "entity_type", "amount", "entity_id", "description", "line_item_id"),
            }
        )
        shares = {line_id: amount} if line_id is not None else _shares(document.line_items, amount)
        for one, share in shares.items():
            _discount_line(document, lines[one], kind, share, discount.get("entity_id"))
    for line, given in zip(document.line_items, params.items("line_items").values(), strict=True):
        for number in DISCOUNTS_OF_A_LINE:
            item_amount = given.get(f"item_level_discount{number}_amount", 0)
            entity = given.get(f"item_level_discount{number}_entity_id")
            if item_amount and entity not in in_header:
                document.discount += item_amount
                document.discounts.append(
                    {"object": "discount", "entity_type": "item_level_discount", "amount": item_amount}
                )
                _discount_line(document, line, "item_level_discount", item_amount, entity)


def _discount_line(document: Document, line: Resource, kind: str, amount: int, entity: str | None) -> None:
    line["discount_amount"] += amount
    if kind.startswith("item_level"):
        line["item_level_discount_amount"] += amount  # within discount_amount (section 5.5)
    shown = {"object": "line_item_discount", "line_item_id": line["id"], "discount_type": kind}
    document.line_item_discounts.append(
        {**shown, "discount_amount": amount, **({"entity_id": entity} if entity else {})}
    )


def _shares(lines: Sequence[Resource], amount: int) -> dict[str, int]:
    """An amount spread over the lines by theirs; the last one has the remainder."""
    whole = sum(line["amount"] for line in lines) or 1
    shares = {line["id"]: amount * line["amount"] // whole for line in lines}
    if lines:
        shares[lines[-1]["id"]] += amount - sum(shares.values())
    return shares


def _only(values: Mapping[str, Any], *names: str) -> Resource:
    return {name: values[name] for name in names if name in values}
