"""Chargebee, the API v2, as a target of customers and invoices, and as a source of events that end in Visma.

settings.py, flow_settings.py, event_settings.py      the block in connections.yaml, and the credentials
client.py, forms.py, pace.py, errors.py, events.py    calls, their encoding and pace; what to do about which answer
account.py, check.py                                  open connections

out    outward.py         the flows `customers`, `invoices`, `credit_notes`
       fields.py, customers.py, customer_writer.py    a customer, pure; and its delivery
       invoices.py, invoice_writer.py, credit_note_writer.py, money.py, results.py

back   inward.py          entities, what is derived of events, and the flows `journals`, `recognitions`, `subscriptions`
       webhooks.py        whose calls are webhooks
       derivation.py, documents.py, schedule.py       from events to documents and their months, pure
       journals.py, recognition.py                    from these to transactions of Visma's general ledger, pure
       visma_invoices.py                              or to its customer invoices and credit notes, pure
"""

from ml_connector.systems.chargebee.account import connect, read, write
from ml_connector.systems.chargebee.inward import derivations, entities
from ml_connector.systems.chargebee.inward import flows as flows_back
from ml_connector.systems.chargebee.outward import flows
from ml_connector.systems.chargebee.settings import Credentials, Settings
from ml_connector.systems.chargebee.webhooks import Webhooks
from ml_connector.systems.registry import Inward, TargetSystem

SYSTEM = TargetSystem(
    name="chargebee",
    title="Chargebee",
    settings=Settings,
    credentials=Credentials,
    flows=flows,
    connect=connect,
    inward=Inward(
        entities=entities,
        derivations=derivations,
        poll=lambda settings: settings.poll,
        read=read,
        flows=flows_back,
        write=write,
        webhook=Webhooks(),
        deferred=lambda settings: settings.events.deferred_accounts if settings.events else (),
    ),
)
