"""The HubSpot CRM API, as its reference describes it; `app.py` lists the files."""

from ml_connector.simulators.hubspot.app import create_app
from ml_connector.simulators.hubspot.settings import HubspotSettings

__all__ = ["HubspotSettings", "create_app"]
