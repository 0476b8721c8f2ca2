"""What `check` finds out about a company: token, tenant, company id, rights, quota, clock, time zone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta

from ml_connector.http import ApiClient, Stopped, stopping
from ml_connector.systems.registry import Finding
from ml_connector.systems.visma.listings import CUSTOMERS, LISTINGS, Listing, Shape
from ml_connector.systems.visma.reader import Reader, since_filter

AHEAD = timedelta(minutes=10)
"""A stamp so far in the future was written by no clock that is right: it is read in a wrong zone."""


def check(
    reader: Reader, company_id: str | None, clock: Callable[[], datetime], entities: Collection[str]
) -> Iterator[Finding]:
    """Asks for little: one call for each entity that is needed. When the first one is stopped, nothing else is asked.

    Args:
        entities: names of those that the company's flows need.
    """
    try:
        total, headers = _first_customer(reader)
    except Stopped as stopped:
        subject = _SUBJECTS.get(stopped.decision.kind, stopped.decision.kind)
        yield Finding(subject, False, stopped.what, stopped.meaning, stopped.action, refused=True)
        return
    yield Finding("credentials", True, "A token was given, and the API accepts it.")
    yield Finding("company id", True, f"{company_id} is sent with every call." if company_id else "None is set.")
    yield Finding("rights", True, f"Customers may be read; there are {total:,}.")
    for listing in (one for name, one in LISTINGS.items() if name in entities and one is not CUSTOMERS):
        try:
            _read_little(reader, listing, clock())
            yield Finding("rights", True, f"{listing.entity.title} may be read.")
        except Stopped as stopped:
            what = f"{listing.entity.title} cannot be read. {stopped.what}"
            yield Finding("rights", False, what, stopped.meaning, stopped.action)
    yield _quota(headers, needed=total // reader.page_size + 3)
    yield _clock(reader.client)
    try:
        yield _zone(reader, clock())
    except Stopped as stopped:
        yield _not_ok("time zone", stopped)


_SUBJECTS = {"outage": "connection", "malformed answer": "connection", "configuration": "connection"}


def _not_ok(subject: str, stopped: Stopped) -> Finding:
    return Finding(subject, False, stopped.what, stopped.meaning, stopped.action)


def _first_customer(reader: Reader) -> tuple[int, Mapping[str, str]]:
    """How many customers there are. One row proves token, tenant, company and the right to read."""
    parse = reader.unpacker(CUSTOMERS).array_page
    with stopping(reader.client.name, "reading the first customer"):
        answer = reader.client.request("GET", CUSTOMERS.path, params={"pageNumber": 1, "pageSize": 1}, parse=parse)
    return (answer.data and answer.data.total) or 0, answer.headers


def _read_little(reader: Reader, listing: Listing, now: datetime) -> None:
    """One row, or what cannot be had in pages; it shows whether the token may read it. Raises Stopped."""
    if listing.shape is Shape.WHOLE:
        for _ in reader.read(listing.entity.name, now):
            pass
        return
    with stopping(reader.client.name, f"reading {listing.entity.title.lower()}"):
        since = since_filter(listing, now, reader.zone)  # journals are not given out without one
        params = {**listing.params, **since, "pageNumber": 1, "pageSize": 1}
        reader.client.request("GET", listing.path, params=params, parse=None)


def _quota(headers: Mapping[str, str], needed: int) -> Finding:
    """Whether the rest of the window (Visma reference, section 9) is enough for a full read."""
    names = ("x-ratelimit-remaining", "x-ratelimit-limit", "x-ratelimit-reset")
    left, limit, seconds = (headers.get(name, "") for name in names)
    if not (left.isdecimal() and seconds.isdecimal()):
        return Finding("quota", True, "Visma.net does not tell how many calls are left.")
    what = f"{left} of {limit or '?'} calls are left for the next {int(seconds) // 60 + 1} minutes."
    if int(left) >= needed:
        return Finding("quota", True, what)
    return Finding(
        "quota",
        False,
        what,
        f"A full read needs about {needed}; a run that finds none left stops, and what was not attempted stays due.",
        "Wait until the window opens again. If it happens often, poll less often or ask Visma for a larger quota.",
    )


def _clock(client: ApiClient) -> Finding:
    drift = client.drift.drift
    if drift is None:
        return Finding("clock", True, "Visma.net does not tell its time.")
    return Finding("clock", True, f"This machine's clock and Visma.net's are {abs(drift.total_seconds()):.0f} s apart.")


def _zone(reader: Reader, now: datetime) -> Finding:
    """Looks for stamps in the future; the zone of zone-less ones is documented nowhere (section 5)."""
    ahead = now + AHEAD
    future = [row for page in reader.read(CUSTOMERS.entity.name, ahead) for row in page.rows if row.changed_at >= ahead]
    if not future:
        what = f"Times without a zone are read as {reader.zone.key}; no customer was changed in the future."
        return Finding("time zone", True, what)
    return Finding(
        "time zone",
        False,
        f"Customer {future[0].key} seems to have changed at {future[0].changed_at:%Y-%m-%d %H:%M} UTC, in the future.",
        f"Visma.net's times without a zone are not those of {reader.zone.key}; windows are labelled wrongly. "
        "Nothing is lost as long as it is less than two hours.",
        "Set timezone under visma: to the zone of the company's times, as its users see them.",
    )
