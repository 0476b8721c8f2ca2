"""How we talk to any API.

client.py    calls one account: paced, authorised, repeated where that is safe, counted
answer.py    what a call came back with
errors.py    what else it can end with, by what the caller does about it
actions.py   the table that decides, as data
oauth.py     tokens
pace.py      connections, and one brake for all threads
clock.py     stops when a clock is far off
pool.py      several calls at once over a lazy iterable
"""

from ml_connector.http.actions import Action, Decision, ErrorTable, Explanation, Rule, Shape, explain_problem
from ml_connector.http.answer import Answer, to_json
from ml_connector.http.attempts import Retries
from ml_connector.http.client import ApiClient
from ml_connector.http.errors import (
    BatchRefused,
    CallProblem,
    RecordFailed,
    RecordRefused,
    Stopped,
    TornAnswer,
    Uncertain,
    stop,
    stopping,
)
from ml_connector.http.oauth import Bearer, ClientCredentials
from ml_connector.http.pace import Pace
from ml_connector.http.pool import concurrently

__all__ = [
    "Action",
    "Answer",
    "ApiClient",
    "BatchRefused",
    "Bearer",
    "CallProblem",
    "ClientCredentials",
    "Decision",
    "ErrorTable",
    "Explanation",
    "Pace",
    "RecordFailed",
    "RecordRefused",
    "Retries",
    "Rule",
    "Shape",
    "Stopped",
    "TornAnswer",
    "Uncertain",
    "concurrently",
    "explain_problem",
    "stop",
    "stopping",
    "to_json",
]
