"""Rate limits, idempotency keys and locks of the Chargebee simulator (reference, section 1)."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from ml_connector.simulators.chargebee.settings import CALLS_PER_MINUTE, ChargebeeSettings
from ml_connector_tests.simulators.chargebee_support import KARI, Chargebee, invoice_form, refusal

pytest_plugins = "ml_connector_tests.simulators.chargebee_fixtures"

KEY = "visma-10001-1"
REPLAYED = "chargebee-idempotency-replayed"


# --- rate limits -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("plan", "calls"), list(CALLS_PER_MINUTE.items()))
def test_the_plan_gives_the_calls_of_a_minute(plan: str, calls: int | None) -> None:
    """150 for a test site."""
    settings = ChargebeeSettings()
    settings.patch({"plan": plan})
    assert settings.per_minute == calls
    assert (settings.at_once("GET"), settings.at_once("POST")) == ((50, 50) if plan == "test" else (50, 100))


def test_a_call_too_many_in_a_minute_is_refused(chargebee: Chargebee) -> None:
    """429 without a word about when to come back; a minute later all is well."""
    chargebee.configure(calls_per_minute=3)
    answers = [chargebee.get("/customers") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].json()["api_error_code"] == "api_request_limit_exceeded"
    assert answers[-1].json()["type"] == "operation_failed"
    assert "retry-after" not in answers[-1].headers
    chargebee.control("clock", {"seconds": 61})
    assert chargebee.get("/customers").status_code == 200


def test_the_minute_rolls(chargebee: Chargebee) -> None:
    """What lies more than a minute back does not count, and a refused call counts for nothing."""
    chargebee.configure(calls_per_minute=2)
    chargebee.get("/customers")
    chargebee.control("clock", {"seconds": 40})
    assert [chargebee.get("/customers").status_code for _ in range(3)] == [200, 429, 429]
    chargebee.control("clock", {"seconds": 25})
    assert [chargebee.get("/customers").status_code for _ in range(2)] == [200, 429]


def test_a_refusal_says_when_to_come_back_if_it_is_told_to(chargebee: Chargebee) -> None:
    """The header is not documented, and the vendor's clients read it."""
    chargebee.configure(calls_per_minute=0, retry_after=7)
    assert chargebee.get("/customers").headers["retry-after"] == "7"


def test_too_many_calls_at_once_close_the_door_for_a_minute(chargebee: Chargebee) -> None:
    """Simultaneous calls have a limit of their own."""
    chargebee.configure(concurrent_gets=2, latency_seconds=0.3)
    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(answer.status_code for answer in pool.map(lambda _: chargebee.get("/customers"), range(4)))
    assert statuses[-1] == 429
    chargebee.configure(latency_seconds=0)
    assert chargebee.get("/customers").status_code == 429
    chargebee.control("clock", {"seconds": 61})
    assert chargebee.get("/customers").status_code == 200


# --- idempotency -----------------------------------------------------------------------------------------------------


def test_the_same_write_again_is_replayed(chargebee: Chargebee) -> None:
    """The stored answer with its header; nothing happens a second time, and no event is raised."""
    first = chargebee.post("/customers", key=KEY, id=KARI, first_name="Kari")
    chargebee.done(f"/customers/{KARI}", first_name="Åse")
    again = chargebee.post("/customers", key=KEY, first_name="Kari", id=KARI)
    assert (again.status_code, again.json()) == (200, first.json())
    assert (REPLAYED in first.headers, again.headers[REPLAYED]) == (False, "true")
    assert chargebee.read(f"/customers/{KARI}")["customer"]["first_name"] == "Åse"
    assert chargebee.types() == ["customer_created", "customer_changed"]


def test_a_key_with_other_content_is_refused(chargebee: Chargebee) -> None:
    """Other parameters, or another endpoint: 422."""
    chargebee.post("/customers", key=KEY, id=KARI)
    other = chargebee.post("/customers", key=KEY, id="V-2")
    elsewhere = chargebee.post(f"/customers/{KARI}", key=KEY, id=KARI)
    for answer in (other, elsewhere):
        assert refusal(answer) == (422, "unable_to_process_request", None)


