"""What the payment service measures, and what a person has to look at. The series of a provider exist once it is on."""

from __future__ import annotations

from mesh.metrics import LONG_SECONDS, SECONDS, Alert, Varies, counter, gauge, histogram, prime
from payment_svc.domain.dispute import DECIDED, DisputeStatus
from payment_svc.domain.operation import OperationKind
from payment_svc.domain.payment import LIVE, PaymentStatus
from payment_svc.domain.review import ReviewKind

OPERATIONS = (
    *("start", "fetch", "find", "complete", "capture", "cancel", "refund", "fetch_refund"),
    *("identity", "owner_of", "resolve", "recall", "reversals", "given_back", "fetch_dispute"),
)
"""What a provider is asked for, under the names of its interface."""
OUTCOMES = (
    *("ok", "RejectedError", "UnavailableError", "OutcomeUnknownError", "InProgressError", "UnreadableAnswerError"),
    *("ObjectNotFoundError", "AmountNotSupportedError", "CredentialsRefusedError"),
)
RECEIVED = ("accepted", "repeated", "signature_invalid", "not_allowed", "not_an_event", "unverifiable")
ACCOUNTS = ("platform", "merchants")
"""Whose an account at a provider is: the platform's, or a merchant's own."""
VERDICTS = ("APPLIED", "IGNORED", "QUARANTINED", "DEAD")
_OPEN = tuple(str(status) for status in sorted(LIVE))
_STATUSES = tuple(str(status) for status in PaymentStatus)
_KINDS = (*(str(kind) for kind in OperationKind), "REFUND")
_PROVIDER = Varies("each provider that is on")

CALL_SECONDS = histogram(
    "fusionxpay_provider_call_seconds", "Time that a call to a provider took", SECONDS,
    provider=_PROVIDER, operation=OPERATIONS, accounts=ACCOUNTS,
)  # fmt: skip
OWN_SECONDS = histogram(
    "fusionxpay_payment_own_seconds", "Time to answer CreatePayment, less what providers took of it", SECONDS
)
CALLS = counter(
    "fusionxpay_provider_calls_total", "Calls to a provider by how they ended, and whose account they used",
    provider=_PROVIDER, outcome=OUTCOMES, accounts=ACCOUNTS,
)  # fmt: skip
IN_FLIGHT = gauge("fusionxpay_provider_calls_in_flight", "Calls to a provider under way", provider=_PROVIDER)
CIRCUIT_STATE = gauge(
    "fusionxpay_provider_circuit_state", "0 closed, 1 half-open or to be tried by the next call, 2 open",
    provider=_PROVIDER, operation=OPERATIONS,
)  # fmt: skip
PAYMENTS = counter("fusionxpay_payments_total", "Steps of payments into a status", provider=_PROVIDER, status=_STATUSES)
PAYMENTS_OPEN = gauge("fusionxpay_payments_open", "Payments that have not ended", provider=_PROVIDER, status=_OPEN)
PAYMENTS_OLDEST = gauge(
    "fusionxpay_payments_open_oldest_seconds", "Age of the oldest of them", provider=_PROVIDER, status=_OPEN
)
UNKNOWN = gauge(
    "fusionxpay_operations_unknown", "Operations and refunds whose answer is not known, by whose account was asked",
    provider=_PROVIDER, kind=_KINDS, accounts=ACCOUNTS,
)  # fmt: skip
UNKNOWN_OLDEST = gauge(
    "fusionxpay_operations_unknown_oldest_seconds", "Age of the oldest of them",
    provider=_PROVIDER, kind=_KINDS, accounts=ACCOUNTS,
)  # fmt: skip
REVIEWS_OPEN = gauge("fusionxpay_reviews_open", "Questions to a person", kind=tuple(str(kind) for kind in ReviewKind))
REVIEWS_OLDEST = gauge("fusionxpay_reviews_oldest_seconds", "Age of the oldest of them")
CALLS_UNKEPT = counter(
    "fusionxpay_provider_calls_unkept_total", "Calls that are not written down, as too many waited for the database"
)
WEBHOOKS = counter(
    "fusionxpay_provider_webhooks_total", "Webhooks of providers that came in", provider=_PROVIDER, result=RECEIVED
)
EVENTS = counter(
    "fusionxpay_provider_events_total", "Events of providers that were done with", provider=_PROVIDER, verdict=VERDICTS
)
EVENT_SECONDS = histogram(
    "fusionxpay_provider_event_seconds", "Time from the receipt of a provider's event until it was done with",
    LONG_SECONDS, provider=_PROVIDER,
)  # fmt: skip
EVENTS_PENDING = gauge(
    "fusionxpay_provider_events_pending", "Events that are not applied yet, by whose account they came for",
    provider=_PROVIDER, accounts=ACCOUNTS,
)  # fmt: skip
EVENTS_OLDEST = gauge(
    "fusionxpay_provider_events_oldest_seconds", "Age of the oldest of them", provider=_PROVIDER, accounts=ACCOUNTS
)
REFUNDS_PENDING = gauge("fusionxpay_refunds_pending", "Refunds that have not ended", provider=_PROVIDER)
REFUNDS_OLDEST = gauge("fusionxpay_refunds_pending_oldest_seconds", "Age of the oldest of them", provider=_PROVIDER)
_UNDECIDED = tuple(str(status) for status in DisputeStatus if status not in DECIDED)
DISPUTES = gauge("fusionxpay_disputes", "Disputes that are not decided, by status", status=_UNDECIDED)
DISPUTE_DEADLINE = gauge(
    "fusionxpay_dispute_next_deadline_seconds", "Time until the next answer to a dispute is due; NaN: none is"
)
DISPUTES_MISSED = gauge(
    "fusionxpay_disputes_missed", "Disputes that nobody answered in time, and that are not decided yet"
)
BACKUP_AGE = gauge(
    "fusionxpay_backup_age_seconds", "How long ago the databases were last backed up; NaN: nobody has said so yet"
)
RECONCILED = gauge(
    "fusionxpay_reconciliation_last_success_time",
    "When records were last compared with a provider's, Unix time; 0: never", provider=_PROVIDER,
)  # fmt: skip
RECONCILED_AGE = gauge(
    "fusionxpay_reconciliation_age_seconds",
    "How long ago those payments were made that were compared last; where none were: since they are to be",
    provider=_PROVIDER,
)  # fmt: skip
DIFFERENCES = gauge(
    "fusionxpay_reconciliation_differences",
    "Differences that the newest comparison of each span of time found, those of all spans together",
    provider=_PROVIDER,
)  # fmt: skip

