"""Reading a company: every row, once it changed, whatever Visma and the line do."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from traceback import format_exception
from typing import Any

import orjson
import pytest

from ml_connector.engine.ports import Page
from ml_connector.http import Stopped
from ml_connector.systems.visma.listings import LISTINGS
from ml_connector.systems.visma.models import Contact
from ml_connector_tests.systems.visma.conftest import CUSTOMERS as COUNT
from ml_connector_tests.systems.visma.conftest import Visma, rows

READ_AT = datetime(2026, 11, 1, tzinfo=UTC)


def test_the_count_of_rows_is_not_part_of_a_row(visma: Visma) -> None:
    """failures.md 3: one more customer changes no other customer's digest."""
    before = {row.key: row.digest for row in visma.read()}
    visma.control("POST", "customers", {"name": "Ny AS"})
    after = {row.key: row.digest for row in visma.read()}
    assert {key: after[key] for key in before} == before


def test_a_contact_belongs_to_its_customer(visma: Visma) -> None:
    """Its key is the contact's id; its stamps carry an offset."""
    found = visma.read("visma.contacts")
    assert found
    for row in found:
        contact = Contact.model_validate_json(row.payload)
        assert (row.key, row.related) == (str(contact.contact_id), contact.business_account)
        assert row.changed_at == datetime.fromisoformat(contact.last_modified_date_time or "")


def test_classes_are_read_whole_whatever_is_asked(visma: Visma) -> None:
    """Master data has no change time and no filter."""
    assert {row.key for row in visma.read("visma.customer_classes", READ_AT)} == {"B2B", "B2C", "OFFENTLIG", "UTLAND"}
    assert visma.log("/v1/")[0]["query"] == ""


def test_a_first_read_sends_no_time_filter(visma: Visma) -> None:
    """failures.md 6: what has no modification time, or an old one, is read as well."""
    assert len({row.key for row in visma.read()}) == COUNT
    assert "lastModified" not in visma.log("/v1/")[0]["query"]


@pytest.mark.parametrize("strict", [True, False])
def test_a_row_with_exactly_the_last_stamp_is_read(visma: Visma, strict: bool) -> None:
    """failures.md 1 and 2: `>=` is asked for, so the meaning of `>` does not matter."""
    visma.configure(strict_greater=strict)
    moment = datetime(2026, 6, 1, 10, 0, 5, tzinfo=UTC)
    visma.patch("10001", name="Sist AS", modified_at=moment.isoformat())
    found = {row.key: row for row in visma.read(since=moment)}
    assert found["10001"].changed_at == moment
    assert all(row.changed_at >= moment for row in found.values())
    assert "lastModifiedDateTimeCondition=%3E%3D" in visma.log("/v1/")[-1]["query"]


@pytest.mark.parametrize("entity", [name for name, listing in LISTINGS.items() if listing.stamp])
def test_the_filter_takes_effect(visma: Visma, entity: str) -> None:
    """Unknown parameters are ignored with 200, so a misspelt filter would return everything (section 4)."""
    visma.start_over(invoices=150)
    everything = visma.read(entity)
    latest = sorted(row.changed_at for row in everything)[-5].replace(microsecond=0)
    some = visma.read(entity, since=latest)
    assert 5 <= len(some) < len(everything)
    assert {row.key for row in some} == {row.key for row in everything if row.changed_at >= latest}


@pytest.mark.parametrize("minutes", [-90, -59, -31, -1, 0, 1, 29, 59, 90])
def test_no_change_in_the_repeated_hour_is_missed(visma: Visma, minutes: int) -> None:
    """failures.md 7: whatever bound lies in that night, every later change is returned, at most an hour off."""
    change = datetime(2025, 10, 26, 1, tzinfo=UTC)
    since = change + timedelta(minutes=minutes)
    moments = {str(10_001 + at): since + timedelta(minutes=15 * at) for at in range(8)}
    for number, moment in moments.items():
        visma.patch(number, modified_at=moment.isoformat())
        found = {row.key: row.changed_at for row in rows(visma.account(), since=since)}
        assert number in found
        assert abs(found[number] - moment) <= timedelta(hours=1)


