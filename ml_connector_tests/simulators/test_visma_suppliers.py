"""Suppliers, their addresses and contacts, and the master data (Visma reference, sections 3, 4 and 7)."""

from __future__ import annotations

import pytest

from ml_connector_tests.simulators.visma_support import Visma

SUPPLIER = "500001"


def test_suppliers_come_in_pages_of_their_own_size(visma: Visma) -> None:
    """failures.md 5: the largest page differs by endpoint, and a larger one is cut without a word."""
    visma.configure(max_page_size={"supplier": 10})
    pages = visma.pages("/v1/supplier", 1000)
    assert [len(page) for page in pages] == [10, 10, 4]
    assert pages[0][0]["metadata"] == {"totalCount": 24, "maxPageSize": 10}
    assert visma.find(pageSize=1)[0]["metadata"]["maxPageSize"] == 1000


def test_a_supplier_has_its_addresses_and_terms(visma: Visma) -> None:
    """Main, remittance and delivery blocks, and how and when it is paid; with its version as ETag."""
    answer = visma.http.get(f"/v1/supplier/{SUPPLIER}")
    row = answer.json()
    assert answer.headers["etag"] == f'"{row["timeStamp"]}"'
    assert all(row[block]["city"] for block in ("mainAddress", "remitAddress", "supplierAddress"))
    assert (row["paymentBy"], row["paymentMethod"]["id"], row["status"]) == ("DueDate", "1", "Active")
    assert row["creditTerms"]["id"] in {one["termsId"] for one in visma.http.get("/v1/creditTerm").json()["records"]}
    assert row["supplierClass"]["id"] in {one["id"] for one in visma.rows("/v1/supplier/supplierClass")}
    assert visma.http.get("/v1/supplier/10001").status_code == 404


@pytest.mark.parametrize(("parameter", "block"), [("expandAccountInformation", "glAccounts"), ("expandNote", "note")])
def test_some_blocks_have_to_be_asked_for(visma: Visma, parameter: str, block: str) -> None:
    """Unexpanded blocks are absent from a list (section 4)."""
    assert not any(block in row for row in visma.all("/v1/supplier"))
    assert all(block in row for row in visma.all("/v1/supplier", **{parameter: "true"}))


@pytest.mark.parametrize(
    ("query", "found"),
    [({"status": "HoldPayments"}, 1), ({"status": "Active"}, 21), ({"corporateId": "nobody"}, 0), ({"nmae": "x"}, 24)],
)
def test_suppliers_are_filtered(visma: Visma, query: dict[str, str], found: int) -> None:
    """A filter takes effect, a misspelt one does not."""
    assert len(visma.all("/v1/supplier", **query)) == found


def test_changed_suppliers_are_found_by_their_stamp(visma: Visma) -> None:
    """One that a person changes is in the next poll, and no other."""
    now = visma.control("PATCH", f"suppliers/{SUPPLIER}", {"mainAddress": {"city": "Vardø"}})["lastModifiedDateTime"]
    query = {"lastModifiedDateTime": now[:19], "lastModifiedDateTimeCondition": ">="}
    assert [row["mainAddress"]["city"] for row in visma.all("/v1/supplier", **query)] == ["Vardø"]


def test_person_contacts_of_suppliers_stand_beside_those_of_customers(visma: Visma) -> None:
    """One list for both (section 7); a contact tells the number and the kind of its business account."""
    contacts = [row for row in visma.rows("/v1/contact") if row["businessAccountType"] == "Supplier"]
    numbers = {row["number"] for row in visma.all("/v1/supplier")}
    assert contacts
    assert {row["businessAccount"] for row in contacts} <= numbers
    assert not numbers & set(visma.numbers())
    one = contacts[0]
    assert visma.rows(f"/v1/supplier/{one['businessAccount']}/contact") == [one]
    assert visma.http.get("/v1/supplier/nobody/contact").status_code == 404
    new = visma.control("POST", "contacts", {"businessAccount": one["businessAccount"], "firstName": "Åse"})
    assert new in visma.rows(f"/v1/supplier/{one['businessAccount']}/contact")


def test_some_suppliers_are_customers_too(visma: Visma) -> None:
    """The same business has two numbers and one registration number."""
    customers = {row["corporateId"]: row for row in visma.find(pageSize=1000)}
    twins = [row for row in visma.all("/v1/supplier") if row["corporateId"] in customers]
    assert twins
    for row in twins:
        assert row["name"] == customers[row["corporateId"]]["name"]
        assert row["number"] != customers[row["corporateId"]]["number"]


def test_two_suppliers_can_have_one_registration_number(visma: Visma) -> None:
    """Nothing at the vendor makes it unique; others have none, or blanks within it."""
    ids = [row["corporateId"] for row in visma.all("/v1/supplier")]
    assert len(set(ids)) < len(ids)
    assert "" in ids
    assert any(" " in one for one in ids)


