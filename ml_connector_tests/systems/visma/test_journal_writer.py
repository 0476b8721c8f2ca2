"""Creating transactions of the general ledger: each once, in a period that is open, and never by a blind repeat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_connector.engine.records import Change, Doubt, Operation, Outcome, Result
from ml_connector.http import Stopped
from ml_connector.http.clock import now
from ml_connector.systems.visma.document_writer import SETTLE
from ml_connector.systems.visma.journal_writer import JournalWriter
from ml_connector.systems.visma.ledger import Ledger
from ml_connector.systems.visma.reader import Reader
from ml_connector_tests.systems.visma.conftest import Visma

PATH = "/v2/journaltransaction"
PERIOD = f"{now():%Y-%m}"
POST = {"path": f"{PATH}$", "method": "POST", "times": 1}


@dataclass
class Delivery:
    """Keeps what the writer says, as the engine would."""

    remembered: list[tuple[Sequence[str], str]] = field(default_factory=list)
    unsent: list[str] = field(default_factory=list)

    def remember(self, keys: Sequence[str], reference: str) -> None:
        self.remembered.append((keys, reference))

    def not_sent(self, key: str) -> None:
        self.unsent.append(key)


def writer(visma: Visma) -> JournalWriter:
    return JournalWriter(Ledger(Reader(visma.client(), ZoneInfo("Europe/Oslo"), 1000)))


def change(reference: str = "CBA", *, doubt: Doubt | None = None, release: bool = False, **more: Any) -> Change:
    amounts = (("1530", "debitAmountInCurrency"), ("3000", "creditAmountInCurrency"))
    lines = [{"accountNumber": account, side: "1234.56"} for account, side in amounts]
    members = {"transactionDate": f"{PERIOD}-15", "description": "Faktura 1", "journalTransactionLines": lines}
    body = {"reference": reference, "period": PERIOD, "release": release, "members": members}
    return Change(
        key=f"invoice/{reference}",
        operation=Operation.CREATE,
        claim=reference,
        target_id=None,
        body=body,
        create=True,
        rule=None,
        facts={},
        digest=b"",
        repeatable=False,
        doubt=doubt,
    )._replace(**more)


def deliver(visma: Visma, *changes: Change) -> list[Result]:
    return list(writer(visma).deliver(changes, Delivery()))


def standing(visma: Visma, reference: str = "CBA") -> list[dict[str, Any]]:
    """The batches that carry a reference."""
    rows = visma.control("GET", "books?count=100000")["journals"]["rows"]
    return [row for row in rows if any(one["referenceNumber"] == reference for one in row["journalTransactionLines"])]


def long_ago(period: str = PERIOD) -> Doubt:
    return Doubt(now() - SETTLE - timedelta(seconds=1), period)


def test_a_transaction_is_created_on_hold_with_its_reference_on_every_line(visma: Visma) -> None:
    """And where it stands is told: number and period."""
    (result,) = deliver(visma, change())
    (batch,) = standing(visma)
    assert result.outcome is Outcome.CREATED
    assert result.facts == {"batch": f"GL {batch['batchNumber']}", "period": PERIOD}
    assert (batch["status"], batch["debitTotal"]) == ("Hold", 1234.56)
    assert {one["referenceNumber"] for one in batch["journalTransactionLines"]} == {"CBA"}


@pytest.mark.parametrize(
    ("base_currency", "currency", "rate", "outcome"),
    [
        ("NOK", "EUR", 11.5, Outcome.CREATED),
        (None, "EUR", 11.5, Outcome.CREATED),
        ("EUR", "USD", 0.92, Outcome.REJECTED),
        ("EUR", "EUR", None, Outcome.REJECTED),
        (None, "NOK", 0.087, Outcome.REJECTED),
    ],
)
def test_a_rate_that_leads_to_another_base_currency_is_rejected(
    visma: Visma, base_currency: str | None, currency: str, rate: float | None, outcome: Outcome
) -> None:
    """The company keeps its books in NOK; what to do is said."""
    one = change()
    one.body["members"].update(currencyId=currency, **({"exchangeRate": rate} if rate else {}))
    (result,) = deliver(visma, one._replace(body={**one.body, "base_currency": base_currency}))
    assert (result.outcome, len(standing(visma))) == (outcome, int(outcome is Outcome.CREATED))
    assert ("by hand" in (result.reason or "")) is (outcome is Outcome.REJECTED)


def test_with_release_it_is_posted(visma: Visma) -> None:
    deliver(visma, change(release=True))
    assert [batch["status"] for batch in standing(visma)] == ["Posted"]


def test_what_is_not_released_stands_all_the_same_and_says_so(visma: Visma) -> None:
    """A release that does not work makes no second batch."""
    visma.faults({"fault": "server_error", "path": "action/release"})
    (result,) = deliver(visma, change(release=True))
    assert (result.outcome, "not released" in (result.reason or "")) == (Outcome.CREATED, True)
    assert [batch["status"] for batch in standing(visma)] == ["Balanced"]


def test_the_period_is_remembered_before_the_call(visma: Visma) -> None:
    delivery = Delivery()
    visma.faults({"fault": "lost_answer", **POST})
    list(writer(visma).deliver([change()], delivery))
    assert delivery.remembered == [(["invoice/CBA"], PERIOD)]


def test_a_closed_period_moves_it_to_the_next_open_one_with_a_note(visma: Visma) -> None:
    visma.control("POST", f"periods/{PERIOD.replace('-', '')}/close")
    (result,) = deliver(visma, change())
    (batch,) = standing(visma)
    assert f"{batch['financialPeriod'][:4]}-{batch['financialPeriod'][4:]}" == result.facts["period"] > PERIOD
    assert (result.facts["moved_from"], f"moved from {PERIOD}" in batch["description"]) == (PERIOD, True)
    assert PERIOD in (result.reason or "")


@pytest.mark.parametrize("fault", ["server_error", "false_error", "lost_answer", "reset_body", "html_error"])
def test_a_call_without_a_clear_answer_is_not_repeated(visma: Visma, fault: str) -> None:
    """failures.md 20: neither a 500 nor a lost answer is answered with a second POST."""
    visma.faults({"fault": fault, **POST})
    (result,) = deliver(visma, change())
    done = result.outcome is Outcome.CREATED
    assert done or (result.outcome, result.uncertain) == (Outcome.FAILED, True)
    assert len([call for call in visma.log(PATH) if call["method"] == "POST"]) == 1
    assert len(standing(visma)) <= 1


@pytest.mark.parametrize(
    ("path", "method", "unsent"),
    [
        ("connect/token", "POST", True),
        ("financialPeriod", "GET", True),
        (f"{PATH}$", "POST", True),
        ("action/release", "POST", False),
    ],
)
def test_a_refused_token_leaves_in_doubt_only_what_was_created(
    visma: Visma, path: str, method: str, unsent: bool
) -> None:
    """A batch that stands and could not be released stays in doubt, so that it is looked up and released later."""
    delivery = Delivery()
    visma.faults({"fault": "expired_token", "path": path, "method": method})
    with pytest.raises(Stopped):
        list(writer(visma).deliver([change(release=True)], delivery))
    assert (delivery.unsent == ["invoice/CBA"], standing(visma) == []) == (unsent, unsent)


def test_a_refusal_after_a_create_that_may_have_happened_is_no_proof(visma: Visma) -> None:
    """The system counts as down with this call, and the call itself may have acted."""
    delivery, once = Delivery(), {"retries": {"attempts": 1, "outages": 1}}
    visma.faults({"fault": "lost_answer", **POST})
    ledger = Ledger(Reader(visma.client(**once), ZoneInfo("Europe/Oslo"), 1000))
    with pytest.raises(Stopped):
        list(JournalWriter(ledger).deliver([change()], delivery))
    assert (delivery.unsent, len(standing(visma))) == ([], 1)


@pytest.mark.parametrize("fault", ["server_error", "false_error", "lost_answer", "late_commit"])
def test_what_is_in_doubt_is_looked_up_and_stands_once(visma: Visma, fault: str) -> None:
    """failures.md 35: what took effect unseen is found by its reference, what did not is created."""
    visma.faults({"fault": fault, **POST, **({"seconds": 0.05} if fault == "late_commit" else {})})
    (first,) = deliver(visma, change())
    assert first.uncertain
    if fault == "late_commit":
        _until(lambda: bool(standing(visma)))
    (second,) = deliver(visma, change(doubt=long_ago()))
    (batch,) = standing(visma)
    assert (second.outcome, second.facts["batch"]) == (Outcome.CREATED, f"GL {batch['batchNumber']}")


def _until(holds: Any) -> None:
    for _ in range(500):
        if holds():
            return
    raise AssertionError("it never came true")


def test_what_is_found_is_told_as_it_stands(visma: Visma) -> None:
    """Another account and policy were configured before anybody knew of it: the audit has what the books have, and its
    months follow the policy by which it was posted."""
    visma.faults({"fault": "lost_answer", **POST})
    first, delivery = change(), Delivery()
    first.body["policy"] = "deferred"
    list(writer(visma).deliver([first], delivery))
    ((_, remembered),) = delivery.remembered
    other = change(doubt=long_ago(remembered))
    other.body["policy"] = "immediate"
    other.body["members"]["journalTransactionLines"][1]["accountNumber"] = "3100"
    (result,) = deliver(visma, other)
    assert (result.facts["period"], result.facts["policy"]) == (PERIOD, "deferred")
    lines = orjson.loads(result.payload or b"{}")["journalTransactionLines"]
    assert [line["accountNumber"]["value"] for line in lines] == ["1530", "3000"]
    assert sum(line.get("debitAmountInCurrency", {"value": 0})["value"] for line in lines) == 1234.56


def test_it_is_looked_up_in_the_period_that_was_closed_in_between(visma: Visma) -> None:
    visma.faults({"fault": "lost_answer", **POST})
    deliver(visma, change())
    visma.control("POST", f"periods/{PERIOD.replace('-', '')}/close")
    (result,) = deliver(visma, change(doubt=long_ago()))
    assert (result.facts["period"], len(standing(visma))) == (PERIOD, 1)


def test_many_doubts_of_one_period_are_looked_up_at_once(visma: Visma) -> None:
    """Fewer calls: one list serves all."""
    changes = [change(f"CB{number}", doubt=long_ago()) for number in range(5)]
    assert {result.outcome for result in deliver(visma, *changes)} == {Outcome.CREATED}
    lists = [call for call in visma.log(PATH) if call["method"] == "GET"]
    pages = -(-sum(len(row["journalTransactionLines"]) for row in _of_period(visma)) // 500) + 1
    assert len(lists) <= pages


def _of_period(visma: Visma) -> list[dict[str, Any]]:
    rows = visma.control("GET", "books?count=100000")["journals"]["rows"]
    return [row for row in rows if row["financialPeriod"] == PERIOD.replace("-", "") and row["module"] == "ModuleGL"]


def test_what_visma_refuses_is_rejected_with_its_words(visma: Visma) -> None:
    wrong = change()
    wrong.body["members"]["journalTransactionLines"][0]["accountNumber"] = "9999"
    (result,) = deliver(visma, wrong)
    assert (result.outcome, "9999" in (result.reason or "")) == (Outcome.REJECTED, True)


def test_a_posted_one_whose_source_changed_is_not_touched(visma: Visma) -> None:
    """It is said what to do; and once somebody corrected the batch, a replay finds it right."""
    (created,) = deliver(visma, change())
    other = change(operation=Operation.UPDATE, facts=created.facts, target_id="CBA")
    other.body["members"]["journalTransactionLines"][0]["debitAmountInCurrency"] = "1.00"
    other.body["members"]["journalTransactionLines"][1]["creditAmountInCurrency"] = "1.00"
    (refused,) = deliver(visma, other)
    assert (refused.outcome, "replay" in (refused.reason or "")) == (Outcome.REJECTED, True)
    number = created.facts["batch"].removeprefix("GL ")
    lines = standing(visma)[0]["journalTransactionLines"]
    lines[0]["debitAmountInCurrency"] = lines[1]["creditAmountInCurrency"] = 1.0
    visma.control("PATCH", f"journals/GL-{number}", {"lines": lines})
    (accepted,) = deliver(visma, other)
    assert (accepted.outcome, len(standing(visma))) == (Outcome.UPDATED, 1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(faults=st.lists(st.sampled_from(["none", "server_error", "false_error", "lost_answer"]), min_size=1, max_size=5))
def test_whatever_answers_are_lost_there_is_one_batch(visma: Visma, faults: list[str]) -> None:
    """Any sequence of failures, each time tried again once the call before can no longer take effect."""
    visma.control("POST", "reset")
    doubt = None
    for fault in [*faults, "none"]:
        visma.faults(*([] if fault == "none" else [{"fault": fault, **POST}]))
        (result,) = deliver(visma, change(doubt=doubt))
        if result.outcome is Outcome.CREATED:
            break
        doubt = long_ago()
    assert (result.outcome, len(standing(visma))) == (Outcome.CREATED, 1)


# --- where lines stand -----------------------------------------------------------------------------------------------


def on(project: str, *credits: tuple[str, str], **more: Any) -> Change:
    """A change whose lines are of a project; the credits by account and amount."""
    amounts = [("1530", "debitAmountInCurrency", "1234.56")]
    amounts += [(account, "creditAmountInCurrency", amount) for account, amount in credits or (("3000", "1234.56"),)]
    lines = [
        {"accountNumber": account, side: amount, "project": project, "note": f"li_{at}"}
        for at, (account, side, amount) in enumerate(amounts)
    ]
    made = change(**more)
    members = {**made.body["members"], "journalTransactionLines": lines}
    return made._replace(body={**made.body, "keeps_places": True, "members": members})


def told(result: Result) -> list[tuple[str, str]]:
    """Account and project of each line that is told as sent."""
    lines = orjson.loads(result.payload or b"")["journalTransactionLines"]
    return [(line["accountNumber"]["value"], line["project"]["value"]) for line in lines]


def test_it_is_told_where_lines_stand(visma: Visma) -> None:
    """What is found and was sent for another project is told with its own, and with the subaccount that Visma took."""
    (created,) = deliver(visma, on("P-ABO"))
    (found,) = deliver(visma, on("P-INT", doubt=long_ago()))
    here = {"project": "P-ABO"}
    assert created.facts["places"] == {"li_0": here, "li_1": here}
    taken = {"subaccount": [{"segmentId": 1, "segmentValue": "00"}, {"segmentId": 2, "segmentValue": "0000"}]}
    assert found.facts["places"] == {"li_0": here | taken, "li_1": here | taken}
    assert told(created) == told(found) == [("1530", "P-ABO"), ("3000", "P-ABO")]


def test_lines_on_other_accounts_by_now_are_told_with_their_project(visma: Visma) -> None:
    deliver(visma, on("P-ABO"))
    (found,) = deliver(visma, on("P-INT", ("3100", "1234.56"), doubt=long_ago()))
    assert told(found) == [("1530", "P-ABO"), ("3000", "P-ABO")]
    assert {place["project"] for name, place in found.facts["places"].items() if name} == {"P-ABO"}


@pytest.mark.parametrize(
    "credits", [[("3000", "1000"), ("3000", "234.56")], [("3000", "1234.56"), ("2970", "1"), ("2970", "-1")]]
)
def test_lines_that_are_others_by_now_stay_whole(visma: Visma, credits: list[tuple[str, str]]) -> None:
    """The accounts come to the same: what is told adds up, too."""
    deliver(visma, on("P-ABO"))
    (found,) = deliver(visma, on("P-ABO", *credits, doubt=long_ago()))
    assert [account for account, _ in told(found)] == ["1530", *(account for account, _ in credits)]


def test_lines_in_another_order_by_now_stay_where_they_are(visma: Visma) -> None:
    deliver(visma, on("P-ABO", ("3000", "1000"), ("2970", "234.56")))
    (found,) = deliver(visma, on("P-INT", ("2970", "234.56"), ("3000", "1000"), doubt=long_ago()))
    assert [account for account, _ in told(found)] == ["1530", "2970", "3000"]


def test_a_batch_that_was_corrected_is_told_with_its_project(visma: Visma) -> None:
    """Somebody set another one in Visma; a project makes no amounts others."""
    (created,) = deliver(visma, on("P-ABO"))
    later = on("P-INT", operation=Operation.UPDATE, facts=created.facts)
    (result,) = deliver(visma, later)
    assert (result.outcome, told(result)) == (Outcome.UPDATED, [("1530", "P-ABO"), ("3000", "P-ABO")])
