"""Thirty calls of a shop, for whatever client: what is asked for by the contract's names, and what has to come back.

`$name` in a call stands for what an earlier one has kept. A list's answer is `{"items": [...]}`, an error's
`{"reason": ...}`.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
CARD = {"provider": "stripe", "payment_method": "pm_card_visa"}
URL = "https://shop.example/hooks"
NOWHERE = "00000000-0000-7000-8000-000000000000"


def euros(value: str) -> Json:
    """Return an amount."""
    return {"value": value, "currency": "EUR"}


def call(operation: str, method: str, /, **fields: Any) -> Json:
    """Return a call: its operation in OpenAPI, its method in the packages, the path's names and the other fields."""
    extras = {name: fields.pop(name) for name in ("path", "key", "keep", "until", "wants") if name in fields}
    return {"operation": operation, "method": method, "fields": fields, "path": {}, "keep": {}, "wants": {}} | extras


FIRST = {"amount": euros("12.00"), "merchant_order_id": "30-1", "metadata": {"cart": "7"}}
RULES = [{"name": "all", "targets": [{"provider": "stripe", "weight": 1}, {"provider": "paypal", "weight": 0}]}]
ORDER, PAYMENT, REFUND = {"order_id": "$order"}, {"payment_id": "$payment"}, {"refund_id": "$refund"}
HOOK = {"webhook_endpoint_id": "$hook"}
CALLS = [
    call("CreateOrder", "orders.create", **FIRST, key="k-1", keep={"order": "order_id"}, wants={"status": "NEW"}),
    call("CreateOrder", "orders.create", **FIRST, key="k-1", wants={"order_id": "$order"}),
    call("CreateOrder", "orders.create", amount=euros("9.00"), key="k-1", wants={"reason": "IDEMPOTENCY_KEY_REUSED"}),
    call(
        "CreateOrder", "orders.create", amount={"value": "1", "currency": "eur"}, wants={"reason": "INVALID_ARGUMENT"}
    ),
    call("GetOrder", "orders.get", path=ORDER, wants={"metadata.cart": "7", "open_amount.value": "12.00"}),
    call("GetOrder", "orders.get", path={"order_id": NOWHERE}, wants={"reason": "ORDER_NOT_FOUND"}),
    call("ListOrders", "orders.list", merchant_order_id="30-1", wants={"items.0.order_id": "$order"}),
    call(
        *("CreatePayment", "payments.create"),
        order_id="$order",
        provider="stripe",
        return_url="https://shop.example/thanks",
        keep={"page": "payment_id"},
        wants={"status": "INITIATED"},
    ),
    call("GetPayment", "payments.get", path={"payment_id": "$page"}, wants={"order_id": "$order"}),
    call("CancelPayment", "payments.cancel", path={"payment_id": "$page"}, wants={"status": "CANCELLED"}),
    call("CreateOrder", "orders.create", amount=euros("20.00"), keep={"order": "order_id"}),
    call(
        *("CreatePayment", "payments.create"),
        **CARD,
        order_id="$order",
        capture_method="MANUAL",
        keep={"payment": "payment_id"},
        wants={"status": "AUTHORIZED"},
    ),
    call(
        *("CapturePayment", "payments.capture"),
        path=PAYMENT,
        amount=euros("15.00"),
        wants={"status": "SUCCESS", "captured_amount.value": "15.00"},
    ),
    call("ListPayments", "payments.list", order_id="$order", wants={"items.0.payment_id": "$payment"}),
    call("CreateRefund", "refunds.create", path=PAYMENT, amount=euros("2.00"), keep={"refund": "refund_id"}),
    call("CreateRefund", "refunds.create", path=PAYMENT, amount=euros("99.00"), wants={"reason": "AMOUNT_TOO_LARGE"}),
    call("GetRefund", "refunds.get", path=REFUND, wants={"amount.value": "2.00"}),
    call("ListRefunds", "refunds.list", path=PAYMENT, wants={"items.0.refund_id": "$refund"}),
    call("ListAllRefunds", "refunds.list", wants={"items.0.refund_id": "$refund"}),
    call("CreateOrder", "orders.create", amount=euros("3.00"), keep={"third": "order_id"}),
    call("CancelOrder", "orders.cancel", path={"order_id": "$third"}, wants={"status": "CANCELLED"}),
    call("GetOrderTimeline", "order_timeline.get", path={"order_id": "$third"}, wants={"order_id": "$third"}),
    call("ListDisputes", "disputes.list", wants={"items": []}),
    call("CreateWebhookEndpoint", "webhook_endpoints.create", url=URL, keep={"hook": "webhook_endpoint_id"}),
    call("ListWebhookEndpoints", "webhook_endpoints.list", wants={"items.0.url": URL}),
    call("UpdateWebhookEndpoint", "webhook_endpoints.update", path=HOOK, enabled=False, wants={"url": URL}),
    call("PingWebhookEndpoint", "webhook_endpoints.ping", path=HOOK, wants={"reason": "ENDPOINT_DISABLED"}),
    call("DeleteWebhookEndpoint", "webhook_endpoints.delete", path=HOOK, wants={"webhook_endpoint_id": "$hook"}),
    call("UpdateRoutingPolicy", "routing_policy.update", rules=RULES, wants={"rules.0.name": "all"}),
    call("ListEvents", "events.list", type="order.created", until=3, wants={"items.2.type": "order.created"}),
]
"""`until` asks again until a list has so many items."""


def filled(part: Any, kept: dict[str, str]) -> Any:
    """Return a part of a call with what was kept."""
    if isinstance(part, dict):
        return {name: filled(value, kept) for name, value in part.items()}
    return kept[part[1:]] if isinstance(part, str) and part.startswith("$") else part


def at(answer: Any, path: str) -> Any:
    """Return what an answer has at a path of names and numbers; None where it has nothing."""
    for name in path.split("."):
        if isinstance(answer, list):
            answer = answer[int(name)] if int(name) < len(answer) else None
        else:
            answer = answer.get(name) if isinstance(answer, dict) else None
    return answer


def check(answers: list[Json]) -> None:
    """Hold the answers of a client against what they have to be."""
    kept: dict[str, str] = {}
    assert len(answers) == len(CALLS)
    for one, answer in zip(CALLS, answers, strict=True):
        wants = filled(one["wants"], kept)
        assert {path: at(answer, path) for path in wants} == wants, (one["operation"], answer)
        kept |= {name: at(answer, path) for name, path in one["keep"].items()}
