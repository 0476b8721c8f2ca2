"""The vendor's own client, `mailchimp-marketing` 3.0.80, drives the simulator (reference, section 14)."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from mailchimp_marketing import Client
from mailchimp_marketing.api_client import ApiClientError

from ml_connector.simulators.mailchimp.addresses import subscriber_hash
from ml_connector_tests.simulators.mailchimp_support import ADDRESS, KARI, OLA, Mailchimp

pytest_plugins = "ml_connector_tests.simulators.mailchimp_fixtures"

LIST = "a1b2c3d4e5"
HASH = subscriber_hash(KARI)


def client_for(mailchimp: Mailchimp, **credentials: str) -> Any:
    """The client, pointed at loopback; it has no setting for that."""
    client = Client(credentials or {"api_key": mailchimp.settings.api_key})
    client.api_client.host = f"{mailchimp.url}/3.0"
    return client


@pytest.fixture
def client(mailchimp: Mailchimp) -> Any:
    return client_for(mailchimp)


def problem(call: Callable[[], Any]) -> dict[str, Any]:
    """The problem document that the call ends with; the client hands it out as text."""
    with pytest.raises(ApiClientError) as raised:
        call()
    document: dict[str, Any] = json.loads(raised.value.text)
    assert document["status"] == raised.value.status_code
    return document


def add_kari(client: Any, **body: Any) -> dict[str, Any]:
    """The sync's call in the client's words."""
    member: dict[str, Any] = client.lists.set_list_member(
        LIST, HASH, {"email_address": KARI, "status_if_new": "subscribed", **body}
    )
    return member


def test_ping_account_and_lists(client: Any) -> None:
    """The client's way in, with the key as Basic password."""
    assert client.ping.get() == {"health_status": "Everything's Chimpy!"}
    assert client.root.get_root(fields=["account_name"]) == {"account_name": "Nordic Supplies AS"}
    assert client.lists.get_all_lists(fields=["lists.id", "total_items"]) == {"lists": [{"id": LIST}], "total_items": 1}
    assert client.lists.get_list(LIST)["stats"]["member_count"] == 0


def test_a_token_is_sent_as_bearer(mailchimp: Mailchimp) -> None:
    """OAuth as the client does it."""
    client = client_for(mailchimp, access_token=mailchimp.settings.access_token, server="us19")
    assert client.ping.get()["health_status"] == "Everything's Chimpy!"


def test_a_wrong_key_is_refused(mailchimp: Mailchimp) -> None:
    """401 with a problem document."""
    client = client_for(mailchimp, api_key="ffffffffffffffffffffffffffffffff-us19")
    assert problem(client.ping.get)["title"] == "API Key Invalid"


def test_merge_fields_are_managed(client: Any) -> None:
    """Create, list by page, read, change, delete."""
    created = client.lists.add_list_merge_field(LIST, {"name": "Company", "type": "text", "tag": "COMPANY"})
    merge_id = str(created["merge_id"])
    listed = client.lists.get_list_merge_fields(LIST, count=1, offset=4)
    assert ([found["tag"] for found in listed["merge_fields"]], listed["total_items"]) == (["COMPANY"], 5)
    assert client.lists.update_list_merge_field(LIST, merge_id, {"name": "Firma"})["name"] == "Firma"
    assert client.lists.get_list_merge_field(LIST, merge_id)["name"] == "Firma"
    assert client.lists.delete_list_merge_field(LIST, merge_id).status_code == 204
    assert problem(lambda: client.lists.get_list_merge_field(LIST, merge_id))["title"] == "Resource Not Found"


def test_members_by_every_verb(client: Any) -> None:
    """Add, upsert, read, list, change, archive, delete for good."""
    ola = client.lists.add_list_member(LIST, {"email_address": OLA, "status": "transactional"})
    assert (ola["id"], ola["status"]) == (subscriber_hash(OLA), "transactional")
    kari = add_kari(client, merge_fields={"FNAME": "Kåre", "ADDRESS": ADDRESS})
    assert kari["merge_fields"]["ADDRESS"]["city"] == "Tromsø"
    assert client.lists.get_list_member(LIST, HASH, fields=["status"]) == {"status": "subscribed"}
    assert client.lists.get_list_member(LIST, KARI)["id"] == HASH
    listed = client.lists.get_list_members_info(LIST, status="transactional", exclude_fields=["members._links"])
    assert [member["email_address"] for member in listed["members"]] == [OLA]
    assert client.lists.update_list_member(LIST, HASH, {"status": "unsubscribed"})["status"] == "unsubscribed"
    assert client.lists.delete_list_member(LIST, HASH).status_code == 204
    assert client.lists.get_list_member(LIST, HASH)["status"] == "archived"
    assert client.lists.delete_list_member_permanent(LIST, HASH).status_code == 204
    assert problem(lambda: add_kari(client))["title"] == "Forgotten Email Not Subscribed"


