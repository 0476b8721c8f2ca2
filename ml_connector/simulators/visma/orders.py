"""What control calls say, as orders of invoices and bookings of batches.

An invoice: `customer` (number), `lines` of `{"price", "quantity", "vat", "description", "discount", "subaccount"}`; and
where they differ from the customer's and today's: `currency`, `rate`, `day`, `discount`, `branch`, `text`; `hold` or
`"release": false` leaves it unreleased. A batch: `lines` of `{"account", "debit" or "credit", "text", "subaccount",
"reference"}`, and `description`, `module`, `day`, `status`, `currency`, `rate`; debit equals credit unless `status` is
Hold. Amounts are numbers or texts, in the document's currency.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from ml_connector.simulators.control import ControlError
from ml_connector.simulators.visma.amounts import Amount, SaleLine, added, decimal
from ml_connector.simulators.visma.chart import ACCOUNT_NUMBERS, ACTIVE_SUBACCOUNTS
from ml_connector.simulators.visma.journal_rows import MODULES, Entry
from ml_connector.simulators.visma.sales import Order
from ml_connector.simulators.visma.store import Store
from ml_connector.simulators.visma.vat import RATES, VAT

Members = dict[str, Any]
STATUSES = ("Hold", "Balanced", "Unposted", "Posted")


def order_of(store: Store, body: Members) -> Order:
    """What an invoice is to be made of; ControlError for what makes no sense."""
    customer = store.customer(str(body.get("customer", "")))
    currency, rate = _currency({"currency": customer["currencyId"], **body})
    return Order(
        customer,
        [_sale_line(line) for line in _lines(body)],
        currency,
        rate,
        day_of(store, body),
        number_of(body.get("discount", 0)),
        str(body.get("branch", "1")),
        bool(body.get("hold", False)),
        str(body.get("text", "")),
    )


def booking_of(body: Members, today: date) -> dict[str, Any]:
    """What a batch is to be made of, as `Journal.post` takes it; ControlError for what makes no sense."""
    module, status = body.get("module", "GL"), body.get("status", "Posted")
    if module not in MODULES or status not in STATUSES:
        raise ControlError(f"module is one of {', '.join(MODULES)}, status one of {', '.join(STATUSES)}")
    currency, rate = _currency(body)
    entries = [_entry(line, rate) for line in _lines(body)]
    if status != "Hold" and added(entry.amount for entry in entries).doc:
        raise ControlError("debit and credit differ; only a batch on Hold may be like that")
    return {
        "module": module,
        "entries": entries,
        "day": _date(body, today),
        "description": str(body.get("description", "Bilag")),
        "currency": currency,
        "rate": rate,
        "status": status,
    }


def _sale_line(line: Members) -> SaleLine:
    vat = str(line.get("vat", "3"))
    if vat not in VAT:
        raise ControlError(f"vat is one of {', '.join(VAT)}")
    return SaleLine(
        str(line.get("description", "Varer")),
        number_of(line.get("quantity", 1)),
        number_of(line.get("price", 100)),
        vat,
        _subaccount(line, ACTIVE_SUBACCOUNTS[0]),
        number_of(line.get("discount", 0)),
    )


def _entry(line: Members, rate: Decimal) -> Entry:
    if ("debit" in line) is ("credit" in line):
        raise ControlError("a line has a debit or a credit")
    if line.get("account") not in ACCOUNT_NUMBERS:
        raise ControlError(f"there is no account {line.get('account')!r}")
    side = "debit" if "debit" in line else "credit"
    amount = Amount.of(number_of(line[side]), rate)
    return Entry(
        line["account"],
        amount if side == "debit" else -amount,
        str(line.get("text", "")),
        str(line.get("reference", "")),
        _subaccount(line, "00-0000"),
        storno=amount.doc < 0,
    )


def _subaccount(line: Members, default: str) -> str:
    wanted = str(line.get("subaccount", default))
    if wanted not in ACTIVE_SUBACCOUNTS:
        raise ControlError(f"subaccount is one of {', '.join(ACTIVE_SUBACCOUNTS)}")
    return wanted


def _lines(body: Members) -> list[Members]:
    lines = body.get("lines")
    if not isinstance(lines, list) or not lines or not all(isinstance(line, dict) for line in lines):
        raise ControlError("lines is a list of objects, one at least")
    return lines


def _currency(body: Members) -> tuple[str, Decimal]:
    currency = str(body.get("currency", "NOK"))
    if currency not in RATES:
        raise ControlError(f"currency is one of {', '.join(RATES)}")
    return currency, number_of(body.get("rate", RATES[currency]))


def day_of(store: Store, body: Members) -> date:
    """The day that a control call names, or the server's own today."""
    return _date(body, store.settings.now().astimezone(store.zone).date())


def _date(body: Members, today: date) -> date:
    try:
        return date.fromisoformat(body["day"]) if "day" in body else today
    except (TypeError, ValueError) as error:
        raise ControlError(f"day {body['day']!r} is no date") from error


def number_of(value: object) -> Decimal:
    """A JSON number or text, exact; ControlError when it is none."""
    try:
        return decimal(value)
    except InvalidOperation as error:
        raise ControlError(f"{value!r} is no number") from error
