"""How the merchants' commands reach the public API: by HTTP, with an API key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import httpx
import typer

from cli.endings import failed

Json = dict[str, Any]
TIMEOUT_SECONDS = 30.0

Gateway = Annotated[
    str, typer.Option("--gateway", envvar="FUSIONXPAY_GATEWAY", help="Where the gateway's public API is.")
]
ApiKey = Annotated[
    str,
    typer.Option(
        "--api-key",
        envvar="FUSIONXPAY_API_KEY",
        show_default=False,
        help="The merchant's API key. Better in the environment, where other users of this machine do not see it.",
    ),
]
DEFAULT_GATEWAY = "http://127.0.0.1:8080"


class RefusedError(Exception):
    """What the gateway answered instead of what was asked for."""

    def __init__(self, answer: httpx.Response) -> None:
        self.status = answer.status_code
        super().__init__(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {_words(answer)}")


def _words(answer: httpx.Response) -> str:
    """Return the reason and the message of a refusal; the body where it is none of ours."""
    try:
        status = answer.json()
        return f"{status['details'][0]['reason']}: {status['message']}"
    except (ValueError, KeyError, IndexError, TypeError):
        return answer.text[:200]


def read(answer: httpx.Response) -> Json:
    """Return what was asked for. Raises RefusedError."""
    if answer.is_error:
        answer.read()
        raise RefusedError(answer)
    document: Json = answer.json()
    return document


def http_url(url: str, where: str) -> None:
    """Check what a setting says is a URL. Ends the command with status 2 when it is none of HTTP."""
    if not url.lower().startswith(("http://", "https://")):
        raise typer.BadParameter(f"{where} cannot be used: '{url}' must begin with http:// or https://")


def direct_client(**options: Any) -> httpx.Client:
    """Return an HTTP client that goes through no proxy, whatever the environment says; the CAs that it names count."""
    return httpx.Client(trust_env=False, verify=httpx.create_ssl_context(), **options)


@contextmanager
def merchant_api(gateway: str, api_key: str) -> Iterator[httpx.Client]:
    """Open the public API for the block; what it refuses ends the command with status 69 and its words.

    Ends the command with status 2 when there is no API key, or the address is none.
    """
    http_url(gateway, "--gateway or FUSIONXPAY_GATEWAY")
    if not api_key:
        raise typer.BadParameter("say which API key to use: FUSIONXPAY_API_KEY, or --api-key")
    headers = {"authorization": f"Bearer {api_key}"}
    try:
        with direct_client(base_url=gateway, headers=headers, timeout=TIMEOUT_SECONDS) as api:
            yield api
    except (httpx.InvalidURL, UnicodeError) as error:
        raise typer.BadParameter(f"the gateway or the key cannot be used: {error}") from None
    except httpx.TransportError as error:
        raise failed(f"the gateway at {gateway} does not answer: {error}") from None
    except RefusedError as error:
        raise failed(str(error)) from None
