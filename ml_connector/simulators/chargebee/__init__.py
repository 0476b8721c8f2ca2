"""The Chargebee API v2 and its webhooks, as the reference describes them; `app.py` lists the files."""

from ml_connector.simulators.chargebee.app import create_app
from ml_connector.simulators.chargebee.settings import ChargebeeSettings

__all__ = ["ChargebeeSettings", "create_app"]
