"""A Mailchimp simulator on loopback, and how tests talk to it: over HTTP only."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from ml_connector.simulators.mailchimp import MailchimpSettings, create_app
from ml_connector.simulators.mailchimp.addresses import subscriber_hash
from ml_connector_tests.loopback import client
from ml_connector_tests.simulators.support import Simulated, serving

KARI = "kari@nordfisk.no"
OLA = "ola@fjordbygg.no"
ADDRESS = {"addr1": "Storgata 1", "city": "Tromsø", "state": "Tromsø", "zip": "9008", "country": "NO"}


class Mailchimp(Simulated):
    """One simulator; every call returns the response as it came."""

    def __init__(self, url: str, settings: MailchimpSettings) -> None:
        super().__init__(url, settings)
        self.settings = settings
        self.list = f"/3.0/lists/{settings.audience}"
        self.http = client(base_url=url, auth=("anyone", settings.api_key))

    def path(self, email: str) -> str:
        return f"{self.list}/members/{subscriber_hash(email)}"

    def put(self, email: str, *, params: Mapping[str, str] | None = None, **body: Any) -> httpx.Response:
        """The sync's call: `status_if_new` alone, unless the test says something else."""
        whole = {"email_address": email, **({"status_if_new": "subscribed"} | body)}
        return self.http.put(
            self.path(email), json={k: v for k, v in whole.items() if v is not ...}, params=dict(params or {})
        )

    def get(self, email: str) -> httpx.Response:
        return self.http.get(self.path(email))

    def patch(self, email: str, **body: Any) -> httpx.Response:
        return self.http.patch(self.path(email), json=body)

    def delete(self, email: str) -> httpx.Response:
        return self.http.delete(self.path(email))

    def post(self, **body: Any) -> httpx.Response:
        return self.http.post(f"{self.list}/members", json=body)

    def add_field(self, tag: str, kind: str = "text", **body: Any) -> httpx.Response:
        return self.http.post(f"{self.list}/merge-fields", json={"tag": tag, "name": tag.title(), "type": kind, **body})

    def known(self, email: str) -> dict[str, Any]:
        """Everything that the simulator knows of a member."""
        member: dict[str, Any] = self.control(f"members/{subscriber_hash(email)}")
        return member

    def resubscriptions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.control("state")["resubscriptions"]
        return found

    def submit(self, *operations: Mapping[str, Any]) -> dict[str, Any]:
        answer = self.http.post("/3.0/batches", json={"operations": list(operations)})
        assert answer.status_code == 200, answer.text
        batch: dict[str, Any] = answer.json()
        return batch

    def finished(self, batch_id: str) -> dict[str, Any]:
        """Poll a batch until it is finished, for at most 20 seconds."""
        for _ in range(1000):
            batch: dict[str, Any] = self.http.get(f"/3.0/batches/{batch_id}").json()
            if batch["status"] == "finished":
                return batch
            time.sleep(0.02)
        raise AssertionError(f"batch {batch_id} does not finish: {batch}")


@contextlib.contextmanager
def serve_mailchimp(**settings: Any) -> Iterator[Mailchimp]:
    """Serve a simulator with these settings for as long as the block runs."""
    with serving(create_app, Mailchimp, MailchimpSettings(**settings)) as mailchimp:
        yield mailchimp


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and title of a problem document."""
    return answer.status_code, answer.json()["title"]


def field_errors(answer: httpx.Response) -> dict[str, str]:
    """The messages of a problem document by field."""
    return {error["field"]: error["message"] for error in answer.json()["errors"]}
