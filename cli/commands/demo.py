"""`fusionxpay demo`: one order paid end to end through the real mesh, and the proof of it side by side."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import httpx
import typer
from rich.console import Console
from rich.table import Table

from cli import hops as timeline
from cli.commands.up import load_settings, show_console
from cli.endings import Interrupted, interruptible
from cli.hops import Found, Trip
from cli.merchant_api import direct_client
from cli.receiver import Receiver
from cli.tables import show_table
from stack.process import StackError
from stack.stack import Ready, Stack

PATIENCE = 20.0
AMOUNT = {"value": "12.00", "currency": "EUR"}
PART = {"value": "4.50", "currency": "EUR"}
JSON_ONLY = {"accept": "application/json"}
ResultT = TypeVar("ResultT")


class DemoError(Exception):
    """The demo did not go as it must."""


@dataclass(frozen=True)
class Outcome:
    """What each party knows in the end."""

    order: dict[str, Any]
    ledger: list[dict[str, Any]]
    event: dict[str, Any]


def demo(
    stay: Annotated[
        bool, typer.Option("--stay", help="Leave it running until Ctrl-C, to look at it in the console.")
    ] = False,
) -> None:
    """Pay one order through the whole gateway and show every hop. Exit status 0 only when all parties agree."""
    console = Console()
    try:
        with interruptible():
            run(console, stay=stay)
    except (DemoError, StackError, httpx.HTTPError) as error:
        Console(stderr=True).print(f"demo failed: {error}", style="red", markup=False)
        raise typer.Exit(1) from None
    except Interrupted:
        raise typer.Exit(130) from None


def run(console: Console, *, stay: bool) -> None:
    """Start the stack, pay, and compare; `stay` until Ctrl-C. Raises DemoError when not all agree."""
    began = time.monotonic()
    with Stack(load_settings(log_level="DEBUG")) as stack, Receiver() as merchant:
        ready = stack.ready
        console.print(f"The gateway is up: {len(ready.pids)} processes in {time.monotonic() - began:.1f} s")
        show_console(console, ready)
        console.print()
        trip, outcome = pay(ready, merchant)
        hops = wait_until("every hop in the logs", lambda: all_hops(Path(ready.log_dir), trip))
        show_timeline(console, hops)
        show_outcome(console, trip, outcome)
        check(trip, outcome, merchant)
        second_payment(console, ready)
        console.print(f"[green]All parties agree. Done in {time.monotonic() - began:.1f} s.")
        if stay:
            console.print(f"Both orders are at {ready.console['url']}/orders.", highlight=False)
            console.print(f"Pay one yourself: {payment_link(ready)}", highlight=False, soft_wrap=True)
            console.print("Ctrl-C ends the demo.")
            with suppress(Interrupted):
                signal.pause()
    console.print("Nothing is left running.")


def payment_link(ready: Ready) -> str:
    """Make a payment link, and return its address."""
    headers = {"authorization": f"Bearer {ready.merchant.api_key}"}
    with direct_client(base_url=ready.edge_url, headers=headers, timeout=PATIENCE) as api:
        link = {"amount": AMOUNT, "description": "A pair of shoes", "max_uses": 100}
        return str(answer(api.post("/v1/payment_links", json=link)).json()["url"])


def pay(ready: Ready, merchant: Receiver) -> tuple[Trip, Outcome]:
    """Do what a merchant and its customer do."""
    headers = {"authorization": f"Bearer {ready.merchant.api_key}"}
    with (
        direct_client(base_url=ready.edge_url, headers=headers, timeout=PATIENCE) as api,
        direct_client() as browser,
    ):
        endpoint = answer(api.post("/v1/webhook_endpoints", json={"url": merchant.url}))
        merchant.secret = endpoint.json()["secret"]
        order = answer(
            api.post(
                "/v1/orders",
                json={"merchant_order_id": "demo-1", "amount": AMOUNT, "description": "A pair of shoes"},
                headers={"idempotency-key": "demo-order"},
            )
        )
        order_id = order.json()["order_id"]
        payment = answer(
            api.post(
                "/v1/payments",
                json={"order_id": order_id, "provider": "stripe", "return_url": "https://shop.example/thanks"},
                headers={"idempotency-key": "demo-payment"},
            )
        )
        page = payment.json()["redirect_url"]
        answer(browser.get(page))
        browser.post(f"{page}/pay", data={"payment_method": "pm_card_visa"})
        paid = wait_until("the order to be paid", lambda: settled(api, order_id))
        event = merchant.wait_for("order.succeeded", PATIENCE)
        if event is None:
            raise DemoError("the merchant never received order.succeeded")
        query = {"order_id": order_id, "kind": "charge"}
        ledger = answer(browser.get(f"{ready.sandbox_url}/_sandbox/ledger", params=query)).json()
    trip = Trip(order_id, payment.json()["payment_id"], order.headers["x-request-id"], payment.headers["x-request-id"])
    return trip, Outcome(paid, ledger["entries"], event)


def second_payment(console: Console, ready: Ready) -> None:
    """Pay through another provider, give a part back, and show the order's timeline.

    Raises DemoError when the gateway and the provider disagree.
    """
    headers = {"authorization": f"Bearer {ready.merchant.api_key}"}
    with (
        direct_client(base_url=ready.edge_url, headers=headers, timeout=PATIENCE) as api,
        direct_client() as browser,
    ):
        order_id = answer(api.post("/v1/orders", json={"amount": AMOUNT})).json()["order_id"]
        wanted = {"order_id": order_id, "provider": "paypal", "return_url": "https://shop.example/thanks"}
        payment = answer(api.post("/v1/payments", json=wanted)).json()
        # the customer approves and closes the browser: only PayPal's webhook informs the gateway
        answer(browser.post(f"{payment['redirect_url']}/approve", json={"payment_method": "paypal"}, headers=JSON_ONLY))
        wait_until("the PayPal order to be paid", lambda: settled(api, order_id))
        answer(api.post(f"/v1/payments/{payment['payment_id']}/refunds", json={"amount": PART}))
        wait_until("the refund to reach the order", lambda: reached(api, order_id, "PARTIALLY_REFUNDED"))
        entries = answer(api.get(f"/v1/orders/{order_id}/timeline")).json()["entries"]
        ledger = answer(browser.get(f"{ready.sandbox_url}/_sandbox/ledger", params={"order_id": order_id})).json()
    table = Table("at", "what", "status", "caused by", "", title="A PayPal payment and a partial refund: its timeline")
    for entry in entries:
        cause = f"{entry['actor']}: {entry['cause'].removeprefix('webhook:')}"
        table.add_row(entry["time"][11:23], entry["resource"], entry["status"], cause, entry["detail"][:60])
    show_table(table, console)
    moved = [(line["kind"], line["amount"]) for line in ledger["entries"] if line["kind"] != "charge"]
    if moved != [("capture", 1200), ("refund", 450)]:
        raise DemoError(f"PayPal's ledger says otherwise: {moved}")


def reached(api: httpx.Client, order_id: str, status: str) -> dict[str, Any] | None:
    """Return the order once it has a status."""
    order: dict[str, Any] = answer(api.get(f"/v1/orders/{order_id}")).json()
    return order if order["status"] == status else None


def answer(response: httpx.Response) -> httpx.Response:
    """Return a successful response. Raises DemoError with what was answered otherwise."""
    if response.is_error:
        raise DemoError(f"{response.request.method} {response.request.url}: {response.status_code} {response.text}")
    return response


def settled(api: httpx.Client, order_id: str) -> dict[str, Any] | None:
    """Return the order once it is no longer on its way."""
    order: dict[str, Any] = answer(api.get(f"/v1/orders/{order_id}")).json()
    return order if order["status"] not in ("NEW", "PROCESSING") else None


def all_hops(log_dir: Path, trip: Trip) -> list[Found] | None:
    """Return the hops once the logs show all of them."""
    found, missing = timeline.find(log_dir, trip)
    return None if missing else found


def wait_until(what: str, look: Callable[[], ResultT | None]) -> ResultT:
    """Look until there is something. Raises DemoError when it takes too long."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(0.05)
    raise DemoError(f"waited {PATIENCE:.0f} s for {what}")


