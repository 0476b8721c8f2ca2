"""Crons are checked without Dagster, and mean what Dagster takes them to mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from dagster._utils.schedules import cron_string_iterator, is_valid_cron_string
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from ml_connector.config.cron import Cron

OSLO = ZoneInfo("Europe/Oslo")


def fields(low: int, high: int) -> st.SearchStrategy[str]:
    """One field of a cron: a star, a number, a range, a step, a list."""
    number = st.integers(low, high)
    span = st.tuples(number, number).filter(lambda pair: pair[0] < pair[1]).map(lambda pair: f"{pair[0]}-{pair[1]}")
    every = st.one_of(st.just("*"), span)
    step = st.tuples(every, st.integers(1, max(high // 2, 1))).map(lambda pair: f"{pair[0]}/{pair[1]}")
    item = st.one_of(number.map(str), span, step)
    return st.one_of(st.just("*"), item, st.lists(item, min_size=2, max_size=3).map(",".join))


crons = st.tuples(fields(0, 59), fields(0, 23), fields(1, 31), fields(1, 12), fields(0, 7)).map(" ".join)
moments = st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31)).map(lambda naive: naive.replace(tzinfo=UTC))  # noqa: DTZ001


def parse_or_give_up(cron: str) -> Cron:
    """What is refused (a day that never comes, everything written out) is another test's matter."""
    try:
        return Cron.parse(cron)
    except ValueError:
        reject()


@settings(max_examples=150, deadline=None)
@given(cron=crons, after=moments)
def test_the_next_moment_is_the_one_that_dagster_would_run_at(cron: str, after: datetime) -> None:
    """Dagster is asked for the first tick behind the same moment, in UTC."""
    parsed = parse_or_give_up(cron)
    ticks = cron_string_iterator((after + timedelta(microseconds=1)).timestamp(), cron, "UTC")
    assert parsed.next(after, ZoneInfo("UTC")) == next(ticks).astimezone(UTC)


@settings(max_examples=100, deadline=None)
@given(cron=crons)
def test_whatever_is_accepted_dagster_accepts(cron: str) -> None:
    """A configuration that loads never fails later, when its schedule is built."""
    assert is_valid_cron_string(parse_or_give_up(cron).text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("* * * *", "five fields"),
        ("@daily", "five fields"),
        ("* * * * * *", "five fields"),
        ("60 * * * *", "'60' is not a number from 0 to 59"),
        ("* 24 * * *", "'24' is not a number from 0 to 23"),
        ("* * 0 * *", "'0' is not a number from 1 to 31"),
        ("* * * 13 *", "'13' is not a number from 1 to 12"),
        ("* * * * 8", "'8' is not a number from 0 to 7"),
        ("*/0 * * * *", "a step is a number from 1 to 59"),
        ("*/ * * * *", "a step is a number from 1 to 59"),
        ("30-10 * * * *", "30-10 does not go up"),
        ("* * * * 0-0", "0-0 does not go up"),
        ("* * * * */1", "write * where everything is meant"),
        ("* * 1-31 * 1", "write * where everything is meant"),
        ("* * * * 1-7", "write * where everything is meant"),
        ("five * * * *", "'five' is not a number"),
        ("-5 * * * *", "'' is not a number"),
        ("0 0 31 2 *", 'no month of "2" has a day 31'),
        ("0 0 31 2,4 mon", 'no month of "2,4" has a day 31'),
    ],
)
def test_what_is_no_schedule_is_refused_with_the_field_that_is_wrong(text: str, sentence: str) -> None:
    """The sentence names the field and what may stand there."""
    with pytest.raises(ValueError, match=sentence.replace("*", r"\*")):
        Cron.parse(text)


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("*/10 * * * *", "2026-11-21T12:03+01:00", "2026-11-21T12:10+01:00"),
        ("0 5 * * *", "2026-11-21T05:00+01:00", "2026-11-22T05:00+01:00"),
        ("0 3 * * sun", "2026-11-21T12:00+01:00", "2026-11-22T03:00+01:00"),
        ("0 3 * * 7", "2026-11-21T12:00+01:00", "2026-11-22T03:00+01:00"),
        ("0 0 29 feb *", "2026-11-21T12:00+01:00", "2028-02-29T00:00+01:00"),
        ("0 0 1 * mon", "2026-11-21T12:00+01:00", "2026-11-23T00:00+01:00"),
        ("0 5 * * *", "2026-10-24T12:00+02:00", "2026-10-25T05:00+01:00"),
    ],
)
def test_the_next_moment_stands_on_the_company_clocks(text: str, after: str, expected: str) -> None:
    """Also over the change from summer to winter time (failures.md 7)."""
    following = Cron.parse(text).next(datetime.fromisoformat(after), OSLO)
    assert following == datetime.fromisoformat(expected)
