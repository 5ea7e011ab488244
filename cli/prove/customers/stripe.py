"""Stripe's customers: cards on a page or with the request, 3-D Secure, and bank debits that take their time."""

from __future__ import annotations

from cli.prove.customers import Customers, Way

CARD = {"payment_method": "pm_card_visa"}
DECLINED = {"payment_method": "pm_card_chargeDeclined"}
AT_ONCE = Way(card="pm_card_visa")
CUSTOMERS = Customers(
    page="/stripe/",
    challenge="/stripe/3ds/",
    ordinary=Way("pay", CARD),
    at_once=AT_ONCE,
    ways=(
        Way("pay", CARD),
        Way("pay", CARD, first=DECLINED),
        Way("pay", CARD, manual=True),
        AT_ONCE,
        Way(card="pm_card_visa", manual=True),
        Way(card="pm_card_chargeDeclined"),
        Way("approve", card="pm_card_threeDSecure2Required"),
        Way("refuse", card="pm_card_threeDSecure2Required"),
        Way(card="pm_usBankAccount_success"),
    ),
    calls=(
        *("payment_intents.create", "payment_intents.capture", "payment_intents.cancel", "payment_intents.retrieve"),
        *("checkout.sessions.create", "checkout.sessions.expire", "refunds.create"),
    ),
)
