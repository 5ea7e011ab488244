"""`fusionxpay advance`: make a merchant's test data older, so that what waits happens now."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from cli.merchant_api import DEFAULT_GATEWAY, ApiKey, Gateway, merchant_api, read

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_FORM = re.compile(r"(\d+d)?(\d+h)?(\d+m)?(\d+s)?")


def seconds_of(span: str) -> int:
    """Return the seconds of `1d2h3m4s`, where each part may be left out. Raises BadParameter."""
    parts = _FORM.fullmatch(span.strip())
    total = sum(int(part[:-1]) * _UNITS[part[-1]] for part in parts.groups() if part) if parts else 0
    if not total:
        raise typer.BadParameter(f"'{span}' is no length of time: write 25h, 1d6h or 90s")
    return total


def advance(
    by: Annotated[str, typer.Argument(help="How far: 25h, 1d6h, 15m, 90s.")],
    gateway: Gateway = DEFAULT_GATEWAY,
    api_key: ApiKey = "",
) -> None:
    """Make all of your test data older by a length of time: orders expire, webhooks are tried again.

    It goes forwards alone, and takes a moment to reach all services. A live key is refused.
    """
    seconds = seconds_of(by)
    with merchant_api(gateway, api_key) as api:
        clock = read(api.post("/v1/test_clock/advance", json={"by": f"{seconds}s"}))
    typer.echo(f"older by {by}; in all by {clock['advanced']}")
