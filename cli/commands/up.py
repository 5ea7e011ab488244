"""`fusionxpay up`: the whole gateway on this machine, until Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from cli.endings import Interrupted, failed, interruptible
from cli.pages import Page, address_of
from cli.tables import show_table
from stack.observer import prometheus, targets_of
from stack.operate.control import Control
from stack.operate.rolling import Roller
from stack.operate.supervisor import Supervisor
from stack.process import StackError
from stack.settings import StackSettings
from stack.stack import Ready, Stack

WATCH_SECONDS = 1.0

CURL = """\
curl -sS {url}/v1/orders \\
  -H 'authorization: Bearer {key}' -H 'content-type: application/json' -H 'idempotency-key: my-first-order' \\
  -d '{{"merchant_order_id": "A-1", "amount": {{"value": "12.00", "currency": "EUR"}}}}'"""


def up(
    data_dir: Annotated[Path | None, typer.Option(help="Keep the state here between runs. Default: keep none.")] = None,
    ready_file: Annotated[Path | None, typer.Option(help="Write addresses, keys and pids here once healthy.")] = None,
    http_port: Annotated[
        int | None, typer.Option(help="Port of the public API, JSON and gRPC. Default: a free one.")
    ] = None,
    replicas: Annotated[int | None, typer.Option(help="How many of each service. Default: 1.")] = None,
    log_level: Annotated[str | None, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = None,
    observe: Annotated[
        bool, typer.Option("--observe", help="Run a Prometheus beside it, with the alert rules. It must be installed.")
    ] = False,
) -> None:
    """Start the whole gateway with real servers, and run it until Ctrl-C.

    A component that dies is started again, after pauses that grow, for as long as it takes.

    A part is replaced by FUSIONXPAY_POSTGRES_URL, FUSIONXPAY_NATS_URL or
    FUSIONXPAY_REDIS_URL, the simulated Stripe by FUSIONXPAY_STRIPE_API_KEY with FUSIONXPAY_STRIPE_WEBHOOK_SECRET, and
    the simulated PayPal by FUSIONXPAY_PAYPAL_CLIENT_ID with FUSIONXPAY_PAYPAL_CLIENT_SECRET and
    FUSIONXPAY_PAYPAL_WEBHOOK_ID.
    """
    console = Console()
    try:
        settings = load_settings(
            data_dir=data_dir, ready_file=ready_file, http_port=http_port, replicas=replicas, log_level=log_level
        )
        started = time.monotonic()
        with interruptible(), Stack(settings) as stack, ExitStack() as beside:
            show(console, stack, time.monotonic() - started)
            if observe:
                folder = Path(beside.enter_context(TemporaryDirectory(prefix="fusionxpay-prometheus-")))
                url = beside.enter_context(prometheus(targets_of(stack.ready), folder))
                console.print(f"Prometheus: {url}/alerts", highlight=False)
            watch(stack, settings, console.print)
    except Interrupted:
        console.print("Stopped.")
    except (StackError, OSError) as error:
        raise failed(error, 1) from None


def load_settings(**options: Any) -> StackSettings:
    """Return the settings: the options that are not None over the environment.

    Raises:
        StackError: one is wrong; the message names it and does not show its value, which may be a secret.
    """
    try:
        return StackSettings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        wrong = (
            f"{'_'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors(include_input=False)
        )
        raise StackError(f"wrong setting {'; '.join(wrong)}") from None


def watch(stack: Stack, settings: StackSettings, say: Callable[[str], None]) -> None:
    """Start again what falls, and do what `fusionxpay roll` asks for, for ever."""

    def note(line: str) -> None:
        # a terminal that is gone, or a file on a full disk, ends nothing
        with suppress(OSError):
            say(line)

    supervisor = Supervisor(stack, note)

    def roll(names: list[str], tell: Callable[[str], None]) -> None:
        def both(line: str) -> None:
            note(line)
            tell(line)

        Roller(stack, settings, both, supervisor.look).roll(names)

    with Control(Path(stack.ready.control)) as control:
        while True:
            supervisor.look()
            stack.rotate_logs()
            control.serve(WATCH_SECONDS, roll)


def show(console: Console, stack: Stack, seconds: float) -> None:
    """Print what runs where, and how to create a first order."""
    ready = stack.ready
    table = Table(
        "component", "address", "pid", "log", title=f"FusionXPay is up ({seconds:.1f} s)", title_justify="left"
    )
    for name, pid in ready.pids.items():
        table.add_row(name, stack.address(name), str(pid), str(stack.log(name)))
    show_table(table, console)
    if ready.edge_url:
        show_first_order(console, ready)
    if kept := stack.kept:
        console.print(f"What happens here is kept in {kept}, for the next start.", highlight=False, soft_wrap=True)
    console.print("Ctrl-C stops everything.")


def show_console(console: Console, ready: Ready) -> None:
    """Print where people look at payments, and a login."""
    known = ready.console
    console.print(f"Console: {known['url']}", highlight=False)
    console.print(f"  as {known['owner']} or {known['operator']}, password {known['password']}", highlight=False)
    console.print(f"Documentation: {address_of(Page.DOCS, known['url'])}", highlight=False)


def show_first_order(console: Console, ready: Ready) -> None:
    """Print the addresses and the key of the API, and a command to copy."""
    console.print(f"API (JSON and gRPC): {ready.edge_url}", highlight=False)
    console.print(f"API key of the demo merchant: {ready.merchant.api_key}", highlight=False)
    if ready.console:
        show_console(console, ready)
    console.print()
    # Soft-wrapped, so that the command survives copying from a narrow terminal.
    command = CURL.format(url=ready.edge_url, key=ready.merchant.api_key)
    console.print(command, markup=False, highlight=False, soft_wrap=True)
    console.print()
