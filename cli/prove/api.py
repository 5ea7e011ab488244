"""A merchant's client: every write goes under a key, and is repeated under it until there is an answer."""

from __future__ import annotations

import asyncio
import uuid
from types import TracebackType

import httpx

from cli.prove.log import Json, Log

TIMEOUT_SECONDS = 30.0
PAUSE_SECONDS = 0.3
LATER = (409, 429, 500, 502, 503, 504)
"""What is answered by repeating the request. A 500 is noted as an error all the same."""
PAGE = 100


class RefusedError(Exception):
    """A refusal that repeating does not change."""

    def __init__(self, answer: httpx.Response) -> None:
        detail = answer.json()["details"][0] if answer.status_code != httpx.codes.REQUEST_TIMEOUT else {}
        self.reason = str(detail.get("reason", answer.status_code))
        self.metadata: dict[str, str] = detail.get("metadata", {})
        super().__init__(f"{answer.status_code} {self.reason}")


class MerchantApi:
    """The REST API as one merchant uses it; a context manager."""

    def __init__(self, url: str, api_key: str, log: Log) -> None:
        headers = {"authorization": f"Bearer {api_key}"}
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=20)
        self._http = httpx.AsyncClient(
            base_url=url, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False, limits=limits
        )
        self._log = log

    async def __aenter__(self) -> MerchantApi:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def post(self, path: str, body: Json, *, forgets: bool = False) -> Json:
        """Make a request until it is answered. Raises RefusedError.

        `forgets`: a client that keeps no key, and repeats the request under another one when no answer comes.
        """
        key = str(uuid.uuid4())
        while True:
            answer = await self._once("POST", path, json=body, headers={"idempotency-key": key})
            if answer is not None:
                return answer
            key = str(uuid.uuid4()) if forgets else key
            await asyncio.sleep(PAUSE_SECONDS)

    async def get(self, path: str, **params: str | int) -> Json:
        """Look at something, until it is answered. Raises RefusedError."""
        while True:
            answer = await self._once("GET", path, params=params)
            if answer is not None:
                return answer
            await asyncio.sleep(PAUSE_SECONDS)

    async def all(self, path: str, field: str, **params: str | int) -> list[Json]:
        """Return a list, page by page."""
        found: list[Json] = []
        token = ""
        while True:
            page = await self.get(path, page_size=PAGE, page_token=token, **params)
            found += page[field]
            token = page["next_page_token"]
            if not token:
                return found

    async def _once(self, method: str, path: str, **request: object) -> Json | None:
        try:
            answer = await self._http.request(method, path, **request)  # type: ignore[arg-type]
        except httpx.TransportError:
            self._log.answers[0] += 1
            return None
        self._log.answers[answer.status_code] += 1
        if answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
            self._log.errors.append(f"{method} {path}: {answer.text[:300]}")
        if answer.status_code in LATER:
            return None
        if answer.is_error:
            raise RefusedError(answer)
        body: Json = answer.json()
        return body
