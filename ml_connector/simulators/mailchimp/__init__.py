"""The Mailchimp Marketing API 3.0, as its reference describes it; `app.py` lists the files."""

from ml_connector.simulators.mailchimp.app import create_app
from ml_connector.simulators.mailchimp.settings import MailchimpSettings

__all__ = ["MailchimpSettings", "create_app"]
