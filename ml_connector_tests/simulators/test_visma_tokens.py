"""Tokens, scopes, tenants and the company header (Visma reference, sections 2 and 9)."""

from __future__ import annotations

import base64
import time

import httpx
import orjson
import pytest

from ml_connector_tests.simulators.visma_support import API, ORDINARY, Visma

CUSTOMER = f"/v1/customer/{ORDINARY}"


def status(visma: Visma, headers: dict[str, str], path: str = CUSTOMER) -> int:
    return visma.anonymous.get(path, headers=headers).status_code


def test_a_token_opens_the_api(visma: Visma) -> None:
    """Client credentials with a tenant and scopes give a bearer token for an hour, shaped like a JWT."""
    answer = visma.ask_token(scope=f"{API}:read").json()
    assert answer.keys() == {"access_token", "expires_in", "token_type", "scope"}
    assert (answer["expires_in"], answer["token_type"], answer["scope"]) == (3600, "Bearer", f"{API}:read")
    claims = answer["access_token"].split(".")[1]
    assert orjson.loads(base64.urlsafe_b64decode(claims + "=="))["tenant_id"] == visma.settings.tenant_id
    assert status(visma, {"authorization": f"Bearer {answer['access_token']}"}) == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_id": "isv_other"}, "invalid_client"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_secret": None}, "invalid_client"),
        ({"tenant_id": "00000000-0000-0000-0000-000000000000"}, "invalid_tenant"),
        ({"tenant_id": None}, "invalid_tenant"),
        ({"scope": f"{API}:read {API}:everything"}, "invalid_scope"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_a_wrong_token_call_is_refused(visma: Visma, changes: dict[str, str | None], error: str) -> None:
    """What is wrong with a token call stands in `error`, with 400."""
    answer = visma.ask_token(**changes)
    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_the_token_call_is_a_form(visma: Visma) -> None:
    """A JSON body is refused."""
    answer = visma.anonymous.post("/connect/token", json={"grant_type": "client_credentials"})
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})


@pytest.mark.parametrize("scope", [None, API])
def test_a_token_call_without_scopes_gets_what_is_approved(visma: Visma, scope: str | None) -> None:
    """Leaving the scope out, or its bare name, gives all four rights."""
    assert len(visma.ask_token(scope=scope).json()["scope"].split()) == 4


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer nonsense"}, {"authorization": "Basic aXN2OnNlY3JldA=="}]
)
def test_no_token_no_answer(visma: Visma, headers: dict[str, str]) -> None:
    """A call without a token that was given out gets 401."""
    assert status(visma, headers) == 401


def test_the_customer_tenants_token_is_refused_by_the_api(visma: Visma) -> None:
    """The customer tenant gets a token, and 401 with it."""
    assert status(visma, visma.with_token(tenant_id=visma.settings.customer_tenant_id)) == 401


def test_tokens_expire(visma: Visma) -> None:
    """failures.md 15: a token is refused after its time, although the call before went well."""
    visma.configure(token_seconds=1)
    headers = visma.with_token()
    assert status(visma, headers) == 200
    time.sleep(1.05)
    assert status(visma, headers) == 401


@pytest.mark.parametrize(
    ("scope", "method", "allowed"),
    [("read", "GET", True), ("update", "GET", False), ("read", "PUT", False), ("update", "PUT", True)],
)
def test_each_right_needs_its_scope(visma: Visma, scope: str, method: str, allowed: bool) -> None:
    """Reading needs :read, changing :update; else 403."""
    headers = visma.with_token(scope=f"{API}:{scope}")
    body = {"accountReference": {"value": "x"}} if method == "PUT" else None
    answer = visma.anonymous.request(method, CUSTOMER, json=body, headers=headers)
    assert (answer.status_code == 403) is not allowed


def test_creating_and_actions_need_their_scopes(visma: Visma) -> None:
    """A POST needs :create, an action :update."""

    def post(scope: str, path: str, body: object) -> int:
        return visma.anonymous.post(path, json=body, headers=visma.with_token(scope=f"{API}:{scope}")).status_code

    new, renamed = {"name": {"value": "Ny AS"}}, {"customerCd": "20001"}
    assert [post(scope, "/v1/customer", new) for scope in ("update", "create")] == [403, 201]
    action = "/v1/customer/action/changeCustomerCd/1001"
    assert [post(scope, action, renamed) for scope in ("create", "update")] == [403, 200]


def test_the_company_header_is_optional(visma: Visma) -> None:
    """The token selects the company; without the setting any header passes."""
    assert visma.http.get(CUSTOMER, headers={"ipp-company-id": "999"}).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"ipp-company-id": "999"}])
def test_a_wrong_company_is_refused_in_the_old_shape(visma: Visma, headers: dict[str, str]) -> None:
    """Where the header is required, a missing or wrong one gets 400 with fault 12002."""
    visma.configure(require_company_id=True)
    answer = visma.http.get(CUSTOMER, headers=headers)
    assert answer.status_code == 400
    assert (answer.json()["ExceptionType"], answer.json()["ExceptionFaultCode"]) == ("IPPException", "12002")
    assert visma.http.get(CUSTOMER, headers={"ipp-company-id": visma.settings.company_id}).status_code == 200


def test_unknown_paths_and_methods(visma: Visma) -> None:
    """What is not there is 404 or 405 with a message; customers cannot be deleted."""
    unknown: httpx.Response = visma.http.get("/v1/nothing")
    assert (unknown.status_code, list(unknown.json())) == (404, ["message"])
    assert visma.http.delete(CUSTOMER).status_code == 405
