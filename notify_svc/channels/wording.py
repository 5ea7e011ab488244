"""Events in people's words, by language: what mails and messages on a screen say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import Template
from typing import Any

from notify_svc.contract import messages as mapping

FACTS: Mapping[str, tuple[str, ...]] = {
    "order": ("merchant_order_id", "order_id", "amount", "status", "description"),
    "payment": ("merchant_order_id", "payment_id", "order_id", "amount", "status", "provider"),
    "refund": ("merchant_order_id", "refund_id", "payment_id", "order_id", "amount", "status", "reason"),
    "dispute": (
        *("merchant_order_id", "dispute_id", "payment_id", "order_id", "amount", "status", "reason"),
        "respond_before",
    ),
    "endpoint": ("kind", "endpoint_id", "description", "disable_reason"),
    "ping": (),
}
"""Which fields of a resource are shown, by the family of the event."""

_ENGLISH = {
    "order.created": "Order $name was created",
    "order.processing": "A payment of order $name started",
    "order.succeeded": "Order $name was paid",
    "order.failed": "The payment of order $name failed",
    "order.cancelled": "Order $name was cancelled",
    "order.partially_refunded": "Order $name is refunded in part",
    "order.refund_failed": "A refund of order $name failed: the money is still yours",
    "order.refunded": "Order $name was refunded",
    "order.expired": "Order $name was not paid in time",
    "payment.created": "A payment of $amount was recorded",
    "payment.updated": "Something about a payment of $amount changed",
    "payment.processing": "A payment of $amount is under way",
    "payment.requires_action": "A payment of $amount waits for the customer",
    "payment.surplus_captured": "$amount came that the order did not need",
    "payment.surplus_refunded": "$amount that the order did not need was given back",
    "payment.authorized": "A payment of $amount is held and waits for its capture",
    "payment.succeeded": "A payment of $amount succeeded",
    "payment.refunded": "The refunds of a payment of $amount changed",
    "payment.failed": "A payment of $amount failed",
    "payment.cancelled": "A payment of $amount was cancelled",
    "payment.needs_review": "Somebody has to look at a payment of $amount",
    "refund.created": "A refund of $amount was recorded",
    "refund.updated": "A refund of $amount is under way",
    "refund.succeeded": "A refund of $amount was paid out",
    "refund.failed": "A refund of $amount failed",
    "refund.needs_review": "Somebody has to look at a refund of $amount",
    "dispute.opened": "A customer disputes a payment of $amount",
    "dispute.updated": "Something about a dispute over $amount changed",
    "dispute.closed": "A dispute over $amount has ended",
    "endpoint.disabled": "Events are not sent to an endpoint any more",
    "ping": "A test, as you asked for",
}
_GERMAN = {
    "order.created": "Bestellung $name wurde angelegt",
    "order.processing": "Für Bestellung $name begann eine Zahlung",
    "order.succeeded": "Bestellung $name wurde bezahlt",
    "order.failed": "Die Zahlung der Bestellung $name ist gescheitert",
    "order.cancelled": "Bestellung $name wurde storniert",
    "order.partially_refunded": "Bestellung $name ist zum Teil erstattet",
    "order.refund_failed": "Eine Erstattung der Bestellung $name ist gescheitert: das Geld ist noch da",
    "order.refunded": "Bestellung $name wurde erstattet",
    "order.expired": "Bestellung $name wurde nicht rechtzeitig bezahlt",
    "payment.created": "Eine Zahlung über $amount wurde aufgenommen",
    "payment.updated": "An einer Zahlung über $amount hat sich etwas geändert",
    "payment.processing": "Eine Zahlung über $amount läuft",
    "payment.requires_action": "Eine Zahlung über $amount wartet auf den Kunden",
    "payment.surplus_captured": "$amount gingen ein, die die Bestellung nicht brauchte",
    "payment.surplus_refunded": "$amount, die die Bestellung nicht brauchte, wurden zurückgegeben",
    "payment.authorized": "Eine Zahlung über $amount ist vorgemerkt und wartet auf ihre Einziehung",
    "payment.succeeded": "Eine Zahlung über $amount war erfolgreich",
    "payment.refunded": "Die Erstattungen einer Zahlung über $amount haben sich geändert",
    "payment.failed": "Eine Zahlung über $amount ist gescheitert",
    "payment.cancelled": "Eine Zahlung über $amount wurde abgebrochen",
    "payment.needs_review": "Jemand muss eine Zahlung über $amount ansehen",
    "refund.created": "Eine Erstattung über $amount wurde aufgenommen",
    "refund.updated": "Eine Erstattung über $amount läuft",
    "refund.succeeded": "Eine Erstattung über $amount wurde ausgezahlt",
    "refund.failed": "Eine Erstattung über $amount ist gescheitert",
    "refund.needs_review": "Jemand muss eine Erstattung über $amount ansehen",
    "dispute.opened": "Ein Kunde reklamiert eine Zahlung über $amount",
    "dispute.updated": "An einer Reklamation über $amount hat sich etwas geändert",
    "dispute.closed": "Eine Reklamation über $amount ist beendet",
    "endpoint.disabled": "An einen Empfänger werden keine Ereignisse mehr gesendet",
    "ping": "Eine Probe, wie verlangt",
}
_ENGLISH_LABELS = {
    "merchant_order_id": "Your number",
    "order_id": "Order",
    "payment_id": "Payment",
    "refund_id": "Refund",
    "dispute_id": "Dispute",
    "endpoint_id": "Endpoint",
    "amount": "Amount",
    "status": "Status",
    "description": "Description",
    "provider": "Provider",
    "reason": "Reason",
    "disable_reason": "Reason",
    "respond_before": "Answer before",
    "kind": "Kind",
}
_GERMAN_LABELS = {
    "merchant_order_id": "Ihre Nummer",
    "order_id": "Bestellung",
    "payment_id": "Zahlung",
    "refund_id": "Erstattung",
    "dispute_id": "Reklamation",
    "endpoint_id": "Empfänger",
    "amount": "Betrag",
    "status": "Stand",
    "description": "Beschreibung",
    "provider": "Anbieter",
    "reason": "Grund",
    "disable_reason": "Grund",
    "respond_before": "Antwort bis",
    "kind": "Art",
}


@dataclass(frozen=True, slots=True)
class Language:
    """The words of one language."""

    titles: Mapping[str, str]
    """By type of event; `$name` is the order's number, `$amount` what it is about."""
    labels: Mapping[str, str]
    event: str
    confirm_title: str
    confirm: str


