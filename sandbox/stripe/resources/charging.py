"""The life of a PaymentIntent: attempt, authenticate, settle, capture, cancel.

Nothing here knows HTTP; the API, the hosted pages, the scheduler and the control API all call it.
"""

from sandbox.store.documents import JSON, Document
from sandbox.stripe.account import Account, now
from sandbox.stripe.resources import charges, disputes
from sandbox.stripe.resources.cards import Outcome
from sandbox.stripe.resources.payment_methods import instrument_of
from sandbox.stripe.resources.sessions import follow

SETTLE = "settle.payment_intent"


def attempt(account: Account, intent: Document, method: Document, *, off_session: bool = False) -> None:
    """Try to collect with a payment method; afterwards the PaymentIntent says how it went."""
    outcome = instrument_of(method).outcome
    intent.body.update(payment_method=method.id, last_payment_error=None, next_action=None)
    if outcome.behaviour == "approve":
        _approve(account, intent, method)
    elif outcome.behaviour == "process":
        _process(account, intent, method, outcome)
    elif outcome.behaviour == "decline":
        _decline(account, intent, method, _card_error(outcome, method))
    elif off_session:
        _decline(account, intent, method, _authentication_required(method))
    else:
        _require_action(account, intent)


def authenticate(account: Account, intent: Document, *, approved: bool) -> None:
    """The customer came back from 3-D Secure."""
    method = account.load("payment_method", intent.body["payment_method"])
    intent.body["next_action"] = None
    if approved:
        _approve(account, intent, method)
        return
    message = (
        "The provided PaymentMethod has failed authentication. You can provide payment_method_data"
        " or a new PaymentMethod to attempt to fulfill this PaymentIntent again."
    )
    error = {
        "type": "invalid_request_error",
        "code": "payment_intent_authentication_failure",
        "message": message,
        "payment_method": method.body,
    }
    _fail(account, intent, error)


def settle(account: Account, intent: Document, *, succeeded: bool) -> None:
    """A bank debit that was `processing` has come to its end."""
    account.unschedule(intent)
    charge = account.load("charge", intent.body["latest_charge"])
    if succeeded:
        charges.succeed(account, charge, captured=True)
        _collected(account, intent, charge.body["amount"])
        return
    method = account.load("payment_method", intent.body["payment_method"])
    error = _bank_error(instrument_of(method).outcome, method)
    charges.fail(account, charge, error)
    _fail(account, intent, {**error, "charge": charge.id})


def capture(account: Account, intent: Document, amount: int) -> None:
    """Take an authorized amount, or less; the rest is released."""
    charge = account.load("charge", intent.body["latest_charge"])
    charges.take(account, charge, amount)
    account.emit("charge.captured", charge)
    _collected(account, intent, amount)


def cancel(account: Account, intent: Document, reason: str | None) -> None:
    """Give up: an authorization is released, a running debit stopped."""
    account.unschedule(intent)
    status = intent.body["status"]
    if status == "requires_capture":
        charges.release(account, account.load("charge", intent.body["latest_charge"]))
    elif status == "processing":
        charge = account.load("charge", intent.body["latest_charge"])
        charges.fail(account, charge, {"code": "payment_intent_canceled", "message": "Canceled."})
    intent.body.update(
        status="canceled",
        canceled_at=now(),
        cancellation_reason=reason,
        amount_capturable=0,
        next_action=None,
    )
    _changed(account, intent, "payment_intent.canceled")


def _approve(account: Account, intent: Document, method: Document) -> None:
    instrument = instrument_of(method)
    manual = intent.body["capture_method"] == "manual"
    charge = charges.open_charge(intent, method, instrument)
    charges.succeed(account, charge, captured=not manual)
    intent.body["latest_charge"] = charge.id
    if manual:
        intent.body.update(status="requires_capture", amount_capturable=intent.body["amount"])
        _changed(account, intent, "payment_intent.amount_capturable_updated")
    else:
        _collected(account, intent, charge.body["amount"])
    if instrument.outcome.disputed:
        disputes.open_dispute(account, charge)


def _collected(account: Account, intent: Document, amount: int) -> None:
    intent.body.update(status="succeeded", amount_received=amount, amount_capturable=0, processing=None)
    _changed(account, intent, "payment_intent.succeeded")


def _process(account: Account, intent: Document, method: Document, outcome: Outcome) -> None:
    charge = charges.open_charge(intent, method, instrument_of(method))
    account.save(charge)
    account.record("charge", charge, intent.id, charge.body["amount"], "pending", charge.tags)
    account.emit("charge.pending", charge)
    intent.body.update(status="processing", latest_charge=charge.id)
    _changed(account, intent, "payment_intent.processing")
    if outcome.settles:
        account.schedule(SETTLE, intent, outcome.settles)


def _require_action(account: Account, intent: Document) -> None:
    intent.body["status"] = "requires_action"
    intent.body["next_action"] = _next_action(account, intent)
    _changed(account, intent, "payment_intent.requires_action")


def _next_action(account: Account, intent: Document) -> JSON:
    """A page to go to where there is a way back, else Stripe.js shows the challenge on the merchant's own page."""
    return_url = intent.private.get("return_url")
    if not return_url or intent.private.get("sdk"):
        return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect", "source": intent.id}}
    url = challenge_url(account, intent)
    return {"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": return_url}}


def challenge_url(account: Account, intent: Document) -> str:
    """Where the customer meets the bank, in whatever way they come there."""
    return f"{account.pages_url}/3ds/{intent.id}"


def _decline(account: Account, intent: Document, method: Document, error: JSON) -> None:
    charge = charges.open_charge(intent, method, instrument_of(method))
    charges.fail(account, charge, error)
    intent.body["latest_charge"] = charge.id
    _fail(account, intent, {**error, "charge": charge.id})


def _fail(account: Account, intent: Document, error: JSON) -> None:
    """An attempt failed; the PaymentIntent stays open for another one."""
    intent.body.update(status="requires_payment_method", payment_method=None, processing=None, last_payment_error=error)
    _changed(account, intent, "payment_intent.payment_failed")


def _changed(account: Account, intent: Document, event_type: str) -> None:
    account.save(intent)
    account.emit(event_type, intent)
    follow(account, intent)


def _card_error(outcome: Outcome, method: Document) -> JSON:
    return {
        "type": "card_error",
        "code": outcome.code,
        "decline_code": outcome.decline_code,
        "message": outcome.message,
        "payment_method": method.body,
    }


def _authentication_required(method: Document) -> JSON:
    message = "Your card was declined. This transaction requires authentication."
    outcome = Outcome("decline", "authentication_required", "authentication_required", message)
    return _card_error(outcome, method)


def _bank_error(outcome: Outcome, method: Document) -> JSON:
    code = outcome.code or "payment_method_provider_decline"
    message = outcome.message or "The payment was declined by the bank."
    return {"type": "card_error", "code": code, "message": message, "payment_method": method.body}