def test_tags_of_a_member(client: Any) -> None:
    """Given with 204, read in pages, taken away."""
    add_kari(client)
    change = {"tags": [{"name": "B2B", "status": "active"}, {"name": "Kunde", "status": "active"}]}
    assert client.lists.update_list_member_tags(LIST, HASH, change).status_code == 204
    assert client.lists.get_list_member_tags(LIST, HASH, count=1)["total_items"] == 2
    client.lists.update_list_member_tags(LIST, HASH, {"tags": [{"name": "B2B", "status": "inactive"}]})
    assert [tag["name"] for tag in client.lists.get_list_member(LIST, HASH)["tags"]] == ["Kunde"]


def test_batch_subscribe(client: Any) -> None:
    """200 with its errors inside (failures.md 11)."""
    add_kari(client)
    members = [{"email_address": email, "status": "subscribed"} for email in (KARI, OLA)]
    answer = client.lists.batch_list_members(LIST, {"members": members, "update_existing": False})
    assert (answer["total_created"], answer["error_count"]) == (1, 1)
    assert answer["errors"][0]["error_code"] == "ERROR_CONTACT_EXISTS"


def test_batches_start_status_list_and_delete(client: Any) -> None:
    """The asynchronous way, down to the archive."""
    operation = {
        "method": "PUT",
        "path": f"/lists/{LIST}/members/{HASH}",
        "operation_id": "100",
        "body": json.dumps({"email_address": KARI, "status_if_new": "subscribed"}),
    }
    batch = client.batches.start({"operations": [operation]})
    assert (batch["status"], batch["total_operations"]) == ("pending", 0)
    while batch["status"] != "finished":
        time.sleep(0.05)
        batch = client.batches.status(batch["id"])
    assert (batch["finished_operations"], batch["errored_operations"]) == (1, 0)
    content = requests.get(batch["response_body_url"], timeout=10).content
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        (file,) = (archive.extractfile(entry) for entry in archive if entry.isfile())
        assert file is not None
        (result,) = json.load(file)
    assert (result["status_code"], result["operation_id"]) == (200, "100")
    assert json.loads(result["response"])["email_address"] == KARI
    assert client.batches.list()["total_items"] == 1
    assert client.batches.delete_request(batch["id"]).status_code == 204
    assert problem(lambda: client.batches.status(batch["id"]))["title"] == "Resource Not Found"


def test_errors_reach_the_client_with_their_title(mailchimp: Mailchimp, client: Any) -> None:
    """Branching on status and title works with what the client gives."""
    add_kari(client)
    again = problem(lambda: client.lists.add_list_member(LIST, {"email_address": KARI, "status": "subscribed"}))
    assert again["title"] == "Member Exists"
    mailchimp.control(f"members/{HASH}/unsubscribe", {"origin": "self"})
    refused = problem(lambda: client.lists.update_list_member(LIST, HASH, {"status": "subscribed"}))
    assert refused["title"] == "Member In Compliance State"
    incomplete = problem(lambda: add_kari(client, merge_fields={"ADDRESS": {"addr1": "Storgata 1"}}))
    assert incomplete["errors"] == [{"field": "ADDRESS", "message": "Please enter a complete address"}]
    assert problem(lambda: client.lists.get_list("0000000000"))["title"] == "Resource Not Found"


@pytest.mark.parametrize(("fault", "status"), [("rate_limit_empty", 429), ("forbidden_empty", 403)])
def test_bodiless_refusals_come_back_as_responses(mailchimp: Mailchimp, client: Any, fault: str, status: int) -> None:
    """The client does not raise for them, which is how rows get lost (failures.md 14)."""
    mailchimp.control("faults", [{"fault": fault, "times": 1}])
    assert client.ping.get().status_code == status


def test_a_limit_with_a_body_is_raised(mailchimp: Mailchimp, client: Any) -> None:
    """429 with its problem document."""
    mailchimp.control("faults", [{"fault": "rate_limit", "times": 1}])
    assert problem(client.ping.get)["title"] == "Too Many Requests"
