"""Customer Disputes v1, as far as a merchant's server reads them: a buyer asks a captured payment back."""

import time
from datetime import UTC, datetime, timedelta

from sandbox.paypal import captures, refunds
from sandbox.paypal.account import NAME, Account, new_id, timestamp
from sandbox.paypal.fields import Call
from sandbox.provider import Refused
from sandbox.store.documents import JSON, Document

KIND = "dispute"
_DAYS_TO_ANSWER = 10
_OPEN = ("OPEN", "WAITING_FOR_BUYER_RESPONSE", "WAITING_FOR_SELLER_RESPONSE", "UNDER_REVIEW")
_OUTCOMES = (
    "RESOLVED_BUYER_FAVOUR",
    "RESOLVED_SELLER_FAVOUR",
    "RESOLVED_WITH_PAYOUT",
    "CANCELED_BY_BUYER",
    "ACCEPTED",
    "DENIED",
    "NONE",
)
_TAKES_THE_MONEY = ("RESOLVED_BUYER_FAVOUR", "ACCEPTED")
_RESOLVED = "RESOLVED"
_DISPUTED = ("COMPLETED", "PARTIALLY_REFUNDED")


def retrieve(account: Account, call: Call) -> Document:
    """Show dispute details."""
    return account.load(KIND, call.id)


def control(account: Account, request: JSON) -> JSON:
    """`POST /_sandbox/disputes`: create, update, close or appeal the dispute of a capture."""
    capture = account.find(captures.KIND, str(request.get("capture")))
    if capture is None:
        raise Refused("name a capture")
    action, status = request.get("action", "create"), request.get("status")
    if action == "create":
        return _open(account, capture, str(request.get("reason", "MERCHANDISE_OR_SERVICE_NOT_RECEIVED")))
    dispute = account.find(KIND, str(capture.private.get("dispute")))
    if dispute is None:
        raise Refused(f"capture {capture.id} has no dispute")
    is_resolved = dispute.body["status"] == _RESOLVED
    if action == "appeal" and is_resolved:
        return _appeal(account, dispute)
    if is_resolved or action == "appeal":
        raise Refused(f"dispute {dispute.id} is {'' if is_resolved else 'not '}resolved")
    if action == "update":
        return _update(account, dispute, str(status or "UNDER_REVIEW"))
    if action == "close":
        return _close(account, capture, dispute, str(status or "RESOLVED_BUYER_FAVOUR"))
    raise Refused("action must be create, update, close or appeal")


def _open(account: Account, capture: Document, reason: str) -> JSON:
    """`CUSTOMER.DISPUTE.CREATED` for all that was captured."""
    if capture.private.get("dispute") or capture.body["status"] not in _DISPUTED:
        raise Refused(f"capture {capture.id} cannot be disputed")
    dispute_id = f"PP-D-{new_id()}"
    due = datetime.now(UTC) + timedelta(days=_DAYS_TO_ANSWER)
    transaction = {
        "seller_transaction_id": capture.id,
        "create_time": capture.body["create_time"],
        "transaction_status": "COMPLETED",
        "gross_amount": capture.body["amount"],
    }
    body: JSON = {
        "dispute_id": dispute_id,
        "create_time": timestamp(),
        "update_time": timestamp(),
        "disputed_transactions": [
            transaction | ({"custom": capture.body["custom_id"]} if "custom_id" in capture.body else {})
        ],
        "reason": reason,
        "status": "WAITING_FOR_SELLER_RESPONSE",
        "dispute_amount": capture.body["amount"],
        "dispute_life_cycle_stage": "CHARGEBACK",
        "dispute_channel": "INTERNAL",
        "seller_response_due_date": due.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "links": [account.link(f"v1/customer/disputes/{dispute_id}", "self")],
    }
    private = {"id": dispute_id, "object": f"{NAME}.{KIND}", "created": int(time.time())}
    dispute = Document(body, private, dict(capture.tags))
    capture.private["dispute"] = dispute_id
    account.save(capture)
    return _tell(account, dispute, "CREATED", "A new dispute opened")


def _update(account: Account, dispute: Document, status: str) -> JSON:
    if status not in _OPEN:
        raise Refused(f"status must be one of {', '.join(_OPEN)}")
    dispute.body["status"] = status
    return _tell(account, dispute, "UPDATED", "A dispute was updated")


def _appeal(account: Account, dispute: Document) -> JSON:
    """Who has lost takes it to the next stage: it is the same dispute, and there is another time to answer."""
    due = datetime.now(UTC) + timedelta(days=2 * _DAYS_TO_ANSWER)
    dispute.body |= {
        "status": "WAITING_FOR_SELLER_RESPONSE",
        "dispute_life_cycle_stage": "PRE_ARBITRATION",
        "seller_response_due_date": due.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    del dispute.body["dispute_outcome"]
    return _tell(account, dispute, "UPDATED", "A dispute was appealed")


def _close(account: Account, capture: Document, dispute: Document, outcome: str) -> JSON:
    """Resolve; an outcome for the buyer takes the money back first, which is an event of its own."""
    if outcome not in _OUTCOMES:
        raise Refused(f"status must be one of {', '.join(_OUTCOMES)}")
    dispute.body["status"], dispute.body["dispute_outcome"] = _RESOLVED, {"outcome_code": outcome}
    if outcome in _TAKES_THE_MONEY and capture.body["status"] in _DISPUTED:
        refunds.reverse(account, capture)
    return _tell(account, dispute, "RESOLVED", "A dispute was resolved")


def _tell(account: Account, dispute: Document, word: str, summary: str) -> JSON:
    account.save(dispute)
    account.emit(f"CUSTOMER.DISPUTE.{word}", dispute, dispute.body, KIND, f"{summary} with case # {dispute.id}")
    return dispute.body