PAYMENT_NEEDS_REVIEW = Alert("payment_needs_review", "only a person can say how it ended: `fusionxpay review list`")
PAYMENT_SURPLUS = Alert("payment_surplus", "an order was paid twice, or after its end; the surplus is given back")
REFUND_MADE_AFTER_ALL = Alert("refund_made_after_all", "a refund that had failed was made by the provider after all")
PAYMENT_DISPUTED = Alert("payment_disputed", "a customer wants the money back by the bank; the merchant has to answer")
PAYMENT_TAKEN_BACK = Alert("payment_taken_back", "a provider has taken money back by itself")
PROVIDER_CIRCUIT_OPEN = Alert("provider_circuit_open", "a provider does not answer, or answers with errors")
WEBHOOK_QUARANTINED = Alert(
    "webhook_quarantined",
    "an event fits no payment: `fusionxpay review list` where money is in question, else its order's timeline",
)
WEBHOOK_DEAD = Alert(
    "webhook_dead",
    "an event could not be applied for hours, or its account not be asked for days; the provider may send it again",
)


def prime_provider(name: str) -> None:
    """Have the series of a provider exist, at zero."""
    for metric in (
        RECONCILED,
        RECONCILED_AGE,
        DIFFERENCES,
        IN_FLIGHT,
        EVENT_SECONDS,
        REFUNDS_PENDING,
        REFUNDS_OLDEST,
    ):
        prime(metric, (name,))
    prime(CIRCUIT_STATE, (name,), OPERATIONS)
    prime(CALL_SECONDS, (name,), OPERATIONS, ACCOUNTS)
    for metric in (PAYMENTS_OPEN, PAYMENTS_OLDEST):
        prime(metric, (name,), _OPEN)
    for metric in (UNKNOWN, UNKNOWN_OLDEST):
        prime(metric, (name,), _KINDS, ACCOUNTS)
    for metric in (EVENTS_PENDING, EVENTS_OLDEST):
        prime(metric, (name,), ACCOUNTS)
    prime(CALLS, (name,), OUTCOMES, ACCOUNTS)
    prime(PAYMENTS, (name,), _STATUSES)
    prime(WEBHOOKS, (name,), RECEIVED)
    prime(EVENTS, (name,), VERDICTS)
