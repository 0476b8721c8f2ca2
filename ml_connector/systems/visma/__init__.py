"""Visma.net ERP (Visma Net Financials), as the source, and as the target of what other systems give back.

settings.py   the block in connections.yaml, and the credentials
client.py     a connection to one company
errors.py     what to do about which answer
times.py      stamps and filter values, with and without a zone
listings.py   the entities that can be read, and where they are;  reader.py  reads them
lists.py      the three shapes of lists;  stream.py  an array taken apart while it arrives
journals.py   the fourth: pages that cut batches;  rows.py  rows as the engine takes them
models/       what a row holds, for mappings;  paths.py, templates.py  paths and templates of paths into it
writer.py     wrapped values, ETag and If-Match
journal_writer.py  creates transactions, each once;  ledger.py, periods.py  what stands in the books, and which are open
books.py      the books as flows of other systems write to them
check.py      what `ml-connector check` asks
account.py    an open connection
"""

from ml_connector.systems.registry import SourceSystem
from ml_connector.systems.visma.account import connect
from ml_connector.systems.visma.listings import LISTINGS
from ml_connector.systems.visma.settings import VismaCredentials, VismaSettings

SYSTEM = SourceSystem(
    name="visma",
    title="Visma.net",
    settings=VismaSettings,
    credentials=VismaCredentials,
    entities=[listing.entity for listing in LISTINGS.values()],
    connect=connect,
)
