"""The gateway as a merchant's program sees it: one client for threads, one for asyncio, with the same resources."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from fusionxpay_client.connection import Connection
from fusionxpay_client.surface import AsyncResources, Resources
from fusionxpay_client.transport import AsyncTransport, Transport

TIMEOUT = 30.0
"""Seconds."""

RETRIES = 8
"""With pauses that double up to 5 s: enough for a gateway that takes 10 seconds to start again."""


class FusionXPay(Resources):
    """A client for threads. One is enough for all of them; close it, or use it as a context manager.

    Args:
        api_key: `sk_test_…` or `sk_live_…`.
        base_url: The gateway, `https://host[:port]`; `http://` for one in development, in plain text.
        ca_file: The certificates to trust, in PEM, where they are not the public ones.
        signing_secret: Signs every request with it; for keys that ask for that (`docs/authentication.md`).
        timeout: Seconds for a call with all its attempts; each call may say another.
        retries: How often a call is made again that the gateway could not answer.

    Raises:
        ValueError: `base_url` is not the address of a gateway, or the key is empty.
        OSError: The CA file cannot be read.
    """

    def __init__(
        self,
        api_key: str,
        base_url: str,
        *,
        ca_file: str | Path | None = None,
        signing_secret: str = "",
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
    ) -> None:
        connection = Connection.to(base_url, api_key, ca_file, signing_secret)
        self._transport = Transport(connection, timeout, retries)
        super().__init__(self._transport)

    def close(self) -> None:
        """Close the connection; calls under way end."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncFusionXPay(AsyncResources):
    """A client for asyncio. It belongs to the event loop of its first call; close it, or use it by `async with`.

    Args:
        api_key: `sk_test_…` or `sk_live_…`.
        base_url: The gateway, `https://host[:port]`; `http://` for one in development, in plain text.
        ca_file: The certificates to trust, in PEM, where they are not the public ones.
        signing_secret: Signs every request with it; for keys that ask for that (`docs/authentication.md`).
        timeout: Seconds for a call with all its attempts; each call may say another.
        retries: How often a call is made again that the gateway could not answer.

    Raises:
        ValueError: `base_url` is not the address of a gateway, or the key is empty.
        OSError: The CA file cannot be read.
    """

    def __init__(
        self,
        api_key: str,
        base_url: str,
        *,
        ca_file: str | Path | None = None,
        signing_secret: str = "",
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
    ) -> None:
        connection = Connection.to(base_url, api_key, ca_file, signing_secret)
        self._transport = AsyncTransport(connection, timeout, retries)
        super().__init__(self._transport)

    async def close(self) -> None:
        """Close the connection; calls under way end."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
