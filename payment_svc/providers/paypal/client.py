"""PayPal's REST API over httpx.

Not by PayPal's own SDK for Python (`paypal-server-sdk`): that is synchronous, so that every payment under way would
hold a thread; and an adapter has to distinguish a connection that was never made from an answer that never came, which
the HTTP client's own errors do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from payment_svc.providers import http_client
from payment_svc.providers.base import UnreadableAnswerError
from payment_svc.providers.paypal import errors
from payment_svc.providers.paypal.tokens import Tokens

LIVE = "https://api-m.paypal.com"
MAX_REQUEST_ID = 108
SPARE_CONNECTIONS = 20
"""Beside those of payments: for access tokens, reports, and questions about webhooks, which no bulkhead counts."""

Object = Mapping[str, Any]


class PaypalClient:
    """Authenticated calls; raises the interface's errors and nothing else."""

    def __init__(
        self,
        api_base: str,
        client_id: str,
        client_secret: str,
        *,
        timeout: httpx.Timeout | float,
        max_calls: int,
        proxy: str = "",
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = http_client.client(
            proxy=proxy,
            base_url=api_base or LIVE,
            timeout=timeout,
            # no call that was let in has to wait for a connection, however slow PayPal is
            limits=httpx.Limits(max_connections=max_calls + SPARE_CONNECTIONS, max_keepalive_connections=50),
            transport=transport,
        )
        self._tokens = Tokens(self._http, client_id, client_secret)

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Object:
        """Read. Raises ObjectNotFoundError, RejectedError, UnavailableError or OutcomeUnknownError."""
        return await self._call("GET", path, params=params)

    async def post(self, path: str, body: Object, request_id: str) -> Object:
        """Write, once however often it is sent under the same id (PayPal's "Idempotency" page). Raises as `get`."""
        headers = {"paypal-request-id": request_id, "prefer": "return=representation"}
        return await self._call("POST", path, json=body, headers=headers)

    async def ask(self, path: str, content: bytes) -> Object:
        """POST a question, which changes nothing, in exactly these bytes. Raises as `get`."""
        return await self._call("POST", path, content=content, headers={"content-type": "application/json"})

    async def authenticate(self) -> None:
        """Find out whether PayPal takes the credentials. Raises CredentialsRefusedError or UnavailableError."""
        await self._tokens.get()

    async def close(self) -> None:
        """Release the connections."""
        await self._http.aclose()

    async def _call(self, method: str, path: str, **request: Any) -> Object:
        """Call with a token; one that is refused is replaced once, as PayPal may revoke it at any time."""
        token = await self._tokens.get()
        answer = await self._send(method, path, token, request)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            answer = await self._send(method, path, await self._tokens.get(refused=token), request)
        if not answer.is_success:
            raise errors.of_answer(answer)
        if not answer.content:
            return {}
        try:
            body = answer.json()
        except ValueError as error:
            raise UnreadableAnswerError("PayPal's answer is not JSON") from error
        if not isinstance(body, dict):
            raise UnreadableAnswerError("PayPal's answer is not an object")
        return body

    async def _send(self, method: str, path: str, token: str, request: Mapping[str, Any]) -> httpx.Response:
        headers = {**request.get("headers", {}), "authorization": f"Bearer {token}"}
        try:
            return await self._http.request(method, path, **{**request, "headers": headers})
        except httpx.HTTPError as error:
            raise errors.of_transport(error) from error
