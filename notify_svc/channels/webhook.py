"""One attempt to deliver by HTTP: posted, and the answer read as far as it is worth it; webhooks are signed first."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus

import httpx

from mesh.vault import Vault
from notify_svc.channels import failures
from notify_svc.contract import messages as mapping
from notify_svc.domain import signing
from notify_svc.domain.delivery import Attempt, Delivery, NoAnswer
from notify_svc.domain.endpoint import UrlRefusedError, UrlRules

KEPT = 1024
"""How many bytes of an answer go into the log."""

READ_SECONDS = 2.0
"""How long an answer is read after its status, which has said by itself whether the event was taken."""

READ = 32 * 1024
"""How many bytes of an answer are read at the most, so that an ordinary one leaves the connection fit for use again."""

CHUNKS = 32
"""In how many chunks they may come: each costs as much to parse as a thousand bytes."""


@dataclass(slots=True)
class _Answer:
    """What has been read of an answer so far."""

    status: int = 0
    text: str = ""
    retry_after: str = ""


class WebhookChannel:
    """Posts to servers that merchants name: the channel of webhooks, which others post by as well."""

    def __init__(self, http: httpx.AsyncClient, vault: Vault, rules: UrlRules, timeout: float) -> None:
        self._http = http
        self._vault = vault
        self._rules = rules
        self._timeout = timeout

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def attempt(self, delivery: Delivery, now: datetime) -> Attempt:
        """Post a webhook once.

        410 says that the receiver is gone for good (RFC 9110, section 15.5.11; Standard Webhooks asks senders to heed
        it).
        """
        body = mapping.webhook_body(delivery.payload)
        attempt = await self.post(delivery.destination, body, self._signed(delivery, body, now))
        return replace(attempt, gone=attempt.status == HTTPStatus.GONE)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Attempt:
        """Post once. Whatever the other side does, the answer is an attempt, never an exception."""
        started = time.perf_counter()
        answer = _Answer()
        try:
            # the rules may have become stricter since the endpoint was registered
            self._rules.check(url)
            await self._post(url, body, headers, answer)
        except UrlRefusedError as error:
            answer.text = f"{NoAnswer.URL_REFUSED}: {error}"
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            # whatever breaks after the status, the status has been said
            if not answer.status:
                answer.text = failures.words(error)
        taken = (time.perf_counter() - started) * 1000
        return Attempt(answer.status, taken, answer.text[:KEPT], answer.retry_after)

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str], answer: _Answer) -> None:
        async with (
            asyncio.timeout(self._timeout) as limit,
            self._http.stream("POST", url, content=body, headers=headers) as response,
        ):
            # its status is here; what is read of the rest has a time of its own
            limit.reschedule(asyncio.get_running_loop().time() + 2 * READ_SECONDS)
            answer.status, answer.retry_after = response.status_code, response.headers.get("retry-after", "")
            kept = await _beginning(response)
            answer.text = kept.decode(errors="replace").replace("\x00", "")

    def _signed(self, delivery: Delivery, body: bytes, now: datetime) -> dict[str, str]:
        """Return the Standard Webhooks headers: a signature for each secret, separated by spaces.

        The id is the event's, so that a receiver can absorb repetitions.
        """
        message_id = str(delivery.event_id)
        secrets = (self._vault.open(sealed, delivery.vault_owner).decode() for sealed in delivery.secrets)
        signatures = [signing.signature(secret, message_id, body, now) for secret in secrets]
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }


async def _beginning(response: httpx.Response) -> bytes:
    """Return the first bytes of an answer, for people to read; one that does not end, or breaks off, is no failure."""
    kept, read, chunks = b"", 0, 0
    with suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in response.aiter_raw():
                kept += chunk[: KEPT - len(kept)]
                read, chunks = read + len(chunk), chunks + 1
                if read >= READ or chunks >= CHUNKS:
                    # leaving an answer half read closes the connection
                    break
    return kept
