"""Authentication, encoding, errors and lists of the Chargebee simulator (reference, section 1)."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ml_connector_tests.loopback import HTTP
from ml_connector_tests.simulators.chargebee_support import KARI, Chargebee, refusal

pytest_plugins = "ml_connector_tests.simulators.chargebee_fixtures"


def test_the_key_is_the_user_and_the_password_is_empty(chargebee: Chargebee) -> None:
    """Basic with the key alone opens the API."""
    assert chargebee.read("/customers") == {"list": []}


@pytest.mark.parametrize("auth", [("wrong", ""), ("", "test_u8Kx2vQm5YtR7nWb3LpZ9cDf"), ("a", "b")])
def test_another_key_is_refused(chargebee: Chargebee, auth: tuple[str, str]) -> None:
    """401 for a bad key, and for the key in the place of the password."""
    answer = chargebee.anonymous.get("/api/v2/customers", auth=auth)
    assert refusal(answer) == (401, "api_authentication_failed", None)


@pytest.mark.parametrize("header", ["", "Bearer x", "Basic !", "Basic /w==", "Basic"])
def test_broken_credentials_are_refused_like_wrong_ones(chargebee: Chargebee, header: str) -> None:
    """What cannot be decoded is a bad key, not a server error."""
    answer = chargebee.anonymous.get("/api/v2/customers", headers={"Authorization": header})
    assert refusal(answer)[:2] == (401, "api_authentication_failed")


def test_a_key_without_rights_may_only_read(chargebee: Chargebee) -> None:
    """403 for a write."""
    auth = (chargebee.settings.read_only_key, "")
    assert chargebee.anonymous.get("/api/v2/customers", auth=auth).status_code == 200
    answer = chargebee.anonymous.post("/api/v2/customers", auth=auth)
    assert refusal(answer) == (403, "api_authorization_failed", None)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_only_get_and_post_exist(chargebee: Chargebee, method: str) -> None:
    """Updating is a POST, and so is deleting; anything else is a 405."""
    chargebee.customer()
    answer = chargebee.http.request(method, f"/customers/{KARI}")
    assert refusal(answer) == (405, "http_method_not_supported", None)


def test_an_unknown_path_is_a_404_with_a_body(chargebee: Chargebee) -> None:
    """JSON, as for an unknown resource."""
    assert refusal(chargebee.get("/nothing"))[:2] == (404, "resource_not_found")
    assert refusal(chargebee.get("/customers/nobody"))[:2] == (404, "resource_not_found")


def test_a_json_body_is_refused(chargebee: Chargebee) -> None:
    """Writes are forms."""
    assert refusal(chargebee.http.post("/customers", json={"id": KARI}))[:2] == (400, "invalid_request")


def test_brackets_come_in_any_order_with_gaps(chargebee: Chargebee) -> None:
    """Elements are found by their index, not by the order of the keys."""
    now = chargebee.now()
    chargebee.customer()
    body = (
        f"line_items%5Bamount%5D%5B7%5D=200&id=VN-1&customer_id={KARI}&date={now}&total=300&currency_code=NOK"
        "&line_items%5Bdescription%5D%5B0%5D=Lisens&line_items%5Bdescription%5D%5B7%5D=Fr%C3%A5kt&status=posted"
        "&line_items%5Bamount%5D%5B0%5D=100"
    )
    form = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
    lines = chargebee.http.post("/invoices/import_invoice", content=body, headers=form).json()["invoice"]["line_items"]
    assert [(line["description"], line["amount"]) for line in lines] == [("Lisens", 100), ("Fråkt", 200)]


def test_meta_data_is_one_json_text(chargebee: Chargebee) -> None:
    """The repr of a Python dict, as the vendor's client sends it, is no JSON."""
    assert chargebee.customer(meta_data='{"a":1}')["meta_data"] == {"a": 1}
    answer = chargebee.post("/customers", id="V-2", meta_data="{'a': 1}")
    assert refusal(answer) == (400, "param_wrong_value", "meta_data")


@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("id", "x" * 51),
        ("first_name", "x" * 151),
        ("email", "kari@"),
        ("email", f"{'x' * 66}@a.no"),
        ("company", "x" * 251),
        ("vat_number", "x" * 21),
        ("auto_collection", "true"),
        ("net_term_days", "14.5"),
        ("allow_direct_debit", "False"),
        ("preferred_currency_code", "NOKK"),
        ("unknown", "1"),
        ("billing_address[country]", "NOR"),
        ("billing_address[country]", "no"),
        ("billing_address[zip]", "x" * 21),
        ("billing_address[county]", "Troms"),
    ],
)
def test_values_beyond_their_limits_name_the_parameter(chargebee: Chargebee, param: str, value: str) -> None:
    """Lengths, formats, choices, country codes and unknown names: 400 with `param`."""
    answer = chargebee.http.post("/customers", data={param: value})
    assert refusal(answer) == (400, "param_wrong_value", param)
    assert chargebee.listed("customers") == []


