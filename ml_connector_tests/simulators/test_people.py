"""Made-up companies and persons."""

from __future__ import annotations

import pytest

from ml_connector.simulators.people import FAKE_DOMAINS, FORGOTTEN_DOMAIN, base36, company, person, slug

COMPANIES = [company(1, index) for index in range(3000)]


def test_the_same_again() -> None:
    """A seed and an index make one company, whatever was made before; other seeds and indices make others."""
    assert company(1, 2999) == COMPANIES[2999]
    assert person(1, 5) == person(1, 5) != person(1, 6)
    assert company(2, 5) != COMPANIES[5] != COMPANIES[6]


def test_no_two_have_one_address() -> None:
    """Domains and e-mails are unique, and none is one that a vendor refuses."""
    domains = {firm.domain for firm in COMPANIES}
    assert len(domains) == len({firm.email for firm in COMPANIES}) == len(COMPANIES)
    assert not domains & {*FAKE_DOMAINS, FORGOTTEN_DOMAIN}
    assert all(firm.email.isascii() and firm.email == firm.email.lower() for firm in COMPANIES)


def test_they_are_nordic() -> None:
    """All four countries, with their letters in names, streets and cities."""
    assert {firm.country.code for firm in COMPANIES} == {"NO", "SE", "DK", "FI"}
    text = "".join(firm.name + firm.address.line1 + firm.address.city + firm.person.name for firm in COMPANIES)
    assert set("æøåäöÆØÅÄÖéÁČ") <= set(text)


def test_numbers_fit_the_country() -> None:
    """Postal codes have the country's length, phones its prefix, VAT numbers its code."""
    for firm in COMPANIES[:300]:
        assert len(firm.address.postal_code) == firm.country.postal_digits
        assert firm.phone.startswith(firm.country.phone_prefix)
        assert firm.vat_id.startswith(firm.country.code)
        assert len(firm.corporate_id) == {"NO": 9, "SE": 10}.get(firm.country.code, 8)


def test_slugs() -> None:
    """Nordic letters become their ASCII neighbours."""
    assert slug("Ærø Håndverk") == "aero-handverk"
    assert slug("Čearru Désirée") == "cearru-desiree"


def test_base_36() -> None:
    """Digits and letters; negative numbers have none."""
    assert [base36(number) for number in (0, 35, 36, 400_000)] == ["0", "z", "10", "8kn4"]
    with pytest.raises(ValueError, match="-1"):
        base36(-1)
