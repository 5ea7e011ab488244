"""`fusionxpay export`: payments, refunds, disputes or orders of a time as a file, however many they are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO

import httpx
import typer

from cli.endings import failed
from cli.merchant_api import DEFAULT_GATEWAY, ApiKey, Gateway, Json, RefusedError, merchant_api
from cli.moments import moment
from cli.parquet import Rows
from mesh.ids import utc_now


class What(StrEnum):
    """What can be exported."""

    ORDERS = "orders"
    PAYMENTS = "payments"
    REFUNDS = "refunds"
    DISPUTES = "disputes"


class By(StrEnum):
    """The time that the span is of."""

    CREATED = "create_time"
    UPDATED = "update_time"
    CAPTURED = "capture_time"
    SUCCEEDED = "success_time"
    REVERSED = "reverse_time"
    WITHDRAWN = "withdraw_time"
    REINSTATED = "reinstate_time"


TIMES = {
    What.ORDERS: (By.CREATED, By.UPDATED),
    What.PAYMENTS: (By.CREATED, By.UPDATED, By.CAPTURED),
    What.REFUNDS: (By.CREATED, By.UPDATED, By.SUCCEEDED, By.REVERSED),
    What.DISPUTES: (By.CREATED, By.UPDATED, By.WITHDRAWN, By.REINSTATED),
}
"""What each kind has."""


class Form(StrEnum):
    """How it is written."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


def export(
    what: Annotated[What, typer.Argument(help="What is exported.")],
    since: Annotated[datetime, typer.Option("--from", parser=moment, help="From here on, UTC where it has no zone.")],
    until: Annotated[
        datetime | None,
        typer.Option("--to", parser=moment, help="Before this, UTC where it has no zone. Default: until now."),
    ] = None,
    by: Annotated[By, typer.Option(help="The time that has to be in the span.")] = By.CREATED,
    form: Annotated[Form, typer.Option("--format", help="How it is written; parquet needs pyarrow.")] = Form.CSV,
    status: Annotated[list[str] | None, typer.Option(help="Only in this status; repeat it for several.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file; else the standard output.")] = None,
    gateway: Gateway = DEFAULT_GATEWAY,
    api_key: ApiKey = "",
) -> None:
    """Export a span of time, oldest first; it includes its start and not its end.

    Amounts are decimals in the currency's own unit, times are UTC. It takes little memory however long it is, and a
    file that is there is whole.
    """
    query: Json = {
        "format": Form.CSV if form is Form.PARQUET else form,
        f"{by}_from": since.isoformat(),
        f"{by}_to": (until or utc_now()).isoformat(),
        "statuses": status or [],
    }
    if by not in TIMES[what]:
        raise typer.BadParameter(f"{what} have no {by}, but {', '.join(TIMES[what])}", param_hint="--by")
    if form is Form.PARQUET and output is None:
        raise typer.BadParameter("parquet is no text: say which file it goes to, by --output")
    asked = f"/v1/{what}:export"
    with (
        merchant_api(gateway, api_key) as api,
        _whole(output) as out,
        api.stream("GET", asked, params=query) as answer,
    ):
        if answer.is_error:
            answer.read()
            raise RefusedError(answer)
        _write(answer, form, out)


def _write(answer: httpx.Response, form: Form, out: BinaryIO) -> None:
    try:
        if form is Form.PARQUET:
            with Rows(out) as rows:
                rows.write(answer.iter_bytes())
            return
        out.writelines(answer.iter_bytes())
    except httpx.TransportError as error:
        raise failed(f"the export broke off, and what there is of it is not whole: {error}") from None


@contextmanager
def _whole(output: Path | None) -> Iterator[BinaryIO]:
    """Open what is written to; a file has its name only when it is written to its end."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    part = output.with_name(f"{output.name}.part")
    try:
        with part.open("wb") as out:
            yield out
        part.replace(output)
    except OSError as error:
        raise typer.BadParameter(f"{output} cannot be written: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
