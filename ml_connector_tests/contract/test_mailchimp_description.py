"""The Mailchimp simulator against the vendor's OpenAPI description 3.0.85, and what is newer than it.

The descriptions lie beside this project, not in it; without them these tests are skipped.
"""

from __future__ import annotations

import copy
import functools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_core import Config, OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse

from ml_connector.simulators.mailchimp.addresses import subscriber_hash
from ml_connector_tests.simulators.mailchimp_support import ADDRESS, KARI, OLA, Mailchimp

pytest_plugins = "ml_connector_tests.simulators.mailchimp_fixtures"

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "specs" / "mailchimp"
DESCRIPTION = FOLDER / "mailchimp-marketing-3.0.85.trimmed.openapi.json"
NEWER = FOLDER / "mailchimp-marketing-2026.member-requests.delta.json"

pytestmark = pytest.mark.skipif(
    not (DESCRIPTION.exists() and NEWER.exists()),
    reason="the vendor's descriptions are not beside this project (../shared/specs/mailchimp)",
)

UNSET_OR_TIME = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "enum": [""]}]}


def adapted(description: dict[str, Any], url: str) -> dict[str, Any]:
    """The description, for this server, with its known oddities set right and with unknown keys forbidden.

    - A merge value is described as an object only; real ones, and the newer description's, are texts and numbers too.
    - An unset time is `""` (reference, section 2), which is no date-time.
    - PUT demands `status_if_new`, which the newer description does not.
    - A 204 has an empty `content`, which says that there is a body of no known type; there is none.
    - A problem document has `errors` when fields are at fault (reference, section 4).
    """
    spec = copy.deepcopy(description)
    spec["servers"] = [{"url": f"{url}/3.0"}]
    schemas = spec["components"]["schemas"]
    schemas["AddListMembers2"]["required"] = ["email_address"]
    schemas["AddListMembers2"]["properties"]["tags"] = {"type": "array", "items": {"type": "string"}}
    schemas["ProblemDetailDocument"]["properties"]["errors"] = {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["field", "message"],
            "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
        },
    }
    operations = [found for path in spec["paths"].values() for found in path.values() if "responses" in found]
    for answer in [answer for operation in operations for answer in operation["responses"].values()]:
        if not answer["content"]:
            del answer["content"]
    for schema in schemas.values():
        for name, prop in schema.get("properties", {}).items():
            if name == "merge_fields" and prop.get("type") == "object":
                prop["additionalProperties"] = {}
            if prop.get("format") == "date-time":
                schema["properties"][name] = UNSET_OR_TIME
        if schema.get("properties"):
            schema.setdefault("additionalProperties", False)
    return spec


class Judge:
    """Sends calls and has request and answer judged by the description."""

    def __init__(self, mailchimp: Mailchimp, openapi: OpenAPI) -> None:
        self.mailchimp = mailchimp
        self.openapi = openapi
        self.session = requests.Session()
        self.session.auth = ("anyone", mailchimp.settings.api_key)

    def call(self, method: str, path: str, body: Any = None, expect: int = 200, **params: Any) -> Any:
        """The body of the answer, which must have this status and fit the description, as the request must."""
        url = f"{self.mailchimp.url}/3.0{path}"
        request = requests.Request(method, url, json=body, params=params)
        answer = self.session.send(self.session.prepare_request(request))
        assert answer.status_code == expect, answer.text
        described = RequestsOpenAPIRequest(self.session.prepare_request(request))
        if expect < 400:
            self.openapi.validate_request(described)
        self.openapi.validate_response(described, RequestsOpenAPIResponse(answer))
        assert bool(answer.content) == (expect != 204)
        return answer.json() if answer.content else None


@pytest.fixture(scope="module")
def openapi(mailchimp_server: Mailchimp) -> OpenAPI:
    """The description; reading it takes a second."""
    description = adapted(json.loads(DESCRIPTION.read_text()), mailchimp_server.url)
    readers: dict[str, Any] = {"application/problem+json": lambda content, **_parameters: json.loads(content)}
    return OpenAPI.from_dict(description, config=Config(extra_media_type_deserializers=readers))


@pytest.fixture
def judge(mailchimp: Mailchimp, openapi: OpenAPI) -> Iterator[Judge]:
    judge = Judge(mailchimp, openapi)
    with judge.session:
        yield judge


LIST = "/lists/a1b2c3d4e5"
KARIS = f"{LIST}/members/{subscriber_hash(KARI)}"