def show_timeline(console: Console, hops: list[Found]) -> None:
    """Print each hop: when it ended after the first request came in, who did it, and how long it took."""
    start = min(hop.time for hop in hops)
    table = Table("at ms", "process", "hop", "took ms", title="One payment, hop by hop")
    for hop in hops:
        at = (hop.time - start).total_seconds() * 1000
        table.add_row(f"{at:.0f}", hop.hop.process, hop.hop.what, f"{hop.duration_ms:.1f}")
    show_table(table, console)


def show_outcome(console: Console, trip: Trip, outcome: Outcome) -> None:
    """Print what the gateway, the provider and the merchant each know."""
    event = outcome.event["data"]["order"]
    table = Table("", "the gateway's order", "the provider's ledger", "the merchant's webhook, verified")
    charge = outcome.ledger[0] if outcome.ledger else {}
    table.add_row("status", outcome.order["status"], str(charge.get("status")), event["status"])
    table.add_row(
        "amount",
        "{value} {currency}".format(**outcome.order["amount"]),
        f"{charge.get('amount')} minor units {str(charge.get('currency')).upper()}",
        "{value} {currency}".format(**event["amount"]),
    )
    table.add_row(
        "payment", outcome.order["payment_id"], str(charge.get("metadata", {}).get("payment_id")), event["payment_id"]
    )
    table.add_row("count", "1", str(len(outcome.ledger)), "1")
    show_table(table, console)


def check(trip: Trip, outcome: Outcome, merchant: Receiver) -> None:
    """Hold the three against each other. Raises DemoError at the first difference."""
    charged = [(c["metadata"].get("payment_id"), c["amount"], c["currency"], c["status"]) for c in outcome.ledger]
    event = outcome.event["data"]["order"]
    facts = {
        "the order is SUCCESS": outcome.order["status"] == "SUCCESS",
        "the provider charged once, what was asked": charged == [(trip.payment_id, 1200, "eur", "succeeded")],
        "the merchant was notified of this order": event["order_id"] == trip.order_id,
        "the merchant's webhook says what the gateway says": event == outcome.order,
        "every webhook was validly signed": merchant.refused == 0,
    }
    wrong = [fact for fact, holds in facts.items() if not holds]
    if wrong:
        raise DemoError("not so: " + "; ".join(wrong))