def test_unknown_parameters_can_be_ignored(chargebee: Chargebee) -> None:
    """The sources do not say which it is."""
    chargebee.configure(unknown_parameters="ignore")
    assert chargebee.customer(unknown="1")["id"] == KARI
    assert len(chargebee.read("/customers", **{"unknown[is]": "1"})["list"]) == 1


def test_error_bodies_have_message_type_and_code(chargebee: Chargebee) -> None:
    """And `param` where a parameter is at fault; nothing else."""
    chargebee.customer()
    again = chargebee.post("/customers", id=KARI)
    assert again.status_code == 400
    assert again.json() == {
        "message": "id : already used",
        "type": "invalid_request",
        "api_error_code": "duplicate_entry",
        "param": "id",
    }
    assert set(chargebee.get("/customers/nobody").json()) == {"message", "type", "api_error_code"}


def people(chargebee: Chargebee, count: int) -> None:
    for number in range(count):
        chargebee.customer(f"V-{number:03}", email=f"kunde{number}@nordfisk.no")


def test_pages_have_ten_rows_and_an_opaque_offset(chargebee: Chargebee) -> None:
    """`next_offset` is missing on the last page, and every row is seen once."""
    people(chargebee, 12)
    first = chargebee.read("/customers")
    assert len(first["list"]) == 10
    last = chargebee.read("/customers", offset=first["next_offset"])
    assert "next_offset" not in last
    assert [row["customer"]["id"] for row in last["list"]] == ["V-010", "V-011"]
    assert refusal(chargebee.get("/customers", offset="10"))[2] == "offset"


def test_a_page_has_a_hundred_rows_at_most(chargebee: Chargebee) -> None:
    """More is refused, or cut; the sources differ."""
    people(chargebee, 3)
    assert refusal(chargebee.get("/customers", limit=101)) == (400, "param_wrong_value", "limit")
    chargebee.configure(over_limit="clamp")
    assert len(chargebee.read("/customers", limit=1000)["list"]) == 3


def test_lists_are_sorted_as_asked(chargebee: Chargebee) -> None:
    """By time of change, in both directions; by anything else not at all."""
    people(chargebee, 3)
    chargebee.control("clock", {"seconds": 5})
    chargebee.done("/customers/V-000", first_name="Kari")
    oldest = chargebee.listed("customers", limit=1, **{"sort_by[asc]": "updated_at"})
    newest = chargebee.listed("customers", limit=2, **{"sort_by[desc]": "updated_at"})
    assert [row["id"] for row in oldest] == ["V-001", "V-002", "V-000"]
    assert [row["id"] for row in newest] == ["V-000", "V-002", "V-001"]
    assert refusal(chargebee.get("/customers", **{"sort_by[asc]": "email"}))[2] == "sort_by[asc]"
    chargebee.configure(default_order="newest")
    assert [row["id"] for row in chargebee.listed("customers")] == ["V-002", "V-001", "V-000"]


@pytest.mark.parametrize("text", ["[V-000,V-002]", '["V-000","V-002"]', '["V-000", "V-002"]', "['V-000', 'V-002']"])
def test_lists_in_filters_come_in_four_notations(chargebee: Chargebee, text: str) -> None:
    """Every client writes them in its own way."""
    people(chargebee, 3)
    assert [row["id"] for row in chargebee.listed("customers", **{"id[in]": text})] == ["V-000", "V-002"]
    assert [row["id"] for row in chargebee.listed("customers", **{"id[not_in]": text})] == ["V-001"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"id[is]": "V-001"}, ["V-001"]),
        ({"id[is_not]": "V-001"}, ["V-000", "V-002"]),
        ({"email[starts_with]": "kunde2"}, ["V-002"]),
        ({"first_name[is_present]": "true"}, []),
        ({"auto_collection[is]": "off", "email[is]": "kunde0@nordfisk.no"}, ["V-000"]),
    ],
)
def test_filters_by_text(chargebee: Chargebee, query: dict[str, str], found: list[str]) -> None:
    """Several filters all have to match."""
    people(chargebee, 3)
    assert [row["id"] for row in chargebee.listed("customers", **query)] == found


