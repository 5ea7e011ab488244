"""Stripe's test payment methods: the token decides the outcome."""

from dataclasses import dataclass
from typing import Literal

from sandbox.store.documents import JSON

Behaviour = Literal["approve", "decline", "authenticate", "process"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a test payment method does when it is charged.

    `settles` is how a `process` ends by itself; None leaves it to the control API. `refund` is how
    a refund of the charge goes.
    """

    behaviour: Behaviour = "approve"
    code: str = ""
    decline_code: str | None = None
    message: str = ""
    settles: str | None = None
    refund: Literal["succeed", "pend", "fail"] = "succeed"
    disputed: bool = False


@dataclass(frozen=True, slots=True)
class Instrument:
    """A resolved token."""

    token: str
    type: Literal["card", "us_bank_account"]
    brand: str
    last4: str
    outcome: Outcome


def _declined(decline_code: str, message: str = "Your card was declined.", code: str = "") -> Outcome:
    return Outcome("decline", code or "card_declined", decline_code if not code else None, message)


_BRANDS = {
    "visa": ("visa", "4242"),
    "visa_debit": ("visa", "5556"),
    "mastercard": ("mastercard", "4444"),
    "mastercard_debit": ("mastercard", "3222"),
    "amex": ("amex", "8431"),
    "discover": ("discover", "1117"),
    "jcb": ("jcb", "0505"),
    "unionpay": ("unionpay", "0005"),
}
_CARDS = {
    "chargeDeclined": _declined("generic_decline"),
    "chargeCustomerFail": _declined("generic_decline"),
    "chargeDeclinedInsufficientFunds": _declined("insufficient_funds", "Your card has insufficient funds."),
    "chargeDeclinedLostCard": _declined("lost_card"),
    "chargeDeclinedStolenCard": _declined("stolen_card"),
    "chargeDeclinedFraudulent": _declined("fraudulent"),
    "chargeDeclinedVelocityLimitExceeded": _declined("card_velocity_exceeded"),
    "chargeDeclinedExpiredCard": _declined("expired_card", "Your card has expired.", "expired_card"),
    "chargeDeclinedIncorrectCvc": _declined(
        "incorrect_cvc", "Your card's security code is incorrect.", "incorrect_cvc"
    ),
    "chargeDeclinedProcessingError": _declined(
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
        "processing_error",
    ),
    "authenticationRequired": Outcome("authenticate"),
    "threeDSecure2Required": Outcome("authenticate"),
    "threeDSecureRequired": Outcome("authenticate"),
    "createDispute": Outcome(disputed=True),
    "pendingRefund": Outcome(refund="pend"),
    "refundFail": Outcome(refund="fail"),
}
_BANK_ACCOUNTS = {
    "success": Outcome("process", settles="succeeded"),
    "processing": Outcome("process"),
    "failed": Outcome(
        "process",
        "payment_method_provider_decline",
        None,
        "The payment was declined by the bank.",
        settles="failed",
    ),
    "insufficientFunds": Outcome(
        "process",
        "insufficient_funds",
        None,
        "The customer's account has insufficient funds to cover this payment.",
        settles="failed",
    ),
}


def resolve(token: str) -> Instrument | None:
    """The test method that ``pm_card_*`` or ``pm_usBankAccount_*`` stands for."""
    if token.startswith("pm_usBankAccount_"):
        outcome = _BANK_ACCOUNTS.get(token.removeprefix("pm_usBankAccount_"))
        return Instrument(token, "us_bank_account", "", "6789", outcome) if outcome else None
    if not token.startswith("pm_card_"):
        return None
    name = token.removeprefix("pm_card_")
    if name in _BRANDS:
        return Instrument(token, "card", *_BRANDS[name], Outcome())
    card = _CARDS.get(name.removeprefix("visa_"))
    return Instrument(token, "card", "visa", "0341", card) if card else None


def details(method: Instrument, *, charged: bool = False) -> JSON:
    """The type-specific hash of a PaymentMethod, or of a Charge's `payment_method_details`."""
    if method.type == "us_bank_account":
        return {
            "account_holder_type": "individual",
            "account_type": "checking",
            "bank_name": "STRIPE TEST BANK",
            "last4": method.last4,
            "routing_number": "110000000",
        }
    card = {
        "brand": method.brand,
        "country": "US",
        "exp_month": 12,
        "exp_year": 2040,
        "funding": "credit",
        "last4": method.last4,
    }
    if charged:
        return {**card, "network": method.brand, "three_d_secure": None}
    networks = {"available": [method.brand], "preferred": None}
    return {**card, "networks": networks, "three_d_secure_usage": {"supported": True}}
