"""A stand-in for Visma.net ERP: one company with customers, person contacts, customer classes and credit terms."""

from ml_connector.simulators.visma.app import create_app
from ml_connector.simulators.visma.settings import VismaSettings

__all__ = ["VismaSettings", "create_app"]
