"""PayPal's customers: wallets that pay at once, late, or not at all."""

from __future__ import annotations

from cli.prove.customers import Customers, Way

WALLET = {"payment_method": "paypal"}
CUSTOMERS = Customers(
    page="/paypal/",
    ordinary=Way("approve", WALLET),
    ways=(
        Way("approve", WALLET),
        Way("approve", WALLET, manual=True),
        Way("approve", {"payment_method": "paypal_pending"}),
        Way("approve", {"payment_method": "paypal_capture_declined"}),
        Way("approve", {"payment_method": "paypal_refund_pending"}),
    ),
    calls=(
        *("orders.create", "orders.capture", "orders.authorize", "orders.retrieve"),
        *("authorizations.capture", "authorizations.void", "captures.refund"),
    ),
)
