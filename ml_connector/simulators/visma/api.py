"""What the API's handlers share: pages, bodies, versions, answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from ml_connector.simulators.visma.errors import ApiError
from ml_connector.simulators.visma.settings import DEFAULT_PAGE_SIZE, VismaSettings
from ml_connector.simulators.visma.store import Store


def store_of(request: Request) -> Store:
    store: Store = request.app.state.simulator
    return store


def json_bytes(body: bytes, etag: str | None = None) -> Response:
    headers = {"etag": f'"{etag}"'} if etag else None
    return Response(body, headers=headers, media_type="application/json; charset=utf-8")


async def update_model(request: Request) -> dict[str, Any]:
    """The body of a write; 400 when it is no JSON object."""
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise ApiError(400, "The request body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise ApiError(400, "The request body is not a JSON object.")
    return body


def page_of(request: Request, endpoint: str, settings: VismaSettings) -> tuple[int, int, int]:
    """Page number, size and the endpoint's largest size. A larger page is cut without a word (section 3)."""
    maximum = settings.max_page_size.get(endpoint, 1000)
    number = _whole(request, "pageNumber", 1)
    size = _whole(request, "pageSize", min(DEFAULT_PAGE_SIZE, maximum))
    return number, min(size, maximum), maximum


def expanded(request: Request, blocks: Mapping[str, str]) -> list[str]:
    """The blocks that a list call asks for with `expand...=true`, of those that it may ask for (section 4)."""
    query = request.query_params
    return [block for parameter, block in blocks.items() if query.get(parameter, "").lower() == "true"]


def check_version(request: Request, version: str, settings: VismaSettings) -> None:
    """`If-Match`, quoted or not, against the row's version; without the header the last writer wins (section 8)."""
    wanted = request.headers.get("if-match")
    if wanted is not None and wanted.strip('"') not in (version, "*"):
        raise ApiError(settings.conflict_status, "The record was changed by another process.")


def created(location: str, version: str, settings: VismaSettings) -> Response:
    """201 without a body; `Location` ends with the new key, on a host that need not be the one called."""
    return Response(status_code=201, headers={"location": settings.location_base + location, "etag": f'"{version}"'})


def updated(version: str) -> Response:
    return Response(status_code=204, headers={"etag": f'"{version}"'})


def _whole(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise ApiError(400, f"The value '{text}' is not valid for {name}.")
    return int(text)
