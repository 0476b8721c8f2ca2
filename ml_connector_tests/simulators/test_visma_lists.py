"""The three list shapes, pages, and what goes wrong with them (Visma reference, sections 3 and 12)."""

from __future__ import annotations

import pytest

from ml_connector_tests.simulators.visma_support import CUSTOMERS, ORDINARY, Visma


def test_every_row_of_a_paged_list_carries_the_metadata(visma: Visma) -> None:
    """Shape A: an array whose every row tells the total and the largest page."""
    rows = visma.find(pageNumber=2, pageSize=50)
    assert len(rows) == 50
    assert all(row["metadata"] == {"totalCount": CUSTOMERS, "maxPageSize": 1000} for row in rows)


def test_nested_metadata_means_nothing(visma: Visma) -> None:
    """Countries and VAT zones carry a metadata block of their own that is all zeros."""
    row = visma.find(pageSize=1)[0]
    zeros = {"totalCount": 0, "maxPageSize": 0}
    assert row["mainAddress"]["country"]["metadata"] == row["vatZone"]["metadata"] == zeros


def test_pages_cover_everything_once(visma: Visma) -> None:
    """Walking the pages gives every customer exactly once, then `[]`."""
    numbers = [number for page in range(1, 6) for number in visma.numbers(pageNumber=page, pageSize=60)]
    assert len(numbers) == len(set(numbers)) == CUSTOMERS
    assert visma.find(pageNumber=5, pageSize=60) == []


def test_nothing_found_is_an_empty_array(visma: Visma) -> None:
    """An empty result has no metadata to read."""
    answer = visma.http.get("/v1/customer", params={"name": "Nobody"})
    assert (answer.status_code, answer.content) == (200, b"[]")


def test_projects_are_a_paged_list(visma: Visma) -> None:
    """Shape A; what its rows call the id is not documented, and set."""
    first, second = (visma.http.get("/v1/project", params={"pageNumber": at, "pageSize": 2}).json() for at in (1, 2))
    assert [row["id"] for row in (*first, *second)] == ["P-ABO", "P-INT", "P-TOM"]
    assert first[0]["metadata"] == {"totalCount": 3, "maxPageSize": 1000}
    visma.configure(project_key="projectID")
    assert visma.rows("/v1/project")[0]["projectID"] == "P-ABO"


def test_a_too_large_page_is_cut_without_a_word(visma: Visma) -> None:
    """failures.md 5: asking for more than the endpoint gives is answered with its largest page."""
    visma.configure(max_page_size={"customer": 100})
    pages = [visma.find(pageNumber=page, pageSize=500) for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [100, 100, 40, 0]
    assert pages[0][0]["metadata"] == {"totalCount": CUSTOMERS, "maxPageSize": 100}


def test_without_a_page_size_rows_are_missing(visma: Visma) -> None:
    """The default page is not the whole list."""
    assert len(visma.find()) == 100


@pytest.mark.parametrize("query", [{"pageNumber": "0"}, {"pageSize": "many"}, {"pageSize": "-1"}, {"pageNumber": "²"}])
def test_pages_are_numbered_from_one(visma: Visma, query: dict[str, str]) -> None:
    """A page number or size that is no positive number is refused."""
    assert visma.http.get("/v1/customer", params=query).status_code == 400


def test_unknown_and_deprecated_parameters_are_ignored(visma: Visma) -> None:
    """A misspelt filter returns the whole table, and the old paging parameters do nothing."""
    asked = visma.numbers(lastModifiedDatetime="2030-01-01", numberToRead=3, skipRecords=5, greaterThanValue="10200")
    assert len(asked) == CUSTOMERS


def test_the_number_of_rows_can_change_between_pages(visma: Visma) -> None:
    """failures.md 4: the total of a later page tells of a customer that appeared or vanished during the scan."""
    first = visma.find(pageNumber=1, pageSize=100)
    visma.control("DELETE", f"customers/{ORDINARY}")
    second = visma.find(pageNumber=2, pageSize=100)
    assert second[0]["metadata"]["totalCount"] == first[0]["metadata"]["totalCount"] - 1
    assert int(second[0]["number"]) > int(first[-1]["number"]) + 1, "the row between the two pages was never shown"


def test_rows_can_move_during_a_scan(visma: Visma) -> None:
    """failures.md 4: modified rows move to the end, so a scan misses others although the total stays the same."""
    visma.fault("rows_move", after=1, times=1)
    pages = [visma.find(pageNumber=page, pageSize=100) for page in (1, 2, 3)]
    seen = [row["number"] for page in pages for row in page]
    assert {row["metadata"]["totalCount"] for page in pages for row in page} == {CUSTOMERS}
    assert len(seen) == CUSTOMERS
    assert len(set(seen)) == CUSTOMERS - 25, "25 rows were shown twice, 25 never"


def test_unpaged_lists_have_neither_pages_nor_metadata(visma: Visma) -> None:
    """Shape B: contacts and customer classes come whole."""
    contacts = visma.rows("/v1/contact", pageNumber=2, pageSize=1)
    assert len(contacts) > 50
    assert not any("metadata" in row for row in contacts)
    assert {row["id"] for row in visma.rows("/v1/customer/customerClass")} == {"B2B", "B2C", "OFFENTLIG", "UTLAND"}


def test_credit_terms_come_in_a_wrapper(visma: Visma) -> None:
    """Shape C: an object with its page and `records`."""
    answer = visma.http.get("/v1/creditTerm", params={"pageNumber": 2, "pageSize": 2}).json()
    assert (answer["pageNumber"], answer["pageSize"], answer["totalCount"], len(answer["records"])) == (2, 2, 5, 2)
    one = visma.http.get("/v1/creditTerm", params={"termsId": "30"}).json()
    assert [row["termsId"] for row in one["records"]] == ["30"]


def test_one_customer_class(visma: Visma) -> None:
    """A class is read by its id; 404 for another."""
    assert visma.http.get("/v1/customer/customerClass/B2C").json()["description"] == "Privatkunder"
    assert visma.http.get("/v1/customer/customerClass/B2X").status_code == 404


def test_one_customer_by_number_or_internal_id(visma: Visma) -> None:
    """Both paths give the row of the list, without metadata, and with its version as ETag."""
    listed = visma.find(pageSize=1)[0]
    del listed["metadata"]
    for path in (f"/v1/customer/{listed['number']}", f"/v1/customer/internal/{listed['internalId']}"):
        answer = visma.http.get(path)
        assert answer.json() == listed
        assert answer.headers["etag"] == f'"{listed["timeStamp"]}"'
    assert visma.http.get("/v1/customer/nobody").status_code == 404
    assert visma.http.get("/v1/customer/internal/1").status_code == 404


def test_list_rows_are_as_large_as_real_ones(visma: Visma) -> None:
    """A customer's read model is 1.5 to 2.5 KB."""
    answer = visma.http.get("/v1/customer", params={"pageSize": 200})
    assert 1500 < len(answer.content) / 200 < 2600
