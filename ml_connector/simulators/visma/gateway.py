"""What stands before every API call: the token, the quota, the company header and the scope."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ml_connector.simulators.visma.auth import API, TokenService
from ml_connector.simulators.visma.errors import ApiError, ipp_error
from ml_connector.simulators.visma.quota import Quota
from ml_connector.simulators.visma.settings import VismaSettings

API_PATHS = ("/v1/", "/v2/")
RIGHTS = {"GET": "read", "POST": "create", "PUT": "update", "DELETE": "delete"}


class Gateway:
    """Middleware in front of the API paths; the token endpoint is another server in real life and passes."""

    def __init__(self, app: ASGIApp, settings: VismaSettings, tokens: TokenService, quota: Quota) -> None:
        self.app = app
        self.settings = settings
        self.tokens = tokens
        self.quota = quota

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(API_PATHS):
            await self.app(scope, receive, send)
            return

        async def send_with_quota(message: Message) -> None:
            if message["type"] == "http.response.start":
                quota = [(name.encode(), value.encode()) for name, value in self.quota.headers().items()]
                message = {**message, "headers": [*message["headers"], *quota]}
            await send(message)

        headers = Headers(scope=scope)
        try:
            token = self.tokens.check(headers.get("authorization", ""))
        except ApiError as error:
            await error.response()(scope, receive, send)
            return
        refused = self.quota.take() or self._refusal(scope, headers, token.scopes)
        await (refused.response() if refused else self.app)(scope, receive, send_with_quota)

    def _refusal(self, scope: Scope, headers: Headers, scopes: frozenset[str]) -> ApiError | None:
        if self.settings.require_company_id and headers.get("ipp-company-id") != self.settings.company_id:
            return ipp_error(12002, "The header ipp-company-id is missing, or the company is not permitted.")
        right = "update" if "/action/" in scope["path"] else RIGHTS.get(scope["method"], "read")
        if f"{API}:{right}" not in scopes:
            return ApiError(403, f"The scope {API}:{right} is missing.")
        return None
