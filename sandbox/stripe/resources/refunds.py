"""Refunds: endpoints of ``/v1/refunds``, and refunds that end later than they began."""

from sandbox.store.documents import JSON, Document
from sandbox.stripe import lists
from sandbox.stripe.account import Account, new_id, now
from sandbox.stripe.errors import invalid, refused
from sandbox.stripe.money import check_step, shown
from sandbox.stripe.params import Call
from sandbox.stripe.resources.payment_methods import instrument_of

SETTLE = "settle.refund"
_REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def create(account: Account, call: Call) -> JSON:
    """Refund a charge or a PaymentIntent, wholly or in part, never more than was captured."""
    params = call.params
    reason = params.choice("reason", _REASONS)
    wanted = params.integer("amount", 1)
    metadata = params.metadata()
    charge = _charge(account, call)
    amount = _refundable(charge, wanted)
    refund = Document(_body(charge, amount, reason, metadata), tags={**charge.tags, **metadata})
    _begin(account, charge, refund)
    return refund.body


def retrieve(account: Account, call: Call) -> JSON:
    """Retrieve a Refund."""
    return account.load("refund", call.id).body


def update(account: Account, call: Call) -> JSON:
    """Update a Refund's metadata."""
    refund = account.load("refund", call.id)
    refund.body["metadata"] = call.params.metadata(refund.body["metadata"])
    refund.tags |= refund.body["metadata"]
    account.save(refund)
    account.emit("refund.updated", refund)
    return refund.body


def listing(account: Account, call: Call) -> JSON:
    """List Refunds of a charge or PaymentIntent."""
    return lists.listing(account, call, "refund", ("charge", "payment_intent"))


def settle(account: Account, refund: Document, *, succeeded: bool) -> None:
    """End a pending refund, or let one fail that had looked fine: the money comes back."""
    account.unschedule(refund)
    charge = account.load("charge", refund.body["charge"])
    previous = {"status": refund.body["status"]}
    if succeeded:
        refund.body.update(status="succeeded", pending_reason=None)
    else:
        refund.body.update(status="failed", failure_reason="expired_or_canceled_card", pending_reason=None)
        left = charge.body["amount_refunded"] - refund.body["amount"]
        charge.body.update(amount_refunded=left, refunded=False)
        account.save(charge)
    _store(account, refund)
    account.emit("refund.updated", refund, previous)
    if not succeeded:
        account.emit("refund.failed", refund, previous)


def _begin(account: Account, charge: Document, refund: Document) -> None:
    manner = instrument_of(charge).outcome.refund
    refund.body["status"] = "pending" if manner == "pend" else "succeeded"
    refund.body["pending_reason"] = "processing" if manner == "pend" else None
    refunded = charge.body["amount_refunded"] + refund.body["amount"]
    charge.body.update(amount_refunded=refunded, refunded=refunded == charge.body["amount_captured"])
    account.save(charge)
    _store(account, refund)
    account.emit("refund.created", refund)
    account.emit("charge.refunded", charge)
    if manner != "succeed":
        account.schedule(SETTLE, refund, "succeeded" if manner == "pend" else "failed")


def _store(account: Account, refund: Document) -> None:
    account.save(refund)
    body = refund.body
    account.record("refund", refund, body["payment_intent"], body["amount"], body["status"], refund.tags)


def _charge(account: Account, call: Call) -> Document:
    params = call.params
    charge_id, intent_id = params.text("charge"), params.text("payment_intent")
    if charge_id is not None and intent_id is not None:
        message = "You may only specify one of these parameters: charge, payment_intent."
        raise invalid(message, code="parameters_exclusive")
    if charge_id is not None:
        return account.load("charge", charge_id, "charge", status=404)
    if intent_id is None:
        message = "One of the following params should be provided for this request: payment_intent or charge."
        raise invalid(message, code="parameter_missing")
    intent = account.load("payment_intent", intent_id, "payment_intent", status=404)
    if intent.body["latest_charge"] is None or intent.body["status"] != "succeeded":
        raise refused(f"This PaymentIntent ({intent_id}) does not have a successful charge to refund.")
    return account.load("charge", intent.body["latest_charge"])


def _refundable(charge: Document, wanted: int | None) -> int:
    """The amount to refund, or Stripe's reason why not."""
    body = charge.body
    if not body["captured"]:
        raise refused(f"Charge {charge.id} has not been captured; cancel its PaymentIntent instead.")
    if body["disputed"]:
        message = f"Charge {charge.id} has been charged back; cannot issue a refund."
        raise refused(message, "charge_disputed")
    left = body["amount_captured"] - body["amount_refunded"]
    if left == 0:
        message = f"Charge {charge.id} has already been refunded."
        raise refused(message, "charge_already_refunded")
    amount = left if wanted is None else wanted
    check_step(amount, body["currency"], "amount")
    if amount > left:
        asked, rest = shown(amount, body["currency"]), shown(left, body["currency"])
        message = f"Refund amount ({asked}) is greater than unrefunded amount on charge ({rest})"
        raise refused(message, "amount_too_large", "amount")
    return amount


def _body(charge: Document, amount: int, reason: str | None, metadata: dict[str, str]) -> JSON:
    return {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge.id,
        "created": now(),
        "currency": charge.body["currency"],
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "failure_reason": None,
        "metadata": metadata,
        "payment_intent": charge.body["payment_intent"],
        "pending_reason": None,
        "reason": reason,
        "receipt_number": None,
        "status": "pending",
    }