def test_a_key_is_forgotten_after_thirty_minutes(chargebee: Chargebee) -> None:
    """Beyond that only an id of one's own protects from a duplicate (failures.md 20)."""
    chargebee.customer()
    created = [chargebee.post("/customers", key=KEY).json()["customer"]["id"]]
    chargebee.control("clock", {"minutes": 29})
    created.append(chargebee.post("/customers", key=KEY).json()["customer"]["id"])
    chargebee.control("clock", {"minutes": 2})
    created.append(chargebee.post("/customers", key=KEY).json()["customer"]["id"])
    assert created[0] == created[1] != created[2]
    assert chargebee.post("/customers", id=KARI).json()["api_error_code"] == "duplicate_entry"


def test_refusals_are_not_stored_unless_they_are(chargebee: Chargebee) -> None:
    """Whether a 4xx is stored under its key is not documented."""
    assert chargebee.post("/customers", key=KEY, email="kari@").status_code == 400
    assert chargebee.post("/customers", key=KEY, email="kari@nordfisk.no").status_code == 200
    chargebee.configure(idempotency_stores="refusals")
    assert chargebee.post("/customers", key="2", email="kari@").status_code == 400
    assert chargebee.post("/customers", key="2", email="kari@nordfisk.no").status_code == 422


def test_a_key_has_a_hundred_characters_and_is_for_writes(chargebee: Chargebee) -> None:
    """A longer one is refused; a read ignores it."""
    assert refusal(chargebee.post("/customers", key="x" * 101))[:2] == (400, "param_wrong_value")
    for path in ("/customers", "/events"):
        answer = chargebee.http.get(path, headers={"chargebee-idempotency-key": KEY})
        assert (answer.status_code, REPLAYED in answer.headers) == (200, False)


def test_an_unanswered_write_is_answered_the_second_time(chargebee: Chargebee) -> None:
    """What the key is for: the first call was executed, and its answer lost (failures.md 20)."""
    chargebee.customer()
    chargebee.control("faults", [{"fault": "lost_answer", "times": 1}])
    form = invoice_form(chargebee)
    with pytest.raises(httpx.TransportError):
        chargebee.post("/invoices/import_invoice", key=KEY, **form)
    answer = chargebee.post("/invoices/import_invoice", key=KEY, **form)
    assert (answer.status_code, answer.headers[REPLAYED]) == (200, "true")
    assert len(chargebee.listed("invoices")) == 1


# --- locks -----------------------------------------------------------------------------------------------------------


def together(chargebee: Chargebee, *calls: tuple[str, dict[str, str]]) -> list[tuple[int, str]]:
    chargebee.configure(write_seconds=0.3)
    with ThreadPoolExecutor(len(calls)) as pool:
        answers = list(pool.map(lambda call: chargebee.post(call[0], **call[1]), calls))
    return sorted((answer.status_code, answer.json().get("api_error_code", "")) for answer in answers)


def test_two_writes_to_one_customer_at_once_do_not_work(chargebee: Chargebee) -> None:
    """429 like the rate limit, and not for volume: one of them meets a lock."""
    chargebee.customer()
    update, billing = f"/customers/{KARI}", f"/customers/{KARI}/update_billing_info"
    statuses = together(chargebee, (update, {"first_name": "Åse"}), (billing, {"vat_number": "NO1"}))
    assert statuses == [(200, ""), (429, "lock_timeout")]


def test_an_invoice_locks_its_customer(chargebee: Chargebee) -> None:
    """Its documents belong to the same lock."""
    chargebee.customer()
    chargebee.invoice()
    statuses = together(
        chargebee, (f"/customers/{KARI}", {"first_name": "Åse"}), ("/invoices/VN-1/void", {"comment": "Feil"})
    )
    assert statuses == [(200, ""), (429, "lock_timeout")]


def test_writes_to_two_customers_at_once_work(chargebee: Chargebee) -> None:
    """Nothing else is locked, and the lock ends with the write."""
    chargebee.customer()
    chargebee.customer("V-2")
    calls = [(f"/customers/{customer}", {"first_name": "Åse"}) for customer in (KARI, "V-2")]
    assert together(chargebee, *calls) == [(200, ""), (200, "")]
    assert together(chargebee, calls[0]) == [(200, "")]


def test_a_write_takes_its_time(chargebee: Chargebee) -> None:
    """As long as `write_seconds` says."""
    chargebee.configure(write_seconds=0.2)
    began = time.monotonic()
    chargebee.customer()
    assert time.monotonic() - began >= 0.2
