"""Mailchimp, the Marketing API 3.0, as a target.

settings.py      the block in connections.yaml, and the credentials
fields.py        paths and templates: where a merge field's value comes from
mapping.py       a customer to a member, pure
flows.py         the flow `members`
consent.py       the guard: a status is sent only to take somebody off the list
exchange.py      the calls about one change, without I/O
batches.py       many calls handed over at once
earlier.py       batches of earlier runs that are still at work
writer.py        delivers: by calls, or by batches
client.py        the account and its calls
errors.py        what to do about which answer
merge_fields.py, check.py, setup.py      the audience's merge fields: needed, missing, created
account.py       an open connection
"""

from ml_connector.systems.mailchimp.account import connect
from ml_connector.systems.mailchimp.flows import flows
from ml_connector.systems.mailchimp.settings import Credentials, Settings
from ml_connector.systems.registry import TargetSystem

SYSTEM = TargetSystem(
    name="mailchimp", title="Mailchimp", settings=Settings, credentials=Credentials, flows=flows, connect=connect
)
