"""The filters of list calls (Visma reference, sections 4 and 5). Other parameters are ignored, as the vendor does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from ml_connector.simulators.visma.errors import ApiError
from ml_connector.simulators.visma.stamps import condition, wall_of_day, wall_of_value
from ml_connector.simulators.visma.tables import Row, Selection

Test = Callable[[Row], bool]

CUSTOMER_FILTERS: Mapping[str, tuple[str, ...]] = {
    "name": ("name",),
    "status": ("status",),
    "corporateId": ("corporateId",),
    "vatRegistrationId": ("vatRegistrationId",),
    "email": ("mainContact", "email"),
    "phone": ("mainContact", "phone1"),
}
CONTACT_FILTERS: Mapping[str, tuple[str, ...]] = {
    "displayName": ("displayName",),
    "active": ("active",),
    "firstName": ("firstName",),
    "lastName": ("lastName",),
    "businessAccount": ("businessAccount",),
    "email": ("email",),
}
SUPPLIER_FILTERS: Mapping[str, tuple[str, ...]] = {
    "name": ("name",),
    "status": ("status",),
    "corporateId": ("corporateId",),
    "vatRegistrationId": ("vatRegistrationId",),
}
INVOICE_FILTERS: Mapping[str, tuple[str, ...]] = {
    "documentType": ("documentType",),
    "status": ("status",),
    "customer": ("customer", "number"),
    "branch": ("branchNumber", "number"),
    "financialPeriod": ("financialPeriod",),
    "externalReference": ("externalReference",),
    "paymentReference": ("paymentReference",),
    "customerRefNumber": ("customerRefNumber",),
}
JOURNAL_FILTERS: Mapping[str, tuple[str, ...]] = {"periodId": ("financialPeriod",), "branch": ("branch",)}
CUSTOMER_MOMENTS = {"lastModifiedDateTime": "modified", "createdDateTime": "created"}
CONTACT_MOMENTS = {"lastModifiedDateTime": "modified"}
SUPPLIER_MOMENTS = {"lastModifiedDateTime": "modified"}
INVOICE_MOMENTS = {
    "lastModifiedDateTime": "modified",
    "createdDateTime": "created",
    "documentDate": "documentDate",
    "documentDueDate": "documentDueDate",
}


def selection(
    query: Mapping[str, str],
    equal: Mapping[str, tuple[str, ...]],
    moments: Mapping[str, str],
    strict_greater: bool,
    *,
    attributes: bool = False,
) -> Selection:
    """What a list call asks for.

    Args:
        query: the call's parameters.
        equal: parameters that a member must equal, with the member's path.
        moments: parameters that are compared with a row's clock, or with a member that is a date, with its name; each
            needs its `...Condition`.
        strict_greater: whether `>` means after, or at-or-after.
        attributes: whether the parameter `attributes` counts.
    """
    asked: list[tuple[str, ...]] = []
    tests: list[Test] = []
    for name, clock in moments.items():
        value, operator = query.get(name), query.get(f"{name}Condition")
        if value is None and operator is None:
            continue
        if value is None or operator is None:
            raise ApiError(400, f"{name} and {name}Condition must be given together.")
        tests.append(
            _moment(clock, condition(f"{name}Condition", operator, strict_greater), wall_of_value(name, value))
        )
        asked.append((name, value, operator, str(strict_greater)))
    for name, path in equal.items():
        if name in query:
            tests.append(_equal(path, query[name]))
            asked.append((name, query[name]))
    if attributes and "attributes" in query:
        tests.append(_attributes(query["attributes"]))
        asked.append(("attributes", query["attributes"]))
    return Selection(tuple(asked), (lambda row: all(test(row) for test in tests)) if tests else None)


def _moment(clock: str, holds: Callable[[int, int], bool], bound: int) -> Test:
    if clock in ("modified", "created"):
        return lambda row: holds(getattr(row, clock), bound)
    return lambda row: holds(wall_of_day(row.read()[clock]), bound)


def _equal(path: tuple[str, ...], wanted: str) -> Test:
    def test(row: Row) -> bool:
        value: Any = row.read()
        for name in path:
            value = value.get(name) if value else None
        return (str(value).lower() == wanted.lower()) if isinstance(value, bool) else value == wanted

    return test


def _attributes(text: str) -> Test:
    """`{"ID": "v1,v2"}`: each named attribute has one of its values."""
    try:
        wanted = {name: str(values).split(",") for name, values in orjson.loads(text).items()}
    except (orjson.JSONDecodeError, AttributeError) as error:
        raise ApiError(400, f"The value '{text}' is not valid for attributes.") from error

    def test(row: Row) -> bool:
        held = {line["id"]: line["value"] for line in row.read().get("attributes") or ()}
        return all(held.get(name) in values for name, values in wanted.items())

    return test