LANGUAGES: Mapping[str, Language] = {
    "EN": Language(
        _ENGLISH,
        _ENGLISH_LABELS,
        "Event",
        "Confirm this address",
        "Somebody wants events of a shop to be mailed to this address. If that is right, enter this token there; "
        "it counts for 24 hours. If not, ignore this mail: nothing else will come.",
    ),
    "DE": Language(
        _GERMAN,
        _GERMAN_LABELS,
        "Ereignis",
        "Bestätigen Sie diese Adresse",
        "Jemand möchte, dass Ereignisse eines Geschäfts an diese Adresse gesendet werden. Wenn das stimmt, geben Sie "
        "dort dieses Kennwort ein; es gilt 24 Stunden. Wenn nicht, beachten Sie diese Nachricht nicht: es folgt keine "
        "weitere.",
    ),
}


@dataclass(frozen=True, slots=True)
class RenderedEvent:
    """An event in words: one line each, whatever the merchant or a customer wrote."""

    event_id: str
    type: str
    time: str
    order_id: str
    title: str
    facts: tuple[tuple[str, str], ...]
    """What is known of the resource: label and value."""
    summary: str
    """The amount and the number, for a small screen."""


def render(payload: bytes, language: str) -> RenderedEvent:
    """Return a stored event in words; in English where the language is not known."""
    document = mapping.event_document(payload)
    words = LANGUAGES.get(language, LANGUAGES["EN"])
    kind, resource = next(iter(document["data"].items()))
    values = {name: _one_line(resource.get(name)) for name in FACTS.get(kind, ())}
    name = values.get("merchant_order_id") or values.get("order_id", "")
    amount = values.get("amount", "")
    title = words.titles.get(document["type"], document["type"])
    return RenderedEvent(
        event_id=document["id"],
        type=document["type"],
        time=document["timestamp"],
        order_id=values.get("order_id", ""),
        title=Template(title).safe_substitute(name=name, amount=amount),
        facts=tuple((words.labels[name], value) for name, value in values.items() if value),
        summary=", ".join(filter(None, (amount, name, values.get("description") if kind == "endpoint" else ""))),
    )


def _one_line(value: Any) -> str:
    if isinstance(value, dict):
        value = f"{value.get('value', '')} {value.get('currency', '')}"
    printable = "".join(character if character.isprintable() else " " for character in str(value or ""))
    return " ".join(printable.split())
