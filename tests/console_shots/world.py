"""Something to look at: a merchant's orders and payments in every state."""

from __future__ import annotations

from typing import Any

from fusionx.identity.v1 import identity_pb2

from stack.stack import Ready
from tests.support.merchant.api import Merchant, direct, hosted
from tests.support.waiting import eventually

Json = dict[str, Any]
GOODS = (
    ("1041", "129.00", "Trail running shoes, size 43"),
    ("1042", "24.50", "Merino socks, pack of three"),
    ("1043", "349.90", "Down jacket, blue"),
    ("1044", "18.00", "Water bottle"),
    ("1045", "89.95", "Headlamp 600 lm"),
    ("1046", "1240.00", "Carbon poles, pair, and a rather long description that has to be cut off somewhere"),
)


def furnish(merchant: Merchant) -> Json:
    """Make orders, payments, a refund, an authorization, failures and an endpoint; return the ids of some."""
    merchant.post("/v1/webhook_endpoints", {"url": "http://127.0.0.1:9/hook", "description": "Shop"})
    made: Json = {}
    for number, value, description in GOODS * 2:
        order = merchant.new_order(value, merchant_order_id=number, description=description, metadata={"basket": "b-7"})
        payment = merchant.charge(order["order_id"])
        made.setdefault("payment", payment["payment_id"])
        made["order"] = order["order_id"]
    merchant.post(
        f"/v1/payments/{made['payment']}/refunds",
        {"amount": {"value": "29.00", "currency": "EUR"}, "reason": "One lace was missing"},
    )
    eventually(lambda: merchant.payment(made["payment"]).get("refunded_amount"), "the refund")
    held = merchant.new_order("75.00", merchant_order_id="1050", description="Tent, to be collected")
    made["held"] = merchant.charge(held["order_id"], capture_method="MANUAL")["payment_id"]
    refused = merchant.new_order("61.00", merchant_order_id="1051", description="Rain jacket")
    merchant.http.post("/v1/payments", json=direct(refused["order_id"], "pm_card_visa_chargeDeclined"))
    (failed,) = merchant.get("/v1/payments", order_id=refused["order_id"])["payments"]
    made["failed"] = failed["payment_id"]
    waiting = merchant.new_order("42.00", merchant_order_id="1052", description="Gift card")
    merchant.http.post("/v1/payments", json=hosted(waiting["order_id"]))
    made["new"] = merchant.new_order("10.00", merchant_order_id="1053", description="Never paid")["order_id"]
    policy = {
        "rules": [
            {
                "name": "euros",
                "currencies": ["EUR"],
                "targets": [{"provider": "stripe", "weight": 9}, {"provider": "paypal", "weight": 0}],
            },
            {"name": "rest", "targets": [{"provider": "paypal", "weight": 1}]},
        ]
    }
    merchant.http.put("/v1/routing_policy", json=policy)
    for uses, number, words in ((1, "1054", "Trail running shoes, size 43"), (50, "", "Evening course, one place")):
        asked = {"amount": {"value": "129.00", "currency": "EUR"}, "description": words, "max_uses": uses}
        link = merchant.post("/v1/payment_links", asked | {"merchant_order_id": number})
    made["link"] = link["payment_link_id"]
    made["event"] = eventually(lambda: merchant.get("/v1/events").get("events"), "an event")[0]["event_id"]
    return made


def demo_merchant(gateway: Ready) -> Merchant:
    """Return the demo merchant of a stack."""
    key = identity_pb2.ApiKey(merchant_id=gateway.merchant.id, secret=gateway.merchant.api_key)
    return Merchant(gateway.edge_url, gateway.merchant.id, key)