def test_a_zone_that_is_set_wrongly_is_covered_by_the_overlap(visma: Visma) -> None:
    """failures.md 7: Visma's zone is undocumented; two hours and five minutes of overlap find the row all the same."""
    change = datetime(2026, 7, 1, 12, tzinfo=UTC)
    visma.patch("10001", modified_at=change.isoformat())
    since = change - timedelta(hours=2, minutes=5)
    for zone in ("UTC", "Europe/Oslo", "Europe/Helsinki"):
        assert "10001" in {row.key for row in visma.read(since=since, timezone=zone)}


def test_a_touched_table_reads_the_same(visma: Visma) -> None:
    """failures.md 3: a migration stamps every row; what the models hold is as before."""
    before = {row.key: row for row in visma.read()}
    visma.control("POST", "touch", {"all": True})
    for row in visma.read():
        old, new = orjson.loads(before[row.key].payload), orjson.loads(row.payload)
        for name in ("lastModifiedDateTime", "timeStamp"):
            assert old.pop(name) != new.pop(name)
        assert old == new


@pytest.mark.parametrize("fault", ["reset", "reset_body", "torn_json", "html_error", "server_error", "rate_limit"])
@pytest.mark.parametrize("entity", ["visma.customers", "visma.contacts"])
def test_a_mishap_on_the_way_loses_nothing(visma: Visma, fault: str, entity: str) -> None:
    """Bad input: every other call goes wrong, and the read is whole."""
    expected = {row.key for row in visma.read(entity)}
    visma.faults({"fault": fault, "path": "/v1/", "every": 2, "retry_after": 0})
    assert {row.key for row in visma.read(entity, page_size=50)} == expected


@pytest.mark.parametrize("entity", ["visma.customers", "visma.contacts"])
@pytest.mark.parametrize("fault", ["reset_body", "torn_json", "html_error"])
def test_an_answer_that_stays_torn_stops_the_read_in_three_parts(visma: Visma, entity: str, fault: str) -> None:
    """Bad input: what came before it was yielded; the sentence says what was being read."""
    visma.faults({"fault": fault, "path": "/v1/"})
    account = visma.account()
    with pytest.raises(Stopped, match=f"reading {LISTINGS[entity].entity.title.lower()}: ") as caught:
        rows(account, entity)
    assert all(str(caught.value).split("\n"))
    visma.faults()
    assert rows(account, "visma.customer_classes")


def test_pages_before_an_outage_are_not_lost(visma: Visma) -> None:
    """A read that stops has yielded what it had."""
    visma.faults({"fault": "server_error", "path": "/v1/customer", "after": 3})
    pages: list[Page] = []
    with pytest.raises(Stopped):
        pages.extend(visma.account(page_size=50).read("visma.customers", None))
    assert [len(page.rows) for page in pages] == [50, 50, 50]


def test_a_token_that_expires_in_the_middle_is_renewed(visma: Visma) -> None:
    """failures.md 15: one retry after the 401, with a new token, on the page where it happened."""
    visma.faults({"fault": "expired_token", "path": "/v1/customer", "after": 2, "times": 1})
    assert len({row.key for row in visma.read(page_size=50)}) == COUNT
    assert len(visma.log("/connect/token")) == 2
    assert [call["status"] for call in visma.log("/v1/")].count(401) == 1


def test_short_tokens_are_renewed_before_they_expire(visma: Visma) -> None:
    """failures.md 15: a token that lasts three seconds serves half of them, and no call is refused."""
    visma.configure(token_seconds=3)
    account = visma.account()
    visma.faults({"fault": "slow", "path": "/v1/customer", "seconds": 0.6})
    for _ in range(4):
        list(account.read("visma.customers", datetime.now(UTC)))
    assert {call["status"] for call in visma.log("/v1/")} == {200}
    assert len(visma.log("/connect/token")) > 1


def test_the_window_of_calls_paces_the_read(visma: Visma) -> None:
    """failures.md 19: with three calls in a second, ten pages are read and none is turned away."""
    visma.start_over(rate_limit=3, rate_limit_window_seconds=1)
    assert len({row.key for row in visma.read(page_size=25)}) == COUNT
    assert {call["status"] for call in visma.log("/v1/")} == {200}


