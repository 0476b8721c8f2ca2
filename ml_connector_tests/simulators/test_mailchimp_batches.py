"""Asynchronous batches of the Mailchimp simulator and their result archives (reference, section 10)."""

from __future__ import annotations

import io
import json
import tarfile
import time
from typing import Any

import httpx
import pytest

from ml_connector.simulators.mailchimp.addresses import subscriber_hash
from ml_connector_tests.simulators.mailchimp_support import KARI, OLA, Mailchimp, field_errors, refusal

pytest_plugins = "ml_connector_tests.simulators.mailchimp_fixtures"


def put_operation(
    mailchimp: Mailchimp, email: str, params: dict[str, Any] | None = None, **body: Any
) -> dict[str, Any]:
    """One PUT as an operation, its id the address."""
    return {
        "method": "PUT",
        "path": mailchimp.path(email).removeprefix("/3.0"),
        "operation_id": email,
        "params": params or {},
        "body": json.dumps({"email_address": email, "status_if_new": "subscribed", **body}),
    }


def archive_files(content: bytes) -> list[list[dict[str, Any]]]:
    """The lists of results in an archive, file by file."""
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        files = [archive.extractfile(entry) for entry in archive.getmembers() if entry.isfile()]
        return [json.load(file) for file in files if file is not None]


