"""How a Checkout Session follows its PaymentIntent."""

from sandbox.store.documents import Document
from sandbox.stripe.account import Account

_PAID_FOR = {"succeeded", "requires_capture", "processing"}


def follow(account: Account, intent: Document) -> None:
    """Bring the Session that made this PaymentIntent, if any, in line with it."""
    if "session" not in intent.private:
        return
    session = account.load("checkout.session", intent.private["session"])
    if session.body["status"] == "open" and intent.body["status"] in _PAID_FOR:
        _complete(account, session, intent.body["status"])
    elif session.body["status"] == "complete" and session.body["payment_status"] == "unpaid":
        _settle(account, session, intent.body["status"])


def _complete(account: Account, session: Document, intent_status: str) -> None:
    """`checkout.session.completed`; unpaid while a bank transfer runs or a capture is awaited."""
    paid = intent_status == "succeeded"
    session.body.update(status="complete", url=None, payment_status="paid" if paid else "unpaid")
    session.private["asynchronous"] = intent_status == "processing"
    account.unschedule(session)
    account.save(session)
    account.emit("checkout.session.completed", session)


def _settle(account: Account, session: Document, intent_status: str) -> None:
    asynchronous = session.private["asynchronous"]
    if intent_status == "succeeded":
        session.body["payment_status"] = "paid"
        account.save(session)
        if asynchronous:
            account.emit("checkout.session.async_payment_succeeded", session)
    elif intent_status == "requires_payment_method" and asynchronous:
        account.emit("checkout.session.async_payment_failed", session)
