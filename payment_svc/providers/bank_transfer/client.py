"""Calls to the bank's HTTP API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx

from payment_svc.providers import http_client
from payment_svc.providers.bank_transfer import errors
from payment_svc.providers.base import UnreadableAnswerError

CONNECTIONS = 400
"""As many calls as a service of ours may have in flight, with room to spare: none waits for a connection."""


class BankClient:
    """JSON in, JSON out, and every failure as an error of the interface."""

    def __init__(self, api_key: str, api_base: str, *, timeout: httpx.Timeout | float, proxy: str = "") -> None:
        self._http = http_client.client(
            proxy=proxy,
            base_url=f"{api_base.rstrip('/')}/v1",
            headers={"authorization": f"Bearer {api_key}"},
            timeout=timeout,
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
        )

    async def post(self, path: str, body: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Change something, once under the key however often it is called.

        Raises RejectedError, ObjectNotFoundError, UnavailableError or OutcomeUnknownError.
        """
        return await self._call("POST", path, json=body, headers={"idempotency-key": key})

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        """Look at something. Raises as `post` does."""
        return await self._call("GET", path, params=query)

    async def walk(self, path: str, **query: str) -> AsyncIterator[dict[str, Any]]:
        """Walk through a list, page after page. Raises as `post` does."""
        while True:
            page = await self.get(path, **query)
            for item in page["data"]:
                yield item
            if not page["next_cursor"]:
                return
            query["cursor"] = page["next_cursor"]

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _call(self, method: str, path: str, **how: Any) -> dict[str, Any]:
        try:
            answer = await self._http.request(method, path, **how)
        except httpx.TransportError as error:
            raise errors.of_transport(error) from error
        if not answer.is_success:
            raise errors.of_answer(answer)
        try:
            body = answer.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise UnreadableAnswerError(f"the bank answered {answer.status_code} with no JSON object")
        return body
