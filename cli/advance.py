"""`fusionxpay advance`: make a merchant's test data older, so that what waits happens now."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from cli.merchant_api import DEFAULT_GATEWAY, ApiKey, Gateway, merchant_api, read
from cli.spans import shown, span


def advance(
    by: Annotated[timedelta, typer.Argument(parser=span, help="How far: 25h, 1d6h, 15m, 90s.")],
    gateway: Gateway = DEFAULT_GATEWAY,
    api_key: ApiKey = "",
) -> None:
    """Bring what your test data waits for nearer by a length of time: orders expire, webhooks are tried again.

    It goes forwards alone; orders are expired within about 5 seconds. A live key is refused.
    """
    seconds = by // timedelta(seconds=1)
    with merchant_api(gateway, api_key) as api:
        clock = read(api.post("/v1/test_clock/advance", json={"by": f"{seconds}s"}))
    in_all = shown(int(clock["advanced"].removesuffix("s")))
    typer.echo(f"on by {shown(seconds)}, in all by {in_all}; orders that are due expire within about 5 seconds")
