"""`fusionxpay trigger`: make events happen for real, by the public API and the provider simulator behind it."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlsplit

import httpx
import typer

from cli.endings import failed
from cli.merchant_api import DEFAULT_GATEWAY, ApiKey, Gateway, Json, direct_client, merchant_api, read

AMOUNT = {"value": "12.00", "currency": "EUR"}
PART = {"value": "4.50", "currency": "EUR"}
RETURN_URL = "https://shop.example/thanks"
PATIENCE_SECONDS = 30.0
LOOK_SECONDS = 0.1
LIVE_PREFIX = "sk_live_"
NOWHERE = "https://shop.example/hooks"


@dataclass
class Scene:
    """What a merchant and its customer do, and what is made by it."""

    api: httpx.Client
    made: dict[str, str] = field(default_factory=dict)
    """Ids by the names of their fields."""

    def order(self, **fields: str) -> None:
        """Create an order."""
        self._keep(self._post("/v1/orders", {"amount": AMOUNT, "description": "A triggered order"} | fields))

    def charge(self, token: str, **fields: str) -> None:
        """Create an order, and pay it by a token."""
        self.order()
        wanted = {"order_id": self.made["order_id"], "provider": "stripe", "payment_method": f"pm_{token}"}
        self._keep(self._post("/v1/payments", wanted | fields))

    def hosted_page(self) -> str:
        """Create an order, and open a page for the customer to pay on; return its address."""
        self.order()
        wanted = {"order_id": self.made["order_id"], "provider": "stripe", "return_url": RETURN_URL}
        payment = self._post("/v1/payments", wanted)
        self._keep(payment)
        return str(payment["redirect_url"])

    def paid(self, token: str) -> None:
        """Create an order, and wait until it is paid."""
        self.charge(token)
        self.until("order.succeeded")

    def refund(self, amount: Json | None = None) -> None:
        """Give money back: an amount, or all that is left."""
        body = {"amount": amount} if amount else {}
        self._keep(self._post(f"/v1/payments/{self.made['payment_id']}/refunds", body))

    def act(self, path: str) -> None:
        """Do something to what was made: `{order_id}` and the like stand for its ids."""
        self._post(path.format(**self.made), {})

    def disputed(self, action: str) -> None:
        """Pay by a card whose holder disputes it, and have the bank `update` or `close` the dispute."""
        self.charge("card_createDispute")
        self.until("dispute.opened")
        payment = read(self.api.get(f"/v1/payments/{self.made['payment_id']}"))
        # the simulator stands where its pages are
        page = urlsplit(Scene(self.api).hosted_page())
        wanted = {"payment_intent": payment["provider_reference"], "action": action}
        with direct_client(base_url=f"{page.scheme}://{page.netloc}", timeout=self.api.timeout) as simulator:
            read(simulator.post("/_sandbox/disputes", json=wanted))

    def ping(self) -> None:
        """Ping an endpoint: the merchant's first, or one that is made for it and deleted again."""
        found = read(self.api.get("/v1/webhook_endpoints"))["webhook_endpoints"]
        endpoint = found[0] if found else self._post("/v1/webhook_endpoints", {"url": NOWHERE})
        path = f"/v1/webhook_endpoints/{endpoint['webhook_endpoint_id']}"
        self._keep(self._post(f"{path}/ping", {}))
        self.made["webhook_endpoint_id"] = endpoint["webhook_endpoint_id"]
        if not found:
            read(self.api.delete(path))

    def until(self, event_type: str) -> str:
        """Wait until an event has come into the merchant's log, and return its id. Raises TimeoutError."""
        if event_type == "ping":
            return self.made["event_id"]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            query = {"order_id": self.made["order_id"], "type": event_type}
            if found := read(self.api.get("/v1/events", params=query))["events"]:
                self._notice(found[0])
                return str(found[0]["event_id"])
            time.sleep(LOOK_SECONDS)
        raise TimeoutError(f"{event_type} did not come within {PATIENCE_SECONDS:g} s; made: {self.made}")

    def _notice(self, event: Json) -> None:
        """Keep the id of what somebody else made, such as a dispute."""
        kind = event["type"].partition(".")[0]
        self.made.setdefault(f"{kind}_id", event["resource_id"])

    def _post(self, path: str, body: Json) -> Json:
        return read(self.api.post(path, json=body))

    def _keep(self, made: Json) -> None:
        names = ("order_id", "payment_id", "refund_id", "event_id")
        self.made |= {name: made[name] for name in names if made.get(name)}


