"""One of everything that a merchant can have, and how to call any public RPC: read from the contract, not written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
from google.protobuf.descriptor import FieldDescriptor

from mesh.rpc.routes import Route
from tests.support.merchant.api import Json, Merchant
from tests.support.providers.sandbox import Provider
from tests.support.waiting import eventually

# what a field that is no reference holds in a request that is to be taken, by its name
VALUES: Json = {
    "amount": {"value": "1.00", "currency": "EUR"},
    "by": "1s",
    "end_time": "2026-11-02T00:00:00Z",
    "credentials": {"api_key": "sk_test_acct_nobody", "webhook_secret": "whsec_nobody"},
    "payment_method": "pm_card_visa",
    "provider": "stripe",
    "push": {
        "endpoint": "http://127.0.0.1:9/push",
        "keys": {
            # the point that P-256 begins with
            "p256dh": "BGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
            "auth": "AAAAAAAAAAAAAAAAAAAAAA",
        },
    },
    "rules": [{"name": "all", "targets": [{"provider": "stripe", "weight": 1}]}],
    "start_time": "2026-11-01T00:00:00Z",
    "token": "nobody",
    "url": "http://127.0.0.1:9/never",
}


LAST = {"order.partially_refunded", "payment.refunded", "refund.succeeded", "dispute.opened"}
"""The last event of each thing that has any: those before it come before it."""


@dataclass(frozen=True)
class Call:
    """A request of one binding of an RPC."""

    method: str
    path: str
    query: Json
    body: Json | None
    refers: bool
    """Whether it names a resource that must be there."""
    streams: bool = False
    """Whether the answer goes on; then only its first bytes are read."""

    def send(self, http: httpx.Client, **headers: str) -> httpx.Response:
        """Make the request."""
        if not self.streams:
            return http.request(self.method, self.path, params=self.query, json=self.body, headers=headers)
        with http.stream(self.method, self.path, params=self.query, headers=headers) as answer:
            content = next(answer.iter_raw()) if answer.status_code == 200 else answer.read()
            return httpx.Response(answer.status_code, headers=answer.headers, content=content)


def one_of_everything(merchant: Merchant, provider: Provider) -> dict[str, str]:
    """Give a merchant one of each resource, and return the fields that name them."""
    order_id = merchant.new_order("30.00")["order_id"]
    payment = merchant.charge(order_id)
    merchant.wait_for_order(order_id, "SUCCESS")
    refund = merchant.post(f"/v1/payments/{payment['payment_id']}/refunds", {"amount": VALUES["amount"]})
    provider.dispute(payment["provider_reference"], "create")
    dispute = eventually(lambda: merchant.get("/v1/disputes")["disputes"], "the dispute")[0]
    merchant.wait_for_order(order_id, "PARTIALLY_REFUNDED")
    merchant.http.put("/v1/routing_policy", json={"rules": VALUES["rules"]}).raise_for_status()
    endpoint = merchant.post("/v1/webhook_endpoints", {"url": VALUES["url"]})
    channel = merchant.post("/v1/notification_channels", {"push": VALUES["push"]})
    link = merchant.post("/v1/payment_links", {"amount": VALUES["amount"]})
    told = eventually(lambda: _all_told(merchant, order_id), "the events")
    account = {"credentials": VALUES["credentials"]}
    merchant.http.put(f"/v1/provider_accounts/{VALUES['provider']}", json=account).raise_for_status()
    found = {"order_id": order_id, "payment_id": payment["payment_id"], "provider": VALUES["provider"]}
    found |= {"webhook_endpoint_id": endpoint["webhook_endpoint_id"], "event_id": told["order.created"]}
    found |= {"payment_link_id": link["payment_link_id"]}
    found |= {"notification_channel_id": channel["notification_channel_id"]}
    return found | {"refund_id": refund["refund_id"], "dispute_id": dispute["dispute_id"]}


def _all_told(merchant: Merchant, order_id: str) -> dict[str, str]:
    """Return the ids of an order's events by their types, once each of its resources has its last: none comes later."""
    events = merchant.get("/v1/events", order_id=order_id, page_size=100)["events"]
    told = {event["type"]: event["event_id"] for event in events}
    return told if told.keys() >= LAST else {}


OF_ONE = {"ListRefunds", "ExportRefunds", "ListWebhookEndpointDeliveries"}
"""Lists that are of one resource where they name it, and not found when that is not."""


def call_of(route: Route, ids: dict[str, str]) -> Call:
    """Return a request of a binding that names a merchant's resources wherever it can name any.

    Raises AssertionError for a field that must be given and that nobody knows a value for: say it in `VALUES`, or make
    the resource in `one_of_everything`.
    """
    path = re.sub(r"\{(\w+)\}", lambda variable: _reference(route, variable.group(1), ids), route.template)
    rest = [field for field in route.request.fields if field.name not in route.variables]
    given = {field.name: ids[field.name] for field in rest if field.name in ids}
    body = given | {field.name: VALUES[field.name] for field in rest if field.name in VALUES}
    # what is put need not be there before
    refers = route.method != "PUT" and (
        bool(route.variables) or (bool(given) and (route.body == "*" or route.rpc.name in OF_ONE))
    )
    if route.body == "*":
        return Call(route.method, path, {}, body, refers)
    assert not route.body, f"{route.rpc.full_name}: no way is known to send the body {route.body!r}"
    return Call(route.method, path, given, None, refers, route.is_stream and not route.is_export)


def _reference(route: Route, name: str, ids: dict[str, str]) -> str:
    assert name in ids, f"{route.rpc.full_name}: `one_of_everything` makes nothing that {name} names"
    return ids[name]


def lists_of(route: Route, answer: Json) -> Iterator[list[Any]]:
    """Yield the lists of resources in an answer."""
    for field in route.rpc.output_type.fields:
        if field.is_repeated and field.type == FieldDescriptor.TYPE_MESSAGE:
            yield answer[field.name]
