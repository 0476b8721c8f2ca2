"""What a row holds, for mappings, and the dotted paths into it."""

from __future__ import annotations

from decimal import Decimal

import orjson
import pytest
from pydantic import ValidationError

from ml_connector.systems.visma.models import Contact, Customer, CustomerClass
from ml_connector.systems.visma.paths import exists, paths, read
from ml_connector_tests.systems.visma.conftest import Visma


def customer(**members: object) -> Customer:
    return Customer.model_validate_json(orjson.dumps({"number": "1", **members}))


def test_every_row_of_the_simulator_has_its_model(visma: Visma) -> None:
    """Awkward rows included: nulls, absent blocks, long texts, missing classes."""
    for entity, model in (
        ("visma.customers", Customer),
        ("visma.contacts", Contact),
        ("visma.customer_classes", CustomerClass),
    ):
        found = [model.model_validate_json(row.payload) for row in visma.read(entity)]
        assert found


def test_only_the_number_is_needed() -> None:
    """Absent, null and empty blocks are the same; null lists are empty."""
    bare = customer()
    nulls = customer(**{field.alias or "": None for name, field in Customer.model_fields.items() if name != "number"})
    assert bare == nulls
    assert bare.attributes == []
    with pytest.raises(ValidationError):
        Customer.model_validate_json(b"{}")


def test_amounts_are_decimals() -> None:
    """failures.md 31: what was 0.1 in JSON is 0.1."""
    assert customer(creditLimit=1000.10).credit_limit == Decimal("1000.10")


def test_unknown_members_and_numbers_for_texts_do_no_harm() -> None:
    """The vendor adds members at will, and some texts come as numbers."""
    assert customer(brandNew={"a": 1}, corporateId=943298098).corporate_id == "943298098"


def test_paths_say_what_stands_where() -> None:
    """`fields:` and `where:` are checked against these."""
    found = paths(Customer)
    assert found["main_address.country.id"] == "text"
    assert found["credit_limit"] == "number"
    assert found["print_invoices"] == "yes or no"
    assert found["class"] == found["customer_class.id"]
    assert "main_address" not in found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", "Ås AS"),
        ("class", "B2B"),
        ("customer_class.id", "B2B"),
        ("main_address.country.id", "NO"),
        ("invoice_address.country.id", None),
        ("attributes.SEGMENT", "A"),
        ("attributes.OTHER", None),
    ],
)
def test_a_path_reads_what_stands_there(path: str, value: object) -> None:
    """A block that is missing on the way reads as None."""
    record = customer(
        name="Ås AS",
        customerClass={"id": "B2B"},
        mainAddress={"country": {"id": "NO"}},
        attributes=[{"id": "SEGMENT", "value": "A"}],
    )
    assert exists(Customer, path)
    assert read(record, path) == value


@pytest.mark.parametrize("path", ["nmae", "main_address.contry.id", "main_address", "attributes", "attributes.", ""])
def test_a_path_that_does_not_exist_is_known(path: str) -> None:
    """A spelling mistake is found before anything is sent."""
    assert not exists(Customer, path)
    with pytest.raises(KeyError):
        read(customer(), path)
