"""The public API, as a person of a merchant uses it: with the session's own key, which may do what the role may."""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx

Json = dict[str, Any]
TIMEOUT_SECONDS = 20.0
PAGE_MOST = 100
"""How many rows the API gives at once."""
ROWS_MOST = 1000
"""How many rows of a list a page of the console shows: an order may be refunded in any number of parts."""
RECORD_TRIES = 6
"""How often the path of acts is asked for beside a version without it: others' requests take turns as well."""
MAX_STREAMS = 1000
"""Of all people together."""
_SEGMENT = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._~-]{1,200}")
_ATTEMPT = re.compile(r"[0-9a-f]{32}")


class ApiError(Exception):
    """What the gateway did not do, in words for a person. `fields` has what is wrong with which field."""

    def __init__(self, status: int, reason: str, words: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.reason = reason
        self.words = words
        self.fields = fields or {}


class PublicApi:
    """The gateway's address, and connections to it that all sessions share."""

    def __init__(self, url: str, ca_file: Path | None, server_name: str = "") -> None:
        """Reach the API at `url`, whose certificate has `server_name`; empty: the name in the URL."""
        verify: ssl.SSLContext | bool = True
        if ca_file:
            verify = ssl.create_default_context(cafile=str(ca_file))
        # a certificate of the system's CAs is not loaded where nothing is encrypted
        elif url.startswith("http:"):
            verify = False
        self._http = httpx.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS, trust_env=False, verify=verify)
        # streams hold their connections: pages have others
        self._streams = httpx.AsyncClient(
            base_url=url, trust_env=False, verify=verify, limits=httpx.Limits(max_connections=MAX_STREAMS)
        )
        if server_name:
            # within a cluster the way is short, and the certificate that of the public name
            for client in (self._http, self._streams):
                client.event_hooks["request"].append(partial(_expect, server_name))

    def of(self, api_key: str, user: str) -> MerchantApi:
        """Return the API as the person with a key uses it; `user` is for the audit."""
        return MerchantApi(
            self._http,
            self._streams,
            {"authorization": f"Bearer {api_key}", "user-agent": f"fusionxpay-console ({user})"},
        )

    async def put_on_record(self, path: str, headers: Mapping[str, str]) -> bool:
        """Ask a path of the console's own, so that the audit has who asks. Raises ApiError.

        A replica of 0.4 has no such path, and the next one asked is another (round robin). False: none that was asked
        has it. From 0.6 on once is enough.
        """
        for _ in range(RECORD_TRIES):
            try:
                answer = await self._http.post(path, headers=dict(headers))
            except httpx.TransportError as error:
                raise _not_on_record(type(error).__name__) from None
            if answer.status_code == httpx.codes.NO_CONTENT:
                return True
            if answer.status_code != httpx.codes.NOT_FOUND:
                raise _not_on_record(f"status {answer.status_code}")
        return False

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()
        await self._streams.aclose()


class MerchantApi:
    """The API with one key. Every method raises ApiError."""

    def __init__(self, http: httpx.AsyncClient, streams: httpx.AsyncClient, headers: Mapping[str, str]) -> None:
        self._http = http
        self._streams = streams
        self._headers = dict(headers)

    async def get(self, *path: str, **params: Any) -> Json:
        """GET `/v1/` and the path's segments."""
        given = {name: value for name, value in params.items() if value not in ("", None, [])}
        return await self._send("GET", path, params=given)

    async def every(self, *path: str, field: str = "", **params: Any) -> list[Json]:
        """GET a list with all of its pages; its rows are called as the path's last segment, or `field`.

        Of a longer one the first `ROWS_MOST` are returned.
        """
        found: list[Json] = []
        token = ""
        while True:
            page = await self.get(*path, **params, page_size=PAGE_MOST, page_token=token)
            found += page.get(field or path[-1], [])
            token = page.get("next_page_token", "")
            if not token or len(found) >= ROWS_MOST:
                return found[:ROWS_MOST]

    async def resend(self, body: Json, attempt: str) -> Json:
        """Send the events of a span again: the method's path is not a resource's."""
        return await self._call("POST", "/v1/events:resend", json=body, attempt=attempt)

    async def preview_route(self, body: Json) -> Json:
        """Say who would take a payment: the method's path is not a resource's either."""
        return await self._call("POST", "/v1/routing_policy:preview", json=body)

    async def post(self, *path: str, body: Json | None = None, attempt: str = "") -> Json:
        """POST; `attempt` is the same whenever a form is sent again, so that nothing is done twice."""
        return await self._send("POST", path, json=body or {}, attempt=attempt)

    async def patch(self, *path: str, body: Json) -> Json:
        """PATCH."""
        return await self._send("PATCH", path, json=body)

    async def put(self, *path: str, body: Json) -> Json:
        """PUT."""
        return await self._send("PUT", path, json=body)

    async def delete(self, *path: str) -> Json:
        """DELETE."""
        return await self._send("DELETE", path)

    @asynccontextmanager
    async def events(self, last_event_id: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open the stream of events and return its bytes."""
        headers = (
            self._headers
            | {"accept": "text/event-stream"}
            | ({"last-event-id": last_event_id} if last_event_id else {})
        )
        timeout = httpx.Timeout(TIMEOUT_SECONDS, read=90.0)
        try:
            async with self._streams.stream("GET", "/v1/events:stream", headers=headers, timeout=timeout) as answer:
                if answer.is_error:
                    await answer.aread()
                    raise _refusal(answer)
                yield answer.aiter_bytes()
        except httpx.TransportError as error:
            raise _no_answer(error) from None

    async def _send(self, method: str, path: tuple[str, ...], *, attempt: str = "", **content: Any) -> Json:
        if not all(map(_SEGMENT.fullmatch, path)):
            raise ApiError(404, "NOT_FOUND", "There is nothing of this id.")
        return await self._call(method, "/".join(("/v1", *path)), attempt=attempt, **content)

    async def _call(self, method: str, path: str, *, attempt: str = "", **content: Any) -> Json:
        headers = self._headers | ({"idempotency-key": attempt} if _ATTEMPT.fullmatch(attempt) else {})
        try:
            answer = await self._http.request(method, path, headers=headers, **content)
        except httpx.TransportError as error:
            raise _no_answer(error) from None
        if answer.is_error:
            raise _refusal(answer)
        document: Json = answer.json()
        return document


async def _expect(server_name: str, request: httpx.Request) -> None:
    request.extensions["sni_hostname"] = server_name


def _no_answer(error: httpx.TransportError) -> ApiError:
    return ApiError(503, "GATEWAY_AWAY", f"The gateway does not answer ({type(error).__name__}).")


def _not_on_record(why: str) -> ApiError:
    words = f"Nothing was done, as it could not be put on record who does it ({why}). Try again shortly."
    return ApiError(503, "NOT_ON_RECORD", words)


def _refusal(answer: httpx.Response) -> ApiError:
    try:
        status = answer.json()
        reason = next((str(detail["reason"]) for detail in status["details"] if "reason" in detail), "")
        wrong = [one for detail in status["details"] for one in detail.get("field_violations", [])]
        return ApiError(
            answer.status_code, reason, str(status["message"]), {one["field"]: one["description"] for one in wrong}
        )
    except (ValueError, KeyError, TypeError):
        return ApiError(answer.status_code, "", f"The gateway answered with status {answer.status_code}.")
