"""Visma's moments: with and without a zone, and through both changes of Europe/Oslo."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ml_connector.systems.visma.times import filter_value, parse_stamp

OSLO = ZoneInfo("Europe/Oslo")
LATER = datetime(2030, 1, 1, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 25, 1, tzinfo=UTC)  # clocks go from 03:00 back to 02:00
SPRING = datetime(2026, 3, 29, 1, tzinfo=UTC)  # clocks go from 02:00 to 03:00

around_a_change = st.builds(
    lambda change, seconds: change + timedelta(seconds=seconds),
    st.sampled_from([AUTUMN, SPRING]),
    st.integers(-3 * 3600, 3 * 3600),
)
moments = around_a_change | st.datetimes(datetime(2000, 1, 1), datetime(2029, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def stamp(moment: datetime) -> str:
    """As Visma writes it: the wall clock of its zone, without the zone."""
    return moment.astimezone(OSLO).replace(tzinfo=None).isoformat()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-07-01T12:00:00", datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ("2026-01-01T12:00:00", datetime(2026, 1, 1, 11, tzinfo=UTC)),
        ("2026-01-01T12:00:00Z", datetime(2026, 1, 1, 12, tzinfo=UTC)),
        ("2026-01-01T12:00:00+05:30", datetime(2026, 1, 1, 6, 30, tzinfo=UTC)),
        ("2022-11-10T10:20:53.75+01:00", datetime(2022, 11, 10, 9, 20, 53, 750_000, tzinfo=UTC)),
    ],
)
def test_an_offset_wins_over_the_zone(text: str, moment: datetime) -> None:
    """failures.md 7: stamps come with and without an offset; the zone is only for those without."""
    assert parse_stamp(text, OSLO, LATER) == moment


@given(st.integers(0, 7), st.integers(0, 9_999_999), st.sampled_from(["", "Z", "+02:00"]))
def test_any_number_of_fraction_digits_is_read(digits: int, fraction: int, offset: str) -> None:
    """Visma writes 0 to 7 digits."""
    text = f"{fraction:07d}"[:digits]
    read = parse_stamp("2026-05-05T05:05:05" + (f".{text}" if digits else "") + offset, OSLO, LATER)
    assert read is not None
    assert read.microsecond == int(f"{text:0<6}"[:6])


@pytest.mark.parametrize("text", [None, "", "soon", 7, {}, "2026-13-01T00:00:00", "0001-01-01T00:00:00"])
def test_what_is_no_stamp_is_none(text: object) -> None:
    """.NET's first day, which stands for "never", included."""
    assert parse_stamp(text, OSLO, LATER) is None


@given(moments, st.integers(0, 54 * 60))
@example(AUTUMN - timedelta(minutes=30), 60)
@example(AUTUMN + timedelta(minutes=30), 60)
def test_what_is_read_soon_has_its_true_moment(moment: datetime, seconds: int) -> None:
    """failures.md 7: also in the hour that October repeats, when the row is read within most of an hour."""
    assert parse_stamp(stamp(moment), OSLO, moment + timedelta(seconds=seconds)) == moment


@given(moments, st.integers(0, 10**7))
def test_what_is_read_late_is_off_by_the_repeated_hour_at_most(moment: datetime, seconds: int) -> None:
    """failures.md 7: never more, and never into the future."""
    read_at = moment + timedelta(seconds=seconds)
    read = parse_stamp(stamp(moment), OSLO, read_at)
    assert read is not None
    assert abs(read - moment) in (timedelta(), timedelta(hours=1))
    assert read <= read_at + timedelta(minutes=5)
    if read != moment:
        assert AUTUMN.month == moment.month


@given(moments, st.integers(0, 4 * 3600 * 1000) | st.integers(0, 10**11))
@example(AUTUMN - timedelta(minutes=30), 40 * 60 * 1000)
def test_a_filter_lets_every_later_change_through(since: datetime, later: int) -> None:
    """failures.md 7: whatever changed at or after the bound has a wall clock that is not before the filter's."""
    change = since + timedelta(milliseconds=later)
    assert stamp(change) >= filter_value(since, OSLO)


@given(moments)
def test_a_filter_asks_at_most_an_hour_too_early(since: datetime) -> None:
    """The repeated hour costs an hour of rows that were read before, and no more."""
    wall = datetime.fromisoformat(filter_value(since, OSLO))
    local = since.astimezone(OSLO).replace(tzinfo=None)
    assert timedelta() <= local - wall < timedelta(hours=1, seconds=1)


@given(moments)
def test_a_filter_value_has_no_zone_and_no_fraction(since: datetime) -> None:
    """Visma reference, section 5: Z is refused, offsets are not in the list of formats."""
    assert len(filter_value(since, OSLO)) == len("2026-01-01T00:00:00")
