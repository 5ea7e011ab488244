"""OAuth 2.0 access tokens (RFC 6749, 4.4; PayPal's "Authentication" page): fetched once, shared, renewed in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import httpx

from payment_svc.providers.base import CredentialsRefusedError, UnavailableError

EARLY = 0.9
"""The part of a token's life after which a new one is fetched: none is sent that could expire on its way."""


class Tokens:
    """The access token of one client; whoever needs one while it is being renewed waits for the same renewal."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        client_id: str,
        client_secret: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._credentials = httpx.BasicAuth(client_id, client_secret)
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token = ""
        self._renew_at = 0.0

    async def get(self, *, refused: str = "") -> str:
        """Return a token other than the one that PayPal has just refused.

        Raises UnavailableError, as CredentialsRefusedError where PayPal does not take the client's secret: nothing was
        asked of PayPal beyond the token itself.
        """
        async with self._lock:
            if not self._token or self._token == refused or self._clock() >= self._renew_at:
                await self._renew()
            return self._token

    async def _renew(self) -> None:
        asked = self._clock()
        try:
            answer = await self._http.post(
                "/v1/oauth2/token", data={"grant_type": "client_credentials"}, auth=self._credentials
            )
            answer.raise_for_status()
            given = answer.json()
            self._token, lifetime = str(given["access_token"]), float(given["expires_in"])
        except httpx.HTTPStatusError as error:
            if _is_refused(error.response):
                raise CredentialsRefusedError("PayPal does not take our client id and secret") from error
            raise UnavailableError(f"PayPal gave no access token: {error.response.status_code}") from error
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise UnavailableError("PayPal gave no access token") from error
        self._renew_at = asked + lifetime * EARLY


def _is_refused(answer: httpx.Response) -> bool:
    """Whether PayPal itself says so (RFC 6749, 5.2), and not what stands before it."""
    try:
        return bool(answer.json()["error"] == "invalid_client")
    except (ValueError, KeyError, TypeError):
        return False