def run(mailchimp: Mailchimp, *operations: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Submit, wait, fetch: results by operation id."""
    batch = mailchimp.finished(mailchimp.submit(*operations)["id"])
    content = mailchimp.anonymous.get(batch["response_body_url"]).content
    return {result["operation_id"]: result for file in archive_files(content) for result in file}


def test_a_batch_begins_with_nothing(mailchimp: Mailchimp) -> None:
    """Right after the POST there is no total, no end and no address of results."""
    batch = mailchimp.submit(put_operation(mailchimp, KARI))
    assert batch["status"] == "pending"
    assert (batch["total_operations"], batch["finished_operations"]) == (0, 0)
    assert (batch["completed_at"], batch["response_body_url"]) == ("", "")


def test_a_batch_is_not_finished_before_its_time(mailchimp: Mailchimp) -> None:
    """The operations are done earlier than the batch says so."""
    mailchimp.configure(batch_seconds=0.9)
    batch = mailchimp.submit(put_operation(mailchimp, KARI))
    seen = set()
    for _ in range(20):
        seen.add(mailchimp.http.get(f"/3.0/batches/{batch['id']}").json()["status"])
        if mailchimp.get(KARI).status_code == 200:
            break
        time.sleep(0.04)
    seen.add(mailchimp.http.get(f"/3.0/batches/{batch['id']}").json()["status"])
    assert {"pending", "finalizing"} <= seen
    assert mailchimp.finished(batch["id"])["finished_operations"] == 1


def test_finished_does_not_mean_success(mailchimp: Mailchimp) -> None:
    """Each operation has its own status in the archive (failures.md 11)."""
    results = run(
        mailchimp,
        put_operation(mailchimp, KARI, merge_fields={"FNAME": "Kåre"}),
        put_operation(mailchimp, "kari@example.com"),
        {"method": "GET", "path": "/lists/a1b2c3d4e5/members/nobody@nordfisk.no", "operation_id": "get"},
        {"method": "DELETE", "path": f"/lists/a1b2c3d4e5/members/{KARI}", "operation_id": "delete"},
        {"method": "PUT", "path": "/3.0/lists/a1b2c3d4e5/members/x", "operation_id": "wrong path", "body": "{}"},
        {"method": "PUT", "path": f"/lists/a1b2c3d4e5/members/{KARI}", "operation_id": "no json", "body": "{"},
        {"method": "PUT", "path": "/lists/a1b2c3d4e5/members", "operation_id": "method"},
        {"method": "GET", "path": "/batches", "operation_id": "nested"},
    )
    assert {name: result["status_code"] for name, result in results.items()} == {
        KARI: 200,
        "kari@example.com": 400,
        "get": 404,
        "delete": 204,
        "wrong path": 404,
        "no json": 400,
        "method": 405,
        "nested": 404,
    }
    assert json.loads(results[KARI]["response"])["merge_fields"]["FNAME"] == "Kåre"
    assert json.loads(results["no json"]["response"])["title"] == "JSON Parse Error"
    assert results["delete"]["response"] == ""
    (batch,) = mailchimp.http.get("/3.0/batches").json()["batches"]
    assert (batch["total_operations"], batch["finished_operations"], batch["errored_operations"]) == (8, 8, 6)
    assert batch["completed_at"] >= batch["submitted_at"]


def test_results_come_in_no_order_and_in_several_files(mailchimp: Mailchimp) -> None:
    """Only the operation id tells whose result it is; a directory entry is in the archive too."""
    emails = [f"kunde{number}@nordfisk.no" for number in range(700)]
    wanted = {"fields": "email_address,status"}
    batch = mailchimp.submit(*(put_operation(mailchimp, email, wanted) for email in emails))
    content = mailchimp.anonymous.get(mailchimp.finished(batch["id"])["response_body_url"]).content
    files = archive_files(content)
    assert [len(file) for file in files] == [300, 300, 100]
    results = [result for file in files for result in file]
    assert [result["operation_id"] for result in results] != emails
    assert sorted(result["operation_id"] for result in results) == sorted(emails)
    for result in results:
        shown = json.loads(result["response"])
        assert shown == {"email_address": result["operation_id"], "status": "subscribed"}
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        assert [entry.name for entry in archive.getmembers() if entry.isdir()] == ["."]


def test_params_of_an_operation_are_its_query(mailchimp: Mailchimp) -> None:
    """Booleans and numbers count as their texts."""
    mailchimp.add_field("KUNDENR", "number", required=True)
    mailchimp.put(OLA, params={"skip_merge_validation": "true"})
    results = run(
        mailchimp,
        put_operation(mailchimp, KARI, {"skip_merge_validation": True, "exclude_fields": "_links"}),
        {"method": "GET", "path": "/lists/a1b2c3d4e5/members", "params": {"count": 1}, "operation_id": "list"},
    )
    assert "_links" not in json.loads(results[KARI]["response"])
    assert len(json.loads(results["list"]["response"])["members"]) == 1


def test_a_batch_never_subscribes_anybody_again(mailchimp: Mailchimp) -> None:
    """PUT with status_if_new alone is as safe here as it is alone; the history says that a batch did it."""
    mailchimp.put(KARI)
    mailchimp.control(f"members/{KARI}/unsubscribe", {"origin": "admin"})
    run(mailchimp, put_operation(mailchimp, KARI), put_operation(mailchimp, OLA))
    assert mailchimp.known(KARI)["status"] == "unsubscribed"
    assert mailchimp.known(OLA)["history"][0]["via"] == "batch PUT"
    assert mailchimp.resubscriptions() == []


def test_batch_subscribe_works_inside_a_batch(mailchimp: Mailchimp) -> None:
    """And its danger as well: the resubscription is seen."""
    mailchimp.put(KARI)
    mailchimp.control(f"members/{KARI}/unsubscribe", {"origin": "admin"})
    body = {"members": [{"email_address": KARI, "status": "subscribed"}], "update_existing": True}
    path = f"/lists/{mailchimp.settings.audience}"
    run(mailchimp, {"method": "POST", "path": path, "body": json.dumps(body), "operation_id": "x"})
    assert [found["via"] for found in mailchimp.resubscriptions()] == ["batch POST list"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([{"method": "GET", "path": "/ping"}], ""),
        ({"method": "GET", "path": "/ping"}, ""),
        ({"operations": {"method": "GET", "path": "/ping"}}, "operations"),
        ({"operations": [{"method": "PUT", "path": "/lists/x/members/y", "body": {"a": 1}}]}, "body"),
        ({"operations": [{"method": "put", "path": "/ping"}]}, "method"),
        ({"operations": [{"method": "GET", "path": "/ping", "operation_id": 1}]}, "operation_id"),
        ({"operations": [{"method": "GET"}]}, ""),
    ],
)
def test_wrong_batches_are_refused_whole(mailchimp: Mailchimp, body: Any, field: str) -> None:
    """A body that is an object instead of a text, operations that are not wrapped, and the like."""
    answer = mailchimp.http.post("/3.0/batches", json=body)
    assert refusal(answer) == (400, "Invalid Resource")
    assert field_errors(answer).keys() == {field}


def test_a_thousand_operations_and_no_more(mailchimp: Mailchimp) -> None:
    """1001 are refused, and nothing of them is done."""
    operations = [put_operation(mailchimp, f"kunde{number}@nordfisk.no") for number in range(1001)]
    answer = mailchimp.http.post("/3.0/batches", json={"operations": operations})
    assert refusal(answer) == (400, "Invalid Resource")
    batch = mailchimp.submit(*operations[:1000])
    assert mailchimp.finished(batch["id"])["finished_operations"] == 1000


def test_pending_batches_are_limited(mailchimp: Mailchimp) -> None:
    """The one too many gets 429; when the others are finished there is room again."""
    mailchimp.configure(max_pending_batches=2)
    batches = [mailchimp.submit(put_operation(mailchimp, KARI)) for _ in range(2)]
    body = {"operations": [put_operation(mailchimp, OLA)]}
    assert refusal(mailchimp.http.post("/3.0/batches", json=body)) == (429, "Too Many Requests")
    for batch in batches:
        mailchimp.finished(batch["id"])
    assert mailchimp.http.post("/3.0/batches", json=body).status_code == 200


def test_batches_wait_side_by_side(mailchimp: Mailchimp) -> None:
    """Twenty batches take hardly longer than one, and their operations run in the order of submission."""
    mailchimp.configure(batch_seconds=0.4)
    before = time.monotonic()
    batches = [mailchimp.submit(put_operation(mailchimp, f"kunde{number}@nordfisk.no")) for number in range(20)]
    for batch in batches:
        mailchimp.finished(batch["id"])
    assert time.monotonic() - before < 4
    members = mailchimp.control("members")["members"]
    assert [member["email_address"] for member in members] == [f"kunde{number}@nordfisk.no" for number in range(20)]


def test_a_deleted_batch_is_gone_with_its_results(mailchimp: Mailchimp) -> None:
    """Deleted before its turn it does nothing; deleted later, its archive cannot be had."""
    early = mailchimp.submit(put_operation(mailchimp, KARI))
    assert mailchimp.http.delete(f"/3.0/batches/{early['id']}").status_code == 204
    late = mailchimp.finished(mailchimp.submit(put_operation(mailchimp, OLA))["id"])
    mailchimp.http.delete(f"/3.0/batches/{late['id']}")
    assert mailchimp.anonymous.get(late["response_body_url"]).status_code == 404
    assert refusal(mailchimp.http.get(f"/3.0/batches/{late['id']}")) == (404, "Resource Not Found")
    assert (mailchimp.get(KARI).status_code, mailchimp.get(OLA).status_code) == (404, 200)


def test_the_archive_refuses_credentials(mailchimp: Mailchimp) -> None:
    """The address is no part of the API: whoever sends the key there is refused, in XML."""
    url = mailchimp.finished(mailchimp.submit(put_operation(mailchimp, KARI))["id"])["response_body_url"]
    assert "/3.0" not in url
    answer = mailchimp.http.get(url)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/xml")
    assert mailchimp.anonymous.get(url).headers["content-type"] == "application/gzip"


def test_the_archive_expires_and_a_new_address_can_be_had(mailchimp: Mailchimp) -> None:
    """After ten minutes the old URL is dead, and GET of the batch gives another one."""
    batch = mailchimp.finished(mailchimp.submit(put_operation(mailchimp, KARI))["id"])
    mailchimp.configure(clock_offset_seconds=601)
    expired = mailchimp.anonymous.get(batch["response_body_url"])
    assert (expired.status_code, expired.headers["content-type"]) == (403, "application/xml")
    fresh = mailchimp.http.get(f"/3.0/batches/{batch['id']}").json()["response_body_url"]
    assert mailchimp.anonymous.get(fresh).status_code == 200


def test_a_forged_archive_address_is_refused(mailchimp: Mailchimp) -> None:
    """A longer life cannot be had by writing one into the URL."""
    batch = mailchimp.finished(mailchimp.submit(put_operation(mailchimp, KARI))["id"])
    url = httpx.URL(batch["response_body_url"])
    assert mailchimp.anonymous.get(url.copy_set_param("Expires", "99999999999")).status_code == 403
    assert mailchimp.anonymous.get(url.copy_set_param("Signature", "é")).status_code == 403
    assert mailchimp.anonymous.get(url.copy_remove_param("Signature")).status_code == 403


def test_other_calls_are_answered_while_a_batch_runs(mailchimp: Mailchimp) -> None:
    """Operations run in slices, so that no call waits for a whole batch."""
    mailchimp.configure(batch_seconds=0.0)
    emails = [f"kunde{number}@nordfisk.no" for number in range(5000)]
    for begin in range(0, len(emails), 1000):
        mailchimp.submit(*(put_operation(mailchimp, email) for email in emails[begin : begin + 1000]))
    progress: list[dict[str, Any]] = []
    while not progress or progress[-1]["members"].get("subscribed", 0) < len(emails):
        progress.append(mailchimp.control("summary"))
    between = [found for found in progress if found["members"].get("subscribed", 0) % 1000]
    assert between, "nobody was answered while a batch ran"


def test_a_reset_ends_running_batches(mailchimp: Mailchimp) -> None:
    """Nothing of before arrives afterwards, and new batches run."""
    mailchimp.submit(put_operation(mailchimp, KARI))
    mailchimp.control("reset", {})
    assert mailchimp.http.get("/3.0/batches").json()["total_items"] == 0
    run(mailchimp, {"method": "PUT", **put_operation(mailchimp, OLA)})
    assert mailchimp.control("state")["members"][0]["id"] == subscriber_hash(OLA)
    assert mailchimp.control("summary")["total_members"] == 1
