"""HubSpot, the CRM API, as a target.

settings.py      the block in connections.yaml, and the credentials; *_settings.py for documents
fields.py        paths and templates: where a property's value comes from
parties.py       Visma's rows: a customer or supplier with its class and contact person, pure
mapping.py       from these to a company, a contact, and the link between them, pure
flows.py         the flows `companies`, `suppliers`, `contacts`, `contact_companies`
merging.py       what is written to a record that is there already, pure
matching.py      finds companies that people made
batches.py       a hundred inputs a call, and what became of each
group.py         a hundred changes, from what is wished to what became of each
in_groups.py     how writers work: in groups, some at the same time
answered.py      and with nothing left to be fetched later
writer.py        delivers companies and contacts
associations.py  delivers links
invoices.py, invoice_lines.py, payments.py        from an invoice to an invoice, its lines and payments, pure
invoice_writer.py, invoice_group.py, children.py  delivers them: the invoice, what hangs on it, what it belongs to
deals.py, pairs.py                                finds deals; links by batch
transactions.py                                   from a batch of the general ledger to a transaction, pure
transaction_store.py, transaction_writer.py       a custom object or the invoices, and delivers there
document_flows.py                                 the flows `invoices`, `credit_notes`, `transactions`
client.py        the account and its calls
routes.py        where things are, in both families of routes
pace.py          how fast: the rate headers, and the limit of searches
errors.py        what to do about which answer
properties.py, check.py, setup.py, scopes.py      properties and scopes: needed, missing, created
account.py       an open connection
"""

from ml_connector.systems.hubspot.account import connect
from ml_connector.systems.hubspot.flows import flows
from ml_connector.systems.hubspot.settings import Credentials, Settings
from ml_connector.systems.registry import TargetSystem

SYSTEM = TargetSystem(
    name="hubspot", title="HubSpot", settings=Settings, credentials=Credentials, flows=flows, connect=connect
)
