"""What a search finds: filters, operators, free text (HubSpot reference, section 6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from ml_connector.simulators.hubspot.definitions import Definition
from ml_connector.simulators.hubspot.errors import invalid
from ml_connector.simulators.hubspot.portal import Portal
from ml_connector.simulators.hubspot.protocol import number_of
from ml_connector.simulators.hubspot.record_view import is_by_system, is_kept, value_of
from ml_connector.simulators.hubspot.table import Record, Table
from ml_connector.simulators.hubspot.times import milliseconds

OPERATORS = (
    "EQ", "NEQ", "LT", "LTE", "GT", "GTE", "BETWEEN", "IN", "NOT_IN", "HAS_PROPERTY", "NOT_HAS_PROPERTY",
    "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN",
)  # fmt: skip
_SPLIT = re.compile(r"[\W_]+")

Found = tuple[Record, Mapping[str, str], float]
"""A record, with its values and its time of change as search knows them."""
Test = Callable[[Found], bool]


def test_of(portal: Portal, table: Table, told: object) -> Test:
    """What a filter asks of a record; 400 for one that makes no sense."""
    if not isinstance(told, dict):
        raise invalid("A filter must be an object.")
    name, operator = told.get("propertyName"), told.get("operator")
    if operator not in OPERATORS or not isinstance(name, str):
        raise invalid(f"A filter needs a propertyName and an operator: [{', '.join(OPERATORS)}]")
    if name.startswith("associations."):
        return _associated(portal, table, name.partition(".")[2], operator, told)
    definition = table.definition(name)
    if definition is None:
        raise invalid(
            f'There was a problem with the request. Property "{name}" does not exist.', code="PROPERTY_DOESNT_EXIST"
        )
    if operator in _COMPARE and is_by_system(table, name):
        low, compare = comparable(definition, _text(told, "value")), _COMPARE[operator]
        return lambda found: compare(sortable(portal, table, definition, found), low)
    matches = _matcher(definition, operator, told)
    default = operator in ("NEQ", "NOT_IN", "NOT_HAS_PROPERTY", "NOT_CONTAINS_TOKEN")

    def test(found: Found) -> bool:
        value = value_of(portal, table, found[0], name, found[1], found[2])
        return matches(value) if value else default

    def test_kept(found: Found) -> bool:
        value = found[1].get(name)
        return matches(value) if value else default

    return test_kept if is_kept(table, name) else test


def sortable(portal: Portal, table: Table, definition: Definition, found: Found) -> Any:
    """A record's value in the form in which it is compared, or None; ids and times are not made texts for that."""
    record, values, updated = found
    if is_by_system(table, definition.name):
        if definition.name == "hs_object_id":
            return record.id
        return round((updated if definition.name == table.type.modified else record.created) * 1_000_000) // 1000
    value = value_of(portal, table, record, definition.name, values, updated)
    return comparable(definition, value) if value else None


def comparable(definition: Definition, text: str) -> Any:
    """A value in the form in which it is compared; 400 where a number or a time is none."""
    try:
        if definition.type == "number":
            number = Decimal(text)
            if number.is_finite():
                return number
            raise ValueError(text)
        if definition.type in ("date", "datetime"):
            return milliseconds(text)
    except (InvalidOperation, ValueError) as error:
        raise invalid(f"{text} is no value of {definition.name}.") from error
    return text if definition.type == "enumeration" else text.lower()


def tokens(text: str) -> list[str]:
    """The words of a text."""
    return [token for token in _SPLIT.split(text.lower()) if token]


def free_text(table: Table, query: str) -> Test:
    """Every word of `query` begins a word of one of the searchable properties."""
    wanted = tokens(query)
    names = table.type.searched

    def test(found: Found) -> bool:
        words = [token for name in names for token in tokens(found[1].get(name, ""))]
        return all(any(word.startswith(one) for word in words) for one in wanted)

    return test


def _matcher(definition: Definition, operator: str, told: Mapping[str, Any]) -> Callable[[str], bool]:
    """What an operator asks of a value that is not empty."""
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return lambda _value: operator == "HAS_PROPERTY"
    if operator in ("IN", "NOT_IN"):
        return _among(definition, operator == "IN", told.get("values"))
    text = _text(told, "value")
    if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
        patterns = [
            re.compile(re.escape(part).replace(r"\*", ".*")) for part in re.split(r"[^\w*]+|_", text.lower()) if part
        ]
        wanted = operator == "CONTAINS_TOKEN"
        return lambda value: all(any(one.fullmatch(word) for word in tokens(value)) for one in patterns) is wanted
    low = comparable(definition, text)
    if operator == "BETWEEN":
        high = comparable(definition, _text(told, "highValue"))
        return lambda value: low <= comparable(definition, value) <= high
    compare = _COMPARE[operator]
    return lambda value: compare(comparable(definition, value), low)


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "EQ": lambda value, told: bool(value == told),
    "NEQ": lambda value, told: bool(value != told),
    "LT": lambda value, told: bool(value < told),
    "LTE": lambda value, told: bool(value <= told),
    "GT": lambda value, told: bool(value > told),
    "GTE": lambda value, told: bool(value >= told),
}


def _among(definition: Definition, wanted: bool, values: object) -> Callable[[str], bool]:
    """IN on texts wants lower case and says nothing where it gets something else."""
    if type(values) is not list or not values:
        raise invalid("IN and NOT_IN need values.")
    if definition.type in ("number", "date", "datetime"):
        known = {comparable(definition, str(value)) for value in values}
        return lambda value: (comparable(definition, value) in known) is wanted
    texts = {str(value) for value in values}
    if definition.type == "enumeration":
        return lambda value: (value in texts) is wanted
    return lambda value: (value.lower() in texts) is wanted


def _associated(portal: Portal, table: Table, name: str, operator: str, told: Mapping[str, Any]) -> Test:
    """The pseudo-property `associations.{type}`; not for custom objects."""
    there = portal.table(name)
    if there.type.is_custom or table.type.is_custom or operator not in ("EQ", "IN"):
        raise invalid(f"associations.{name} cannot be searched like this.")
    listed = told.get("values") if operator == "IN" else [told.get("value")]
    if type(listed) is not list:
        raise invalid("IN needs values.")
    ids = {number_of(str(one), invalid(f"{one} is no id.")) for one in listed}
    return lambda found: not ids.isdisjoint(portal.graph.of(table.type.name, found[0].id, there.type.name))


def _text(told: Mapping[str, Any], key: str) -> str:
    value = told.get(key)
    if value is None or isinstance(value, list | dict):
        raise invalid(f"The filter needs a {key}.")
    return str(value).lower() if isinstance(value, bool) else str(value)
