"""Seeded Nordic companies, persons and addresses.

Everything is a pure function of (seed, index): any row of a large set can be made again without keeping the others.
E-mail domains carry the index in base 36, so no two companies share one, and none belongs to a domain that a vendor
would call fake (`example.com`).
"""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

FORGOTTEN_DOMAIN = "glemt.no"
"""Addresses at this domain were deleted for good at Mailchimp earlier."""
FAKE_DOMAINS = ("looks-fake.no", "example.com")
"""Addresses at these domains look fake to Mailchimp."""
BUSY_DOMAIN = "mange-lister.no"
"""Addresses at this domain have signed up to many lists lately, and Mailchimp refuses them for now."""


@dataclass(frozen=True, slots=True)
class Country:
    """A country's names and numbers, and the words that its rows are made of."""

    code: str
    name: str
    currency: str
    phone_prefix: str
    postal_digits: int
    cities: tuple[str, ...]
    streets: tuple[str, ...]
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    suffix: str


@dataclass(frozen=True, slots=True)
class Person:
    first_name: str
    last_name: str
    phone: str

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True, slots=True)
class Address:
    line1: str
    line2: str
    postal_code: str
    city: str
    country: Country


@dataclass(frozen=True, slots=True)
class Company:
    name: str
    domain: str
    email: str
    phone: str
    corporate_id: str
    vat_id: str
    country: Country
    address: Address
    person: Person


NORWAY = Country(
    "NO",
    "Norge",
    "NOK",
    "+47",
    4,
    ("Oslo", "Bergen", "Tromsø", "Ålesund", "Bodø", "Trondheim", "Lillestrøm", "Mo i Rana", "Værøy", "Å i Lofoten"),
    ("Storgata", "Kirkegata", "Øvre Slottsgate", "Sjøgata", "Åsveien", "Bjørkelunden", "Fjæreveien", "Nordre Gate"),
    ("Kari", "Ola", "Åse", "Øyvind", "Bjørn", "Solveig", "Håkon", "Ingrid", "Áilu", "Sæbjørg", "Torbjørn", "Gro"),
    ("Nordmann", "Ødegård", "Bø", "Sørensen", "Åsheim", "Kjærstad", "Hansen", "Grønvold", "Čearru", "Bjørkåsen"),
    "AS",
)
SWEDEN = Country(
    "SE",
    "Sverige",
    "SEK",
    "+46",
    5,
    ("Stockholm", "Göteborg", "Malmö", "Örebro", "Västerås", "Åre", "Umeå", "Jönköping"),
    ("Drottninggatan", "Kungsgatan", "Östra Hamngatan", "Åkervägen", "Björkstigen", "Ängsvägen"),
    ("Åke", "Märta", "Björn", "Örjan", "Linnéa", "Göran", "Elsa", "Sven", "Désirée"),
    ("Sjöberg", "Lindström", "Åkesson", "Öberg", "Bäckström", "Hägglund", "Svensson"),
    "AB",
)
DENMARK = Country(
    "DK",
    "Danmark",
    "DKK",
    "+45",
    4,
    ("København", "Aarhus", "Odense", "Helsingør", "Sønderborg", "Næstved", "Ålborg", "Køge"),
    ("Nørregade", "Vestergade", "Ågade", "Strandvejen", "Bøgevej", "Kærvej"),
    ("Søren", "Jørgen", "Mette", "Bjarne", "Åge", "Kirsten", "Lærke", "Bjørk"),
    ("Jørgensen", "Sørensen", "Kjær", "Ørsted", "Nielsen", "Ågård", "Møller"),
    "ApS",
)
FINLAND = Country(
    "FI",
    "Suomi",
    "EUR",
    "+358",
    5,
    ("Helsinki", "Jyväskylä", "Hämeenlinna", "Seinäjoki", "Åbo", "Närpiö", "Vöyri", "Mäntsälä"),
    ("Mäkelänkatu", "Hämeentie", "Pitkäsilta", "Käenpolku", "Östra Strandgatan", "Yliopistonkatu"),
    ("Päivi", "Väinö", "Äijö", "Yrjö", "Seija", "Jyrki", "Tuulikki", "Åsa"),
    ("Mäkinen", "Hämäläinen", "Järvinen", "Kääriäinen", "Häkkinen", "Öhman", "Lönnrot"),
    "Oy",
)
COUNTRIES = (NORWAY, SWEDEN, DENMARK, FINLAND)
_SHARES = (60, 80, 92, 100)  # Norwegian customers are the rule