def test_times_in_filters_have_ten_digits(chargebee: Chargebee) -> None:
    """Milliseconds are refused; `after` leaves out the second it names, unless it does not."""
    created = chargebee.customer()["created_at"]

    def found(operator: str, value: Any) -> int:
        return len(chargebee.listed("customers", **{f"created_at[{operator}]": value}))

    assert refusal(chargebee.get("/customers", **{"created_at[after]": created * 1000}))[2] == "created_at[after]"
    assert (found("after", created), found("after", created - 1), found("before", created + 1)) == (0, 1, 1)
    assert (found("on", created), found("between", f"[{created},{created}]")) == (1, 1)
    chargebee.configure(after="inclusive")
    assert found("after", created) == 1


def test_rows_that_nobody_touched_for_long_have_no_time_of_change(chargebee: Chargebee) -> None:
    """Before September 2016 there was none, and a filter by it does not find them (failures.md 6)."""
    people(chargebee, 2)
    chargebee.control("records/customers/V-000", {"remove": ["updated_at", "resource_version"]})
    assert len(chargebee.listed("customers")) == 2
    found = chargebee.listed("customers", **{"updated_at[after]": 1_000_000_000})
    assert [row["id"] for row in found] == ["V-001"]


def test_a_row_that_is_touched_between_pages_comes_last(chargebee: Chargebee) -> None:
    """Sorted by time of change, no row is missed, and one comes twice (failures.md 4)."""
    people(chargebee, 3)
    chargebee.control("clock", {"seconds": 5})
    query = {"limit": 2, "sort_by[asc]": "updated_at"}
    first = chargebee.read("/customers", **query)
    chargebee.control("faults", [{"fault": "rows_move", "times": 1}])
    rest = chargebee.read("/customers", **query, offset=first["next_offset"])
    ids = [row["customer"]["id"] for row in first["list"] + rest["list"]]
    assert ids == ["V-000", "V-001", "V-002", "V-000"]


def test_an_unknown_filter_is_refused(chargebee: Chargebee) -> None:
    """A filter that is ignored would give everything."""
    answer = chargebee.get("/customers", **{"visma_number[is]": "10001"})
    assert refusal(answer) == (400, "param_wrong_value", "visma_number[is]")
    assert refusal(chargebee.get("/customers", **{"id[contains]": "1"}))[2] == "id[contains]"


def test_a_form_in_another_encoding_is_refused(chargebee: Chargebee) -> None:
    """UTF-8 alone."""
    header = {"content-type": "application/x-www-form-urlencoded"}
    answer = chargebee.http.post("/customers", content="id=\xf8".encode("latin-1"), headers=header)
    assert refusal(answer)[:2] == (400, "invalid_request")


def test_a_raw_basic_header_is_what_the_documents_print(chargebee: Chargebee) -> None:
    """`key:` in base64."""
    word = base64.b64encode(f"{chargebee.settings.api_key}:".encode()).decode()
    url = f"{chargebee.url}/api/v2/customers"
    assert HTTP.get(url, headers={"Authorization": f"Basic {word}"}).status_code == 200


def test_with_enterprise_scale_invoicing_lines_come_in_pages(chargebee: Chargebee) -> None:
    """From the offset that the page before names; in lists and events a long document shows none."""
    chargebee.customer()
    chargebee.configure(line_page=2)
    lines = [{"description": f"{n}", "amount": 100, "tax1_name": "MVA", "tax1_amount": 25} for n in range(5)]
    chargebee.invoice("VN-5", line_items=lines, total=625, taxes=[{"name": "MVA", "rate": 25, "amount": 125}])
    first = chargebee.read("/invoices/VN-5")["invoice"]
    second = chargebee.read("/invoices/VN-5", line_items_offset=first["line_items_next_offset"], line_items_limit=300)[
        "invoice"
    ]
    assert [len(part["line_items"]) for part in (first, second)] == [2, 3]
    assert [len(part["line_item_taxes"]) for part in (first, second)] == [2, 3]
    assert "line_items_next_offset" not in second
    for seen in (chargebee.listed("invoices")[0], chargebee.events("invoice_generated")[0]["content"]["invoice"]):
        assert (seen.get("line_items", []), "line_items_next_offset" in seen) == ([], True)
    assert chargebee.get("/invoices/VN-5", line_items_limit=301).status_code == 400
    assert len(chargebee.invoice("VN-1")["line_items"]) == 1