def test_account_and_lists_fit(judge: Judge) -> None:
    """Ping, root, lists, one list."""
    judge.call("GET", "/ping")
    judge.call("GET", "/")
    judge.call("GET", "/lists")
    judge.call("GET", LIST, include_total_contacts="true")
    judge.call("GET", "/lists/0000000000", expect=404)


@pytest.mark.parametrize(
    ("kind", "options"),
    [(kind, {}) for kind in ("text", "number", "address", "phone", "date", "url", "imageurl", "birthday", "zip")]
    + [(kind, {"choices": ["B2B", "B2C"]}) for kind in ("radio", "dropdown")],
)
def test_merge_fields_fit(judge: Judge, kind: str, options: dict[str, Any]) -> None:
    """Every type, by every verb."""
    body = {"name": "Field", "type": kind, "tag": "FIELD", "options": options}
    created = judge.call("POST", f"{LIST}/merge-fields", body)
    own = f"{LIST}/merge-fields/{created['merge_id']}"
    judge.call("GET", f"{LIST}/merge-fields", count=100)
    judge.call("GET", own)
    judge.call("PATCH", own, {"name": "Felt", "required": True})
    judge.call("DELETE", own, expect=204)
    judge.call("DELETE", own, expect=404)
    judge.call("POST", f"{LIST}/merge-fields", {"name": "Field", "type": kind, "tag": "FNAME"}, expect=400)


def test_members_fit(judge: Judge) -> None:
    """A member in full dress, by every verb."""
    whole = {
        "email_address": KARI,
        "status_if_new": "subscribed",
        "email_type": "text",
        "merge_fields": {"FNAME": "Kåre", "ADDRESS": ADDRESS},
        "language": "no",
        "vip": True,
        "location": {"latitude": 69.65, "longitude": 18.96},
        "ip_opt": "192.0.2.1",
        "timestamp_opt": "2026-11-01T08:00:00+00:00",
        "tags": ["B2B"],
    }
    judge.call("PUT", KARIS, whole)
    judge.call("PUT", KARIS, {"email_address": KARI, "status_if_new": "subscribed"}, skip_merge_validation="true")
    judge.call("GET", KARIS)
    judge.call("GET", f"{LIST}/members", count=1000, status="subscribed", since_last_changed="2026-01-01T00:00:00Z")
    judge.call("GET", f"{LIST}/members", count=1001, expect=400)
    judge.call("PATCH", KARIS, {"status": "unsubscribed"})
    judge.call("POST", f"{LIST}/members", {"email_address": OLA, "status": "pending"})
    judge.call("POST", f"{LIST}/members", {"email_address": OLA, "status": "pending"}, expect=400)
    judge.call("DELETE", KARIS, expect=204)
    judge.call("GET", KARIS)
    judge.call("POST", f"{KARIS}/actions/delete-permanent", expect=204)
    judge.call("GET", KARIS, expect=404)


def test_tags_fit(judge: Judge) -> None:
    """Given and read."""
    judge.call("PUT", KARIS, {"email_address": KARI, "status_if_new": "subscribed"})
    judge.call("POST", f"{KARIS}/tags", {"tags": [{"name": "B2B", "status": "active"}]}, expect=204)
    judge.call("GET", f"{KARIS}/tags")


def test_batch_subscribe_fits(judge: Judge) -> None:
    """New ones, updated ones, and errors of both codes."""
    members = [
        {"email_address": KARI, "status": "subscribed"},
        {"email_address": "kari@example.com", "status": "subscribed"},
        {"email_address": OLA, "status": "subscribed", "merge_fields": {"ADDRESS": {"addr1": "Storgata 1"}}},
    ]
    first = judge.call("POST", LIST, {"members": members})
    second = judge.call("POST", LIST, {"members": members})
    third = judge.call("POST", LIST, {"members": members, "update_existing": True})
    counts = [(body["total_created"], body["total_updated"], body["error_count"]) for body in (first, second, third)]
    assert counts == [(1, 0, 2), (0, 0, 3), (0, 1, 2)]


def test_batches_fit(judge: Judge) -> None:
    """From the empty beginning to the end."""
    operation = {"method": "GET", "path": KARIS, "operation_id": "1", "params": {"count": 1}}
    batch = judge.call("POST", "/batches", {"operations": [operation]})
    own = f"/batches/{batch['id']}"
    while judge.call("GET", own)["status"] != "finished":
        time.sleep(0.05)
    judge.call("GET", "/batches")
    judge.call("DELETE", own, expect=204)
    judge.call("GET", own, expect=404)
    judge.call("POST", "/batches", {"operations": {}}, expect=400)


