"""E-mail addresses: the subscriber hash, and which ones are refused (Mailchimp reference, sections 4 and 6)."""

from __future__ import annotations

import hashlib
import re

from ml_connector.simulators.mailchimp.errors import forgotten, invalid, refused_address
from ml_connector.simulators.people import BUSY_DOMAIN, FAKE_DOMAINS, FORGOTTEN_DOMAIN

FAKE = frozenset({*FAKE_DOMAINS, "example.net", "example.org"})
FAKE_LOCAL_PARTS = frozenset(
    {"test", "abuse", "noreply", "no-reply", "donotreply", "do-not-reply", "postmaster", "mailer-daemon", "spam"}
)

_HASH = re.compile(r"[0-9a-f]{32}")
_ADDRESS = re.compile(
    r"""
    [^\s@<>()\[\],;:"\\.]+ (?: \. [^\s@<>()\[\],;:"\\.]+ )*        # local part: no blank, no empty piece between dots
    @
    (?: [^\W_] (?: [\w-]* [^\W_] )? \. )+  [^\W\d_]{2,}            # labels, and a top level of letters
    """,
    re.VERBOSE,
)


def subscriber_hash(email: str) -> str:
    """MD5 of the lower-cased address, in hexadecimal."""
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()


def hash_of_path(segment: str) -> str:
    """The hash that a path names: itself, or the plain address's."""
    lowered = segment.lower()
    return lowered if _HASH.fullmatch(lowered) else subscriber_hash(segment)


def check_address(email: str) -> None:
    """Refuse a malformed, fake, busy or forgotten address, each in Mailchimp's way."""
    if len(email) > 254 or not _ADDRESS.fullmatch(email):
        raise invalid(("email_address", "This value should be a valid email."))
    local, _, domain = email.lower().rpartition("@")
    if domain in FAKE or local in FAKE_LOCAL_PARTS:
        raise refused_address(f"{email} looks fake or invalid, please enter a real email address.")
    if domain == BUSY_DOMAIN:
        raise refused_address(
            f"{email} has signed up to a lot of lists very recently; we're not allowing more signups for now"
        )
    if domain == FORGOTTEN_DOMAIN:
        raise forgotten(email)