_FIRST_WORDS = (
    "Nordlys", "Fjell", "Brønnøy", "Ålesund", "Viking", "Sør", "Østlandets", "Polar", "Småland", "Jämtland", "Sjælland",
    "Ærø", "Åland", "Saimaa", "Kråke", "Havgård", "Tømmer", "Solberg", "Bjørk", "Grønn",
)  # fmt: skip
_SECOND_WORDS = (
    "Bygg", "Rør", "Elektro", "Sjømat", "Regnskap", "Møbler", "Transport", "Eiendom", "Håndverk", "Bokhandel",
    "Bilpleie", "Gård", "Mekaniske", "Konsult", "Trævare", "Städ", "Kåpor", "Leipomo", "Möbel", "Frisør",
)  # fmt: skip
_ASCII = str.maketrans(
    {"æ": "ae", "ø": "o", "å": "a", "ä": "a", "ö": "o", "é": "e", "á": "a", "č": "c", " ": "-", "š": "s", "ü": "u"}
)
_DIGITS36 = "0123456789abcdefghijklmnopqrstuvwxyz"


def company(seed: int, index: int) -> Company:
    """The company of this seed and index."""
    return company_from(generator(seed, index), index)


def generator(seed: int, index: int) -> random.Random:
    """The random numbers of this seed and index."""
    return random.Random(seed * 1_000_003 + index)


def company_from(rng: random.Random, index: int) -> Company:
    """As `company`, for a caller that draws more from the same numbers afterwards."""
    draw = rng.random
    share = int(draw() * 100)
    country = COUNTRIES[next(place for place, limit in enumerate(_SHARES) if share < limit)]
    first, second = _pick(draw(), _FIRST_WORDS), _pick(draw(), _SECOND_WORDS)
    domain = f"{slug(first)}-{slug(second)}-{base36(index)}.{country.code.lower()}"
    person = _person(rng, country)
    corporate_id = _corporate_id(draw(), country)
    local = f"{slug(person.first_name)}.{slug(person.last_name)}" if draw() < 0.5 else "post"
    return Company(
        name=f"{first} {second} {country.suffix}",
        domain=domain,
        email=f"{local}@{domain}",
        phone=_phone(rng, country),
        corporate_id=corporate_id,
        vat_id=f"{country.code}{corporate_id}" + ("MVA" if country is NORWAY else ""),
        country=country,
        address=_address(rng, country),
        person=person,
    )


def _corporate_id(share: float, country: Country) -> str:
    """With the check digit of its country: Norway's 9 digits, Sweden's 10, Denmark's and Finland's 8."""
    if country is SWEDEN:
        number = f"{550_000_000 + int(share * 49_999_999)}"
        doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(number)]
        return f"{number}{-sum(one // 10 + one % 10 for one in doubled) % 10}"
    weights, first, span = {
        "NO": ((3, 2, 7, 6, 5, 4, 3, 2), 90_000_000, 9_999_990),
        "DK": ((2, 7, 6, 5, 4, 3, 2), 1_000_000, 8_999_990),
        "FI": ((7, 9, 10, 5, 8, 4, 2), 1_000_000, 8_999_990),
    }[country.code]
    whole = first + int(share * span)
    while (check := -_weighed(whole, weights) % 11) == 10:  # such a number is never given
        whole += 1
    return f"{whole}{check}"


def _weighed(number: int, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(str(number), weights, strict=True))


def person(seed: int, index: int) -> Person:
    """A person of this seed and index; not the one of the company with the same index."""
    rng = random.Random(~(seed * 1_000_003 + index))
    return _person(rng, _pick(rng.random(), COUNTRIES))


@functools.lru_cache(maxsize=1024)
def slug(text: str) -> str:
    """The text as it stands in a host name or a local part: ASCII, lower case."""
    return text.lower().translate(_ASCII).replace("-i-", "-").encode("ascii", "ignore").decode()


def base36(number: int) -> str:
    """The number's digits, 0 to z; ValueError for a negative one."""
    if number < 0:
        raise ValueError(f"{number} is negative")
    digits = ""
    while True:
        number, rest = divmod(number, 36)
        digits = _DIGITS36[rest] + digits
        if not number:
            return digits


def _pick(share: float, choices: tuple[T, ...]) -> T:
    return choices[int(share * len(choices))]


def _phone(rng: random.Random, country: Country) -> str:
    return f"{country.phone_prefix} {20_000_000 + int(rng.random() * 79_999_999)}"


def _person(rng: random.Random, country: Country) -> Person:
    draw = rng.random
    return Person(_pick(draw(), country.first_names), _pick(draw(), country.last_names), _phone(rng, country))


def _address(rng: random.Random, country: Country) -> Address:
    draw = rng.random
    low = 10 ** (country.postal_digits - 1)
    return Address(
        line1=f"{_pick(draw(), country.streets)} {1 + int(draw() * 199)}",
        line2=f"Postboks {1 + int(draw() * 999)}" if draw() < 0.2 else "",
        postal_code=str(low + int(draw() * 9 * low)),
        city=_pick(draw(), country.cities),
        country=country,
    )
