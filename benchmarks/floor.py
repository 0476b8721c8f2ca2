"""The floor: `python -m benchmarks.floor VISMA_URL` reads the same pages with plain httpx and prints what it took."""

from __future__ import annotations

import json
import resource
import sys
import time

import httpx

PAGE = 1_000


def main(url: str) -> None:
    began = time.perf_counter()
    with httpx.Client(base_url=url, timeout=120) as client:
        settings = client.get("/_simulator/settings").json()
        form = {name: settings[name] for name in ("client_id", "client_secret", "tenant_id")}
        form |= {"grant_type": "client_credentials", "scope": "vismanet_erp_service_api:read"}
        token = client.post("/connect/token", data=form).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        calls, rows, page = 1, 0, 1
        while page == 1 or rows == (page - 1) * PAGE:
            got = client.get("/v1/customer", params={"pageNumber": page, "pageSize": PAGE}).json()
            calls, rows, page = calls + 1, rows + len(got), page + 1
        client.get("/v1/contact").json()
        client.get("/v1/customerClass").json()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    figures = {"wall": time.perf_counter() - began, "cpu": usage.ru_utime + usage.ru_stime}
    print(json.dumps(figures | {"peak_mb": usage.ru_maxrss / 1024, "calls": calls + 2, "writes": 0}))


if __name__ == "__main__":
    main(sys.argv[1])