def test_refused_credentials_fit(judge: Judge) -> None:
    """401 is a problem document like the others."""
    judge.session.auth = ("anyone", "wrong")
    judge.call("GET", "/ping", expect=401)


SAMPLES: dict[str, list[Any]] = {
    "email_type": ["html", 1],
    "interests": [{}, {"a1": True}, {"a1": "yes"}, []],
    "ip_opt": ["192.0.2.1", 4],
    "ip_signup": ["", None],
    "language": ["no", False],
    "location": [{"latitude": 1.5}, {"longitude": "18.96"}, {"latitude": True}, "Oslo"],
    "marketing_permissions": [[], [{"marketing_permission_id": "x", "enabled": True}], [{"enabled": 1}], {}],
    "merge_fields": [
        {},
        {"FNAME": "Kari"},
        {"FNAME": 3},
        {"FNAME": None},
        {"FNAME": ["x"]},
        {"ADDRESS": ADDRESS},
        {"ADDRESS": {name: text for name, text in ADDRESS.items() if name != "state"}},
        {"ADDRESS": {**ADDRESS, "zip": 9008}},
        "x",
    ],
    "status": ["subscribed", "cleaned", "pending", "transactional", "archived", "", None],
    "status_if_new": ["subscribed", "unsubscribed", "archived", 1],
    "tags": [[], ["B2B"], [1], "B2B", None],
    "timestamp_opt": ["", "2026-11-01 08:00:00", "2026-11-01T08:00:00Z", "2026-11-01", "2026-11-01T08:00:00+0100", 1],
    "timestamp_signup": ["2026-11-01T08:00:00+01:00", "yesterday", None],
    "vip": [True, "true"],
}
"""Values of each key of a member's write, right and wrong."""


def bodies(*without: str) -> st.SearchStrategy[dict[str, Any]]:
    """Bodies with up to four keys beside the address, which is nearly always one."""
    keys = st.lists(st.sampled_from(sorted(SAMPLES.keys() - set(without))), max_size=4, unique=True)
    pairs = keys.flatmap(lambda chosen: st.fixed_dictionaries({key: st.sampled_from(SAMPLES[key]) for key in chosen}))
    address = st.sampled_from([{"email_address": KARI}] * 8 + [{"email_address": 5}, {}])
    return st.builds(lambda first, rest: {**first, **rest}, address, pairs)


@functools.cache
def newer(call: str) -> Draft202012Validator:
    """The newer description of the body of a call."""
    definitions = json.loads(NEWER.read_text())["$defs"]
    body = {**definitions[call], "$defs": {name: schema for name, schema in definitions.items() if "/" not in name}}
    return Draft202012Validator(body)


@settings(max_examples=250, deadline=None)
@given(body=bodies())
def test_put_takes_what_the_newer_description_allows(mailchimp_server: Mailchimp, body: dict[str, Any]) -> None:
    """For a member who exists, request by request the same verdict."""
    mailchimp_server.start_over()
    mailchimp_server.put(KARI)
    answer = mailchimp_server.http.put(mailchimp_server.path(KARI), json=body)
    allowed = newer("PUT /lists/{list_id}/members/{subscriber_hash}").is_valid(body)
    assert (answer.status_code == 200) == allowed, answer.text


@settings(max_examples=100, deadline=None)
@given(body=bodies("status_if_new"))
def test_post_takes_what_the_newer_description_allows(mailchimp_server: Mailchimp, body: dict[str, Any]) -> None:
    """For a stranger."""
    mailchimp_server.start_over()
    answer = mailchimp_server.http.post(f"{mailchimp_server.list}/members", json=body)
    assert (answer.status_code == 200) == newer("POST /lists/{list_id}/members").is_valid(body), answer.text


@settings(max_examples=100, deadline=None)
@given(body=bodies("status_if_new", "tags"))
def test_patch_takes_what_the_newer_description_allows(mailchimp_server: Mailchimp, body: dict[str, Any]) -> None:
    """Any subset of the keys."""
    mailchimp_server.start_over()
    mailchimp_server.put(KARI)
    answer = mailchimp_server.http.patch(mailchimp_server.path(KARI), json=body)
    allowed = newer("PATCH /lists/{list_id}/members/{subscriber_hash}").is_valid(body)
    assert (answer.status_code == 200) == allowed, answer.text