def _expiring(scene: Scene) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=2)
    scene.order(expire_time=soon.isoformat())


def _refunded(token: str, amount: Json | None = None) -> Callable[[Scene], None]:
    def act(scene: Scene) -> None:
        scene.paid(token)
        scene.refund(amount)

    return act


def _charged(token: str, **fields: str) -> Callable[[Scene], None]:
    return lambda scene: scene.charge(token, **fields)


def _cancelled_order(scene: Scene) -> None:
    scene.order()
    scene.act("/v1/orders/{order_id}/cancel")


def _cancelled_payment(scene: Scene) -> None:
    scene.charge("card_visa", capture_method="MANUAL")
    scene.until("payment.authorized")
    scene.act("/v1/payments/{payment_id}/cancel")


RECIPES: dict[str, Callable[[Scene], object]] = {
    "order.created": Scene.order,
    "order.processing": _charged("card_visa"),
    "order.succeeded": _charged("card_visa"),
    "order.failed": _charged("card_visa_chargeDeclined"),
    "order.cancelled": _cancelled_order,
    "order.partially_refunded": _refunded("card_visa", PART),
    "order.refunded": _refunded("card_visa"),
    "order.refund_failed": _refunded("card_refundFail"),
    "order.expired": _expiring,
    "payment.created": _charged("card_visa"),
    "payment.updated": Scene.hosted_page,
    "payment.processing": _charged("usBankAccount_success"),
    "payment.authorized": _charged("card_visa", capture_method="MANUAL"),
    "payment.succeeded": _charged("card_visa"),
    "payment.refunded": _refunded("card_visa", PART),
    "payment.failed": _charged("card_visa_chargeDeclined"),
    "payment.cancelled": _cancelled_payment,
    "refund.created": _refunded("card_visa"),
    "refund.updated": _refunded("card_pendingRefund"),
    "refund.succeeded": _refunded("card_visa"),
    "refund.failed": _refunded("card_refundFail"),
    "dispute.opened": _charged("card_createDispute"),
    "dispute.updated": lambda scene: scene.disputed("update"),
    "dispute.closed": lambda scene: scene.disputed("close"),
    "ping": Scene.ping,
}
"""What has to be done for each type of event. What is left out takes a provider that says nothing for hours."""


def trigger(
    types: Annotated[list[str] | None, typer.Argument(help="Types of events, such as payment.succeeded.")] = None,
    show_list: Annotated[bool, typer.Option("--list", help="Print the types that can be triggered.")] = False,
    gateway: Gateway = DEFAULT_GATEWAY,
    api_key: ApiKey = "",
) -> None:
    """Make events happen, with a test key and the provider simulator, and print the ids of what was made.

    Exit status: 2 for a type that cannot be triggered, 69 when the gateway or the simulator refuses.
    """
    if show_list:
        typer.echo("\n".join(RECIPES))
        return
    if not types:
        raise typer.BadParameter("say which events, or --list")
    for unknown in (name for name in types if name not in RECIPES):
        near = difflib.get_close_matches(unknown.lower().replace("_", "."), RECIPES, n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else "--list shows what can be triggered"
        raise typer.BadParameter(f"{unknown} cannot be triggered; {hint}")
    if api_key.startswith(LIVE_PREFIX):
        raise typer.BadParameter("events are triggered with a test key")
    with merchant_api(gateway, api_key) as api:
        for name in types:
            typer.echo(" ".join(_happen(api, name)))


def _happen(api: httpx.Client, event_type: str) -> Iterator[str]:
    """Make an event happen, and yield its type, its id and the ids of what it took."""
    scene = Scene(api)
    try:
        RECIPES[event_type](scene)
        event_id = scene.until(event_type)
    except TimeoutError as error:
        raise failed(str(error)) from None
    yield from (event_type, f"event_id={event_id}")
    yield from (f"{name}={value}" for name, value in scene.made.items() if name != "event_id")