def test_a_supplier_appears_changes_and_vanishes(visma: Visma) -> None:
    """The control endpoints of suppliers; a contact goes with its supplier."""
    new = visma.control("POST", "suppliers", {"name": "Ny Leverandør AS"})
    assert visma.http.get(f"/v1/supplier/{new['number']}").json() == new
    silent = visma.control("PATCH", f"suppliers/{new['number']}", {"name": "Stille AS", "silent": True})
    assert (silent["name"], silent["lastModifiedDateTime"]) == ("Stille AS", new["lastModifiedDateTime"])
    assert visma.control("GET", f"suppliers/{new['number']}") == silent
    visma.control("POST", "contacts", {"businessAccount": new["number"]})
    visma.control("DELETE", f"suppliers/{new['number']}")
    assert visma.http.get(f"/v1/supplier/{new['number']}").status_code == 404
    assert visma.rows("/v1/contact", businessAccount=new["number"]) == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "suppliers", {"number": "10001"}),
        ("POST", "suppliers", {"number": SUPPLIER}),
        ("PATCH", f"suppliers/{SUPPLIER}", {"number": "7"}),
        ("PATCH", f"suppliers/{SUPPLIER}", {"lastModifiedDateTime": "soon", "silent": True}),
    ],
)
def test_what_makes_no_sense_is_refused(visma: Visma, method: str, path: str, body: object) -> None:
    """400 with a sentence, and nothing changed."""
    before = visma.all("/v1/supplier")
    answer = visma.anonymous.request(method, f"/_simulator/{path}", json=body)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert visma.all("/v1/supplier") == before


def test_suppliers_move_while_they_are_read(visma: Visma) -> None:
    """failures.md 4: the fault moves the rows of the list that it strikes, and no others."""
    visma.configure(suppliers=60)
    visma.control("POST", "reset")
    customers = visma.numbers()
    visma.fault("rows_move", path="^/v1/supplier", after=1, times=1)
    seen = [row["number"] for page in visma.pages("/v1/supplier", 20) for row in page]
    assert len(seen) == 60
    assert len(set(seen)) < 60
    assert visma.numbers() == customers


def test_accounts_and_subaccounts(visma: Visma) -> None:
    """Accounts come whole, subaccounts in pages; a subaccount is its segments' values joined (section 7)."""
    accounts = visma.rows("/v1/account", pageSize=1)
    assert len(accounts) > 15
    assert not any("metadata" in row for row in accounts)
    assert [row["accountCD"] for row in visma.rows("/v1/account", active="false")] == ["3999"]
    assert visma.http.get("/v1/account/1500").json()["controlAccountModule"] == "AR"
    assert visma.http.get("/v1/account/9").status_code == 404
    visma.configure(max_page_size={"subaccount": 5})
    pages = visma.pages("/v1/subaccount", 100)
    assert [len(page) for page in pages] == [5, 5, 5, 1]
    for row in pages[1]:
        assert row["subaccountNumber"] == "-".join(one["segmentValue"] for one in row["segments"])
        assert row["metadata"] == {"totalCount": 16, "maxPageSize": 5}


def test_dimensions_are_a_list_of_texts(visma: Visma) -> None:
    """Shape D; the values of the segments have to be asked for."""
    assert "SUBACCOUNT" in visma.rows("/v1/dimension")
    assert visma.http.get("/v1/dimension/NOTHING").status_code == 404
    plain = visma.http.get("/v1/dimension/SUBACCOUNT").json()
    whole = visma.http.get("/v1/dimension/SUBACCOUNT", params={"expandSegmentsValues": "true"}).json()
    assert plain["segments"][0]["segmentValues"] is None
    assert {one["valueId"] for one in whole["segments"][0]["segmentValues"]} == {"00", "10", "20", "30"}
    assert visma.http.get("/v1/dimension/SUBACCOUNT/2").json() == whole["segments"][1]
    assert visma.http.get("/v1/dimension/SUBACCOUNT/3").status_code == 404


def test_branches_vat_codes_and_currencies_come_whole(visma: Visma) -> None:
    """Shape B, each with its own key; a branch's blocks have to be asked for."""
    assert [row["number"] for row in visma.rows("/v1/branch")] == ["1", "2", "3"]
    assert visma.rows("/v1/branch")[0]["currency"] is None
    assert visma.rows("/v1/branch", expandCurrency="true")[0]["currency"]["id"] == "NOK"
    assert visma.http.get("/v1/branch/4").status_code == 404
    rates = {row["vatId"]: row["schedules"][0]["vatRate"] for row in visma.rows("/v1/vat")}
    assert rates == {"3": 25.0, "31": 15.0, "33": 12.0, "5": 0.0, "52": 0.0}
    assert visma.http.get("/v1/vat/31").json()["vatId"] == "31"
    assert [row["id"] for row in visma.rows("/v1/currency") if row["isBaseCurrency"]] == ["NOK"]
