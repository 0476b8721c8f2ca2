"""A stand-in for Visma.net ERP: one company with customers, suppliers, person contacts, customer invoices, credit
notes, a journal and the master data that these refer to."""

from ml_connector.simulators.visma.app import create_app
from ml_connector.simulators.visma.settings import VismaSettings

__all__ = ["VismaSettings", "create_app"]