def test_a_limit_that_was_met_is_waited_out(visma: Visma) -> None:
    """failures.md 19: Retry-After is honoured to the second."""
    visma.faults({"fault": "rate_limit", "path": "/v1/", "after": 1, "times": 1, "retry_after": 1})
    assert len({row.key for row in visma.read(page_size=100)}) == COUNT
    first, second = (datetime.fromisoformat(call["at"]) for call in visma.log("/v1/")[1:3])
    assert second - first >= timedelta(seconds=1)


def test_a_quota_that_is_gone_stops_the_read(visma: Visma) -> None:
    """failures.md 19: no run is held for an hour, and not one call more is made."""
    visma.start_over(rate_limit=2)
    with pytest.raises(Stopped, match="the quota of calls is used up; it opens again in about 60 minutes"):
        visma.read(page_size=50)
    assert len(visma.log("/v1/")) == 2


@pytest.mark.parametrize(
    ("simulated", "credentials", "words"),
    [
        ({}, {"client_secret": "wrong-s3cret"}, "the client id or the client secret is wrong"),
        ({}, {"client_id": "isv_other"}, "the client id or the client secret is wrong"),
        ({}, {"tenant_id": "nobody"}, "the tenant id is unknown"),
        ({}, {"tenant_id": "customer"}, "it may be the customer's tenant instead of the company's"),
        ({"require_company_id": True}, {}, "the company id is missing"),
        ({"clock_offset_seconds": 3600}, {}, "a clock is far off"),
        ({"clock_offset_seconds": -3600}, {}, "a clock is far off"),
    ],
)
def test_wrong_credentials_and_clocks_stop_with_a_sentence(
    visma: Visma, simulated: dict[str, Any], credentials: dict[str, str], words: str
) -> None:
    """Bad input: wrong tenant, missing company id, clock far off; nothing was read, and no secret is shown."""
    visma.configure(**simulated)
    if credentials.get("tenant_id") == "customer":
        credentials = {"tenant_id": visma.simulated.customer_tenant_id}
    account = visma.account(visma.credentials(**credentials))
    with pytest.raises(Stopped, match=words) as caught:
        rows(account)
    assert caught.value.exit_code == 3
    what, meaning, action = str(caught.value).split("\n")
    assert what.startswith("Visma.net: ")
    assert meaning
    assert action
    assert "wrong-s3cret" not in str(caught.value)


def test_secrets_stand_in_no_log(visma: Visma, caplog: pytest.LogCaptureFixture) -> None:
    """Every logger at its most talkative, through a read with mishaps: neither the secret nor a token."""
    caplog.set_level(logging.NOTSET)
    secret = token_hex()
    visma.configure(client_secret=secret)
    visma.faults({"fault": "expired_token", "path": "/v1/", "after": 1}, {"fault": "reset", "path": "/v1/", "times": 1})
    account = visma.account(visma.credentials(client_secret=secret), page_size=50)
    with pytest.raises(Stopped) as caught:
        rows(account)
    texts = [caplog.text, *(repr(vars(record)) for record in caplog.records), *format_exception(caught.value)]
    token = account._reader.client._http.auth._token.get_secret_value()  # type: ignore[union-attr]
    assert len(token) > 100
    assert not any(word in text for text in texts for word in (secret, token))


def test_the_company_id_is_sent_with_every_call(visma: Visma) -> None:
    """Where it is required, everything can be read with it."""
    visma.configure(require_company_id=True)
    assert len(visma.read(company_id="1234567", page_size=50)) == COUNT


def test_reading_asks_for_no_right_to_write(visma: Visma) -> None:
    """Scopes are explicit and no more than needed (section 2)."""
    account = visma.account()
    rows(account)
    with pytest.raises(Stopped, match="does not have the right"):
        account._reader.client.request("PUT", "/v1/customer/10001", json={})


def test_calls_are_counted(visma: Visma) -> None:
    """Tries included, tokens not: this is what the quota counts."""
    visma.faults({"fault": "server_error", "path": "/v1/", "times": 1})
    account = visma.account(page_size=100)
    rows(account)
    assert account.calls == 4
