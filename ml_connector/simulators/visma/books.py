"""The invoices and the journal of one company, with their first rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ml_connector.simulators.visma.desk import Desk
from ml_connector.simulators.visma.invoice_cases import Buyers, make_invoices
from ml_connector.simulators.visma.invoice_rows import CREDIT_NOTE, INVOICE
from ml_connector.simulators.visma.journal import Journal
from ml_connector.simulators.visma.journal_cases import make_batches
from ml_connector.simulators.visma.sales import Sales
from ml_connector.simulators.visma.settings import VismaSettings


class Books:
    """Sales, and the journal that they post to.

    Args:
        first: the settings at the start; what they are by now does not matter for the first rows.
        customer: the customer of an index, as at the start.
        without_email: the index of a customer without e-mail.

    Attributes:
        awkward_invoices: case -> numbers; see `invoice_cases.py`.
        awkward_journals: case -> keys like `GL-000001`; see `journal_cases.py`.
    """

    def __init__(
        self,
        desk: Desk,
        first: VismaSettings,
        customer: Callable[[int], dict[str, Any]],
        without_email: int | None,
    ) -> None:
        self.journal = Journal(desk)
        self.sales = Sales(desk, self.journal)
        buyers = Buyers(customer, first.customers, without_email)
        self.awkward_invoices = make_invoices(self.sales, buyers, first, desk.base)
        self.awkward_journals = make_batches(self.journal, first, desk.base)

    def state(self, offset: int, count: int) -> dict[str, Any]:
        """Everything, for tests; rows in their order, batches with their lines."""
        return {
            "invoices": self.sales.tables[INVOICE].part(offset, count),
            "credit_notes": self.sales.tables[CREDIT_NOTE].part(offset, count),
            "journals": self.journal.table.part(offset, count),
            "awkward_invoices": self.awkward_invoices,
            "awkward_journals": self.awkward_journals,
        }
