"""FusionXPay for Python: payments over gRPC, typed, and safe to repeat."""

from fusionx.type.v1.money_pb2 import Money

from fusionxpay_client.client import AsyncFusionXPay, FusionXPay
from fusionxpay_client.errors import (
    AuthenticationError,
    ConflictError,
    DeadlineError,
    FieldViolation,
    FusionXPayError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    RateLimitError,
    UnavailableError,
)
from fusionxpay_client.models import Event
from fusionxpay_client.values import OMITTED, Omitted
from fusionxpay_client.waiting import StatusUnreachableError, WaitTimeoutError
from fusionxpay_client.webhooks import Webhook, WebhookVerificationError

__all__ = [
    "OMITTED",
    "AsyncFusionXPay",
    "AuthenticationError",
    "ConflictError",
    "DeadlineError",
    "Event",
    "FieldViolation",
    "FusionXPay",
    "FusionXPayError",
    "InvalidRequestError",
    "Money",
    "NotFoundError",
    "Omitted",
    "PermissionDeniedError",
    "PreconditionError",
    "RateLimitError",
    "StatusUnreachableError",
    "UnavailableError",
    "WaitTimeoutError",
    "Webhook",
    "WebhookVerificationError",
]
