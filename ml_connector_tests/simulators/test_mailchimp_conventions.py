"""Authentication, errors, paging, selection and limits of the Mailchimp simulator (reference, sections 1 to 4)."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from ml_connector_tests.simulators.mailchimp_support import KARI, OLA, Mailchimp, field_errors, refusal

pytest_plugins = "ml_connector_tests.simulators.mailchimp_fixtures"


def test_ping_needs_credentials(mailchimp: Mailchimp) -> None:
    """Ping answers the holder of the key, and 401 to anybody else."""
    assert mailchimp.http.get("/3.0/ping").json() == {"health_status": "Everything's Chimpy!"}
    assert refusal(mailchimp.anonymous.get("/3.0/ping")) == (401, "API Key Invalid")


@pytest.mark.parametrize("header", ["Bearer demo-oauth-token", "OAuth demo-oauth-token", "bearer {key}"])
def test_tokens_and_keys_are_taken_as_bearer(mailchimp: Mailchimp, header: str) -> None:
    """The OAuth token comes as Bearer or OAuth, and the key may be a Bearer token too."""
    value = header.format(key=mailchimp.settings.api_key)
    assert mailchimp.anonymous.get("/3.0/ping", headers={"Authorization": value}).status_code == 200


@pytest.mark.parametrize(
    "auth", [("anyone", "wrong-us19"), ("", "0123456789abcdef0123456789abcdef-us19"), ("anyone", "demo-oauth-token")]
)
def test_basic_needs_a_user_name_and_the_key(mailchimp: Mailchimp, auth: tuple[str, str]) -> None:
    """Any user name will do, but an empty one, and a password that is not the key, are refused."""
    assert refusal(mailchimp.anonymous.get("/3.0/ping", auth=auth)) == (401, "API Key Invalid")


@pytest.mark.parametrize("header", ["Basic !", "Basic", "Bearer wrong", "Digest x", "Basic /w=="])
def test_broken_credentials_are_refused_like_wrong_ones(mailchimp: Mailchimp, header: str) -> None:
    """What cannot be decoded is a bad key, not a server error."""
    answer = mailchimp.anonymous.get("/3.0/ping", headers={"Authorization": header})
    assert refusal(answer) == (401, "API Key Invalid")


def test_metadata_names_the_data_centre_of_a_token(mailchimp: Mailchimp) -> None:
    """The OAuth metadata leads to the API; a wrong token gets an error with status 200 (failures.md 11)."""
    url = "/oauth2/metadata"
    found = mailchimp.anonymous.get(url, headers={"Authorization": "OAuth demo-oauth-token"}).json()
    assert (found["dc"], found["api_endpoint"]) == ("us19", mailchimp.url)
    wrong = mailchimp.anonymous.get(url, headers={"Authorization": "Bearer wrong"})
    assert (wrong.status_code, wrong.json()["error"]) == (200, "invalid_token")


def test_account_and_lists_are_shown(mailchimp: Mailchimp) -> None:
    """The root names the account, the lists their one audience with its counts."""
    mailchimp.put(KARI)
    assert mailchimp.http.get("/3.0/").json()["total_subscribers"] == 1
    assert mailchimp.http.get("/3.0").json()["account_name"] == mailchimp.settings.account_name
    lists = mailchimp.http.get("/3.0/lists").json()
    assert [(found["id"], found["name"]) for found in lists["lists"]] == [("a1b2c3d4e5", "Nordic customers")]
    stats = mailchimp.http.get(mailchimp.list).json()["stats"]
    assert (stats["member_count"], stats["merge_field_count"]) == (1, 4)


def test_problem_documents_carry_the_request_id(mailchimp: Mailchimp) -> None:
    """Errors are problem+json with five members, and their instance is the X-Request-Id."""
    answer = mailchimp.http.get("/3.0/lists/0000000000")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json; charset=utf-8"
    body = answer.json()
    assert {"type", "title", "status", "detail", "instance"} == body.keys()
    assert body["instance"] == answer.headers["x-request-id"]
    assert (body["title"], body["status"]) == ("Resource Not Found", 404)


def test_answers_carry_a_request_id_and_their_type(mailchimp: Mailchimp) -> None:
    """Success is application/json with a request id; 204 has the id and no body."""
    answer = mailchimp.http.get("/3.0/ping")
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-request-id"])
    mailchimp.put(KARI)
    gone = mailchimp.delete(KARI)
    assert (gone.status_code, gone.content) == (204, b"")
    assert "x-request-id" in gone.headers


@pytest.mark.parametrize("path", ["/3.0/nothing", "/3.0/lists/a1b2c3d4e5/nothing", "/3.0/lists/ffffffffff/members"])
def test_unknown_paths_and_lists_are_not_found(mailchimp: Mailchimp, path: str) -> None:
    """A path or a list that does not exist is a problem document, not a page."""
    assert refusal(mailchimp.http.get(path)) == (404, "Resource Not Found")


def test_wrong_method_names_the_right_ones(mailchimp: Mailchimp) -> None:
    """405 comes with the Allow header."""
    answer = mailchimp.http.put(f"{mailchimp.list}/members")
    assert refusal(answer) == (405, "Method Not Allowed")
    assert answer.headers["allow"] == "GET, POST"


def test_method_override_works_on_post_alone(mailchimp: Mailchimp) -> None:
    """A POST can stand for another method; on anything else the header is refused with 422."""
    mailchimp.put(KARI)
    override = {"X-HTTP-Method-Override": "DELETE"}
    assert refusal(mailchimp.http.get(mailchimp.path(KARI), headers=override)) == (422, "Invalid Method Override")
    assert mailchimp.http.post(mailchimp.path(KARI), headers=override).status_code == 204


def test_a_body_that_is_no_json_is_refused(mailchimp: Mailchimp) -> None:
    """Broken JSON is a 400 of its own kind."""
    answer = mailchimp.http.put(mailchimp.path(KARI), content=b'{"email_address": ')
    assert refusal(answer) == (400, "JSON Parse Error")


def test_a_body_that_is_no_object_is_refused(mailchimp: Mailchimp) -> None:
    """An array where an object belongs is named with an empty field."""
    answer = mailchimp.http.put(mailchimp.path(KARI), json=[])
    assert refusal(answer) == (400, "Invalid Resource")
    assert field_errors(answer) == {"": "Schema describes object, array found instead"}


def test_paging_is_ten_by_default_and_a_thousand_at_most(mailchimp: Mailchimp) -> None:
    """Ten rows without a count, `total_items` for all of them, and more than 1000 refused."""
    for number in range(12):
        mailchimp.put(f"kunde{number}@nordfisk.no")
    first = mailchimp.http.get(f"{mailchimp.list}/members").json()
    assert (len(first["members"]), first["total_items"]) == (10, 12)
    rest = mailchimp.http.get(f"{mailchimp.list}/members", params={"offset": 10, "count": 1000}).json()
    assert [member["email_address"] for member in rest["members"]] == ["kunde10@nordfisk.no", "kunde11@nordfisk.no"]
    assert field_errors(mailchimp.http.get(f"{mailchimp.list}/members", params={"count": 1001})).keys() == {"count"}
    assert field_errors(mailchimp.http.get(f"{mailchimp.list}/members", params={"offset": -1})).keys() == {"offset"}


def test_fields_and_exclude_fields_shape_the_body(mailchimp: Mailchimp) -> None:
    """Dot paths start at the top of the body, for single objects and for collections."""
    mailchimp.put(KARI, merge_fields={"FNAME": "Kari"})
    wanted = {"fields": "members.email_address,members.merge_fields.FNAME,total_items"}
    assert mailchimp.http.get(f"{mailchimp.list}/members", params=wanted).json() == {
        "members": [{"email_address": KARI, "merge_fields": {"FNAME": "Kari"}}],
        "total_items": 1,
    }
    unwanted = {"exclude_fields": "_links,merge_fields.FNAME"}
    member = mailchimp.http.get(mailchimp.path(KARI), params=unwanted).json()
    assert "_links" not in member
    assert member["merge_fields"].keys() == {"LNAME", "ADDRESS", "PHONE"}
    assert mailchimp.put(KARI, params={"fields": "status"}).json() == {"status": "subscribed"}


def test_the_eleventh_connection_is_refused_without_a_hint(mailchimp: Mailchimp) -> None:
    """Ten calls at once go through, the others get 429 and neither Retry-After nor rate headers (section 3)."""
    mailchimp.configure(latency_seconds=0.4)
    with ThreadPoolExecutor(14) as pool:
        answers = list(pool.map(lambda _: mailchimp.http.get("/3.0/ping"), range(14)))
    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(refused) == 4
    for answer in refused:
        assert refusal(answer) == (429, "Too Many Requests")
        assert not {"retry-after", "x-ratelimit-limit"} & answer.headers.keys()


@pytest.mark.parametrize(
    ("settings", "status"), [({"limit_body": "empty"}, 429), ({"overload_status": 403}, 403)], ids=["429", "403"]
)
def test_overload_can_come_without_a_body(mailchimp: Mailchimp, settings: dict[str, object], status: int) -> None:
    """A bare 429 or 403 is overload, not a refusal of rights (failures.md 14)."""
    mailchimp.configure(latency_seconds=0.3, connections=1, **settings)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: mailchimp.http.get("/3.0/ping"), range(2)))
    refused = [answer for answer in answers if answer.status_code != 200]
    assert [(answer.status_code, answer.content) for answer in refused] == [(status, b"")]


def test_a_slow_call_holds_its_connection(mailchimp: Mailchimp) -> None:
    """A call counts for as long as it runs, also when a fault makes it slow, and its place is free afterwards."""
    mailchimp.configure(connections=1)
    mailchimp.control("faults", [{"fault": "slow", "seconds": 0.4, "times": 1}])
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: mailchimp.http.get("/3.0/ping").status_code, range(2)))
    assert sorted(answers) == [200, 429]
    assert mailchimp.http.get("/3.0/ping").status_code == 200


@pytest.mark.parametrize(
    ("fault", "status", "title"),
    [
        ("rate_limit", 429, "Too Many Requests"),
        ("server_error", 500, "Internal Server Error"),
        ("expired_token", 401, "API Key Invalid"),
    ],
)
def test_faults_answer_in_mailchimps_shape(mailchimp: Mailchimp, fault: str, status: int, title: str) -> None:
    """A fault looks as if Mailchimp itself had answered, and the call is not executed."""
    mailchimp.control("faults", [{"fault": fault, "times": 1}])
    assert refusal(mailchimp.put(OLA)) == (status, title)
    assert mailchimp.get(OLA).status_code == 404


@pytest.mark.parametrize(("fault", "status"), [("rate_limit_empty", 429), ("forbidden_empty", 403)])
def test_empty_faults_have_no_body(mailchimp: Mailchimp, fault: str, status: int) -> None:
    """Under load the answers lack their problem document (failures.md 14)."""
    mailchimp.control("faults", [{"fault": fault, "times": 1}])
    answer = mailchimp.put(OLA)
    assert (answer.status_code, answer.content) == (status, b"")


def test_an_empty_page_keeps_the_collections_shape(mailchimp: Mailchimp) -> None:
    """The fault empties a page that has rows."""
    mailchimp.control("faults", [{"fault": "empty_page", "times": 1}])
    path = f"{mailchimp.list}/merge-fields"
    assert mailchimp.http.get(path).json() == {"merge_fields": [], "total_items": 0}
    assert mailchimp.http.get(path).json()["total_items"] == 4


def test_calls_are_logged_by_route(mailchimp: Mailchimp) -> None:
    """The call log counts by path template; control calls are not in it."""
    mailchimp.put(KARI)
    mailchimp.get(KARI)
    path = "/3.0/lists/{list_id}/members/{subscriber_hash}"
    assert mailchimp.control("calls")["by_route"] == {f"PUT {path}": 1, f"GET {path}": 1}
