"""`fusionxpay listen`: a merchant's events as they happen, printed, and posted to a server on this machine."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from standardwebhooks import Webhook

from cli.endings import Interrupted, interruptible
from cli.merchant_api import DEFAULT_GATEWAY, ApiKey, Gateway, RefusedError, direct_client, http_url, merchant_api, read
from fusionxpay_client.sse import EventSource, Message
from stack.state import write_private

PATH = "/v1/events:stream"
PREFIX = "whsec_"
FORWARD_SECONDS = 10.0
SILENCE_SECONDS = 45.0
"""How long a stream may say nothing, not even that it lives, before it is taken for dead."""

MAX_PAUSE_SECONDS = 30.0
REORDER_SECONDS = 2.0
RESEND_SECONDS = 5.0
"""After which the gateway tries a delivery again for the first time."""
TRY_AGAIN = (408, 429, 500, 502, 503, 504)
SECRET_FILE = "listen-secret"  # noqa: S105  # the name of a file


def listen(
    forward_to: Annotated[
        str, typer.Option(help="Post each event to this URL, signed. Default: only print them.")
    ] = "",
    events: Annotated[
        str, typer.Option(help="Only these types, by comma, such as 'order.*,payment.succeeded'. Default: all.")
    ] = "",
    after: Annotated[
        str, typer.Option("--from", help="Go on after the event with this id. Default: from now on.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the events' documents, one a line.")] = False,
    duplicate: Annotated[bool, typer.Option("--duplicate", help="Post each event twice.")] = False,
    reorder: Annotated[
        bool,
        typer.Option("--reorder", help=f"Post every other event {REORDER_SECONDS:g} s late."),
    ] = False,
    delay: Annotated[float, typer.Option("--delay", min=0, max=3600, help="Post each event so many seconds late.")] = 0,
    drop_then_resend: Annotated[
        bool, typer.Option("--drop-then-resend", help=f"Lose each event, and post it {RESEND_SECONDS:g} s later.")
    ] = False,
    gateway: Gateway = DEFAULT_GATEWAY,
    api_key: ApiKey = "",
) -> None:
    """Listen to the events of a merchant until Ctrl-C, and post them to a server of yours.

    They are signed as webhooks are, with a secret that stays the same on this machine and is printed at the start;
    FUSIONXPAY_LISTEN_SECRET sets another. When the connection ends, it goes on after the last event.

    Delivery is at least once and in no order. To see that your handler takes that: --duplicate, --reorder, --delay and
    --drop-then-resend, alone or together.

    Exit status: 0 after Ctrl-C, 69 when the gateway refuses.
    """
    secret = ""
    if forward_to:
        http_url(forward_to, "--forward-to")
        secret = _secret()
        typer.echo(f"Events are signed with {secret}", err=as_json)
    road = Road(duplicate, reorder, delay, drop_then_resend)
    if road != Road() and not forward_to:
        raise typer.BadParameter("what happens on the way needs --forward-to")
    try:
        with interruptible(), merchant_api(gateway, api_key) as api, direct_client(timeout=FORWARD_SECONDS) as local:

            def post(message: Message) -> None:
                typer.echo(_line(message, _forward(local, forward_to, secret, message)), err=as_json)

            for number, message in enumerate(_messages(api, EventSource(after), _filters(events))):
                if as_json:
                    typer.echo(message.data)
                if forward_to:
                    _send(road, number, message, post)
                elif not as_json:
                    typer.echo(_line(message, ""))
    except Interrupted:
        typer.echo("Stopped.", err=True)


@dataclass(frozen=True)
class Road:
    """What happens to events on their way to a handler."""

    duplicate: bool = False
    reorder: bool = False
    delay: float = 0
    drop_then_resend: bool = False

    def posts(self, number: int) -> list[float]:
        """Return when an event is posted: how many seconds late, once for each time."""
        late = self.delay + RESEND_SECONDS * self.drop_then_resend
        if self.reorder and number % 2 == 0:
            late += REORDER_SECONDS
        return [late] * (2 if self.duplicate else 1)


def _send(road: Road, number: int, message: Message, post: Callable[[Message], None]) -> None:
    """Post an event now, or later while others come; what is still to be posted at the end is not."""
    for late in road.posts(number):
        if late:
            timer = threading.Timer(late, post, [message])
            timer.daemon = True
            timer.start()
        else:
            post(message)


def _messages(api: httpx.Client, source: EventSource, filters: list[str]) -> Iterator[Message]:
    """Yield events, over as many connections as it takes. Raises RefusedError for what another try does not mend."""
    failures = 0
    while True:
        try:
            with _opened(api, source, filters) as answer:
                if answer.is_error:
                    read(answer)
                typer.echo(f"Listening at {api.base_url}", err=True)
                failures = 0
                source.restart()
                for piece in answer.iter_bytes():
                    yield from source.feed(piece)
                # the stream's time was over
                why = "the stream ended"
        except httpx.TransportError as error:
            why = str(error) or type(error).__name__
        except RefusedError as error:
            if error.status not in TRY_AGAIN:
                raise
            why = str(error)
        pause = min(source.retry_seconds * 2**failures, MAX_PAUSE_SECONDS)
        failures = min(failures + 1, 6)
        typer.echo(f"{why}; going on in {pause:g} s", err=True)
        time.sleep(pause)


def _opened(api: httpx.Client, source: EventSource, filters: list[str]) -> Any:
    headers = {"accept": "text/event-stream"}
    if source.last_event_id:
        headers["last-event-id"] = source.last_event_id
    timeout = httpx.Timeout(SILENCE_SECONDS, connect=10)
    return api.stream("GET", PATH, params={"event_types": filters}, headers=headers, timeout=timeout)


def _filters(events: str) -> list[str]:
    return [name.strip() for name in events.split(",") if name.strip()]


def _forward(local: httpx.Client, url: str, secret: str, message: Message) -> str:
    """Post an event as a webhook of it would come; return what was answered."""
    now = datetime.now(UTC)
    headers = {
        "content-type": "application/json",
        "webhook-id": message.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(message.id, now, message.data),
    }
    try:
        return str(local.post(url, content=message.data.encode(), headers=headers).status_code)
    except httpx.InvalidURL as error:
        raise typer.BadParameter(f"--forward-to: {error}") from None
    except httpx.TransportError as error:
        return f"no answer ({re.sub(r'^.Errno -?[0-9]+. ', '', str(error)) or type(error).__name__})"


def _line(message: Message, outcome: str) -> str:
    """Return an event for people: when it happened, what, its id, and what came of posting it."""
    return f"{json.loads(message.data)['timestamp']}  {message.type:<26}  {message.id}  {outcome}".rstrip()


def _secret() -> str:
    """Return the secret that events are signed with: that of the environment, or this user's own, made if needed."""
    if given := os.environ.get("FUSIONXPAY_LISTEN_SECRET", ""):
        return _checked(given, "FUSIONXPAY_LISTEN_SECRET")
    file = Path(typer.get_app_dir("fusionxpay")) / SECRET_FILE
    new = PREFIX + base64.b64encode(secrets.token_bytes(24)).decode()
    try:
        if not file.is_absolute():
            # a user without a home, as in a container
            raise FileNotFoundError("there is no home directory")
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(file, new)
        return _checked(file.read_text().strip(), str(file))
    except OSError as error:
        words = "The secret is for this time only, set FUSIONXPAY_LISTEN_SECRET to one that stays"
        typer.echo(f"{words}: {error}", err=True)
        return new


def _checked(secret: str, where: str) -> str:
    try:
        base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        raise typer.BadParameter(f"{where} does not hold {PREFIX} and base64") from None
    return secret
