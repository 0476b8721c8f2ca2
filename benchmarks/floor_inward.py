"""The floor of what comes back: `python -m benchmarks.floor_inward CHARGEBEE_URL VISMA_URL TRANSACTIONS` reads the same
pages of events and posts as many transactions, one after the other, with plain httpx, and prints what it took."""

from __future__ import annotations

import json
import resource
import sys
import time
from datetime import UTC, datetime
from typing import Any

import httpx

PAGE = 100
SCOPE = "vismanet_erp_service_api:read vismanet_erp_service_api:create"
LINES = (("1530", "debit", 1248.75), ("2970", "credit", 999.0), ("2700", "credit", 249.75))


def main(chargebee: str, visma: str, transactions: int) -> None:
    began = time.perf_counter()
    with httpx.Client(timeout=120) as client:
        calls = read(client, chargebee) + post(client, visma, transactions)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    figures = {"wall": time.perf_counter() - began, "cpu": usage.ru_utime + usage.ru_stime}
    print(json.dumps(figures | {"peak_mb": usage.ru_maxrss / 1024, "calls": calls, "writes": transactions}))


def read(client: httpx.Client, url: str) -> int:
    """Every event, the oldest first; answers with the number of calls."""
    key = client.get(f"{url}/_simulator/settings").json()["api_key"]
    asked: dict[str, Any] = {"sort_by[asc]": "occurred_at", "limit": PAGE}
    calls = 0
    while calls == 0 or "offset" in asked:
        page = client.get(f"{url}/api/v2/events", params=asked, auth=(key, "")).raise_for_status().json()
        calls += 1
        asked = {name: value for name, value in asked.items() if name != "offset"}
        asked |= {"offset": page["next_offset"]} if "next_offset" in page else {}
    return calls


def post(client: httpx.Client, url: str, transactions: int) -> int:
    """So many transactions of three lines; answers with the number of calls."""
    settings = client.get(f"{url}/_simulator/settings").json()
    form = {name: settings[name] for name in ("client_id", "client_secret", "tenant_id")}
    form |= {"grant_type": "client_credentials", "scope": SCOPE}
    token = client.post(f"{url}/connect/token", data=form).raise_for_status().json()["access_token"]
    lines = [{"accountNumber": wrap(account), f"{side}AmountInCurrency": wrap(sum_)} for account, side, sum_ in LINES]
    day = f"{datetime.now(UTC).date()}T00:00:00"
    body = {"transactionDate": wrap(day), "hold": wrap(True), "journalTransactionLines": lines}
    for _ in range(transactions):
        headers = {"Authorization": f"Bearer {token}"}
        client.post(f"{url}/v2/journaltransaction", json=body, headers=headers).raise_for_status()
    return transactions + 1


def wrap(value: object) -> dict[str, object]:
    return {"value": value}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
