"""Disputes: a cardholder takes the money back."""

from sandbox.provider import Refused
from sandbox.store.documents import JSON, Document
from sandbox.stripe.account import Account, new_id, now

_CLOSED = ("won", "lost", "warning_closed")
_OPEN = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")
_DAYS_TO_ANSWER = 7


def open_dispute(account: Account, charge: Document, reason: str = "fraudulent") -> Document:
    """`charge.dispute.created` for all that was captured."""
    body: JSON = {
        "id": new_id("du"),
        "object": "dispute",
        "amount": charge.body["amount_captured"],
        "balance_transactions": [],
        "charge": charge.id,
        "created": now(),
        "currency": charge.body["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {"enhanced_evidence": {}},
        "evidence_details": {
            "enhanced_eligibility": {},
            "due_by": now() + _DAYS_TO_ANSWER * 86400,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge.body["payment_intent"],
        "reason": reason,
        "status": "needs_response",
    }
    dispute = Document(body, tags=dict(charge.tags))
    charge.body["disputed"], charge.private["dispute"] = True, dispute.id
    account.save(charge)
    account.save(dispute)
    account.emit("charge.dispute.created", dispute)
    return dispute


def control(account: Account, request: JSON) -> JSON:
    """`POST /_sandbox/disputes`: create, update or close the dispute of a charge or PaymentIntent."""
    charge = _charge(account, request)
    action, status = request.get("action", "create"), request.get("status")
    if action == "create":
        if charge.body["disputed"] or not charge.body["captured"]:
            raise Refused(f"charge {charge.id} cannot be disputed")
        return open_dispute(account, charge, str(request.get("reason", "fraudulent"))).body
    if not charge.private.get("dispute"):
        raise Refused(f"charge {charge.id} has no dispute")
    dispute = account.load("dispute", charge.private["dispute"])
    if action == "update":
        return _move(account, dispute, status or "under_review", _OPEN, "charge.dispute.updated")
    if action == "close":
        return _move(account, dispute, status or "lost", _CLOSED, "charge.dispute.closed")
    raise Refused("action must be create, update or close")


def _charge(account: Account, request: JSON) -> Document:
    charge_id = request.get("charge")
    intent = account.find("payment_intent", str(request.get("payment_intent")))
    if charge_id is None and intent is not None:
        charge_id = intent.body["latest_charge"]
    charge = account.find("charge", str(charge_id))
    if charge is None:
        raise Refused("name a charge, or a payment_intent that has one")
    return charge


def _move(account: Account, dispute: Document, status: str, allowed: tuple[str, ...], event_type: str) -> JSON:
    """Change the status; the outcome is in `status`, not in the event's type."""
    if status not in allowed:
        raise Refused(f"status must be one of {', '.join(allowed)}")
    previous = {"status": dispute.body["status"]}
    if previous["status"] in _CLOSED:
        raise Refused(f"dispute {dispute.id} is closed")
    dispute.body["status"] = status
    account.save(dispute)
    account.emit(event_type, dispute, previous)
    return dispute.body
