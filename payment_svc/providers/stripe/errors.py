"""Stripe's errors in the words of the interface."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import stripe

from payment_svc.domain.payment import Failure
from payment_svc.providers.base import (
    ObjectNotFoundError,
    OutcomeUnknownError,
    ProviderError,
    RejectedError,
    UnavailableError,
)

CODES = {
    "insufficient_funds": "insufficient_funds",
    "expired_card": "expired_card",
    "incorrect_cvc": "incorrect_cvc",
    "invalid_cvc": "incorrect_cvc",
    "processing_error": "processing_error",
    "authentication_required": "authentication_failed",
    "payment_intent_authentication_failure": "authentication_failed",
    "amount_too_small": "amount_not_allowed",
    "amount_too_large": "amount_not_allowed",
    "resource_missing": "invalid_payment_method",
    "payment_method_invalid": "invalid_payment_method",
}


def failure(code: str, decline_code: str, message: str, default: str) -> Failure:
    """Return why Stripe refused; the decline code is more precise than the code where there is one."""
    known = CODES.get(decline_code) or CODES.get(code) or default
    return Failure(known, message, decline_code or code)


def translate(error: stripe.StripeError) -> ProviderError:
    """Return what an SDK error means for the payment."""
    said = error.user_message or str(error)
    match error:
        case stripe.CardError():
            # what a decline does not carry is not there, rather than empty
            code = getattr(error.error, "decline_code", None) or ""
            return RejectedError(failure(error.code or "", code, said, "card_declined"))
        case stripe.RateLimitError():
            return UnavailableError("Stripe answers that we ask too often")
        case stripe.APIConnectionError() if _never_connected(error):
            return UnavailableError("Stripe could not be reached")
        case stripe.InvalidRequestError() if error.http_status == 404:
            return ObjectNotFoundError(said)
        case stripe.IdempotencyError():
            return OutcomeUnknownError(said)
        case stripe.AuthenticationError() | stripe.PermissionError():
            return UnavailableError("Stripe does not accept our key")
        case stripe.InvalidRequestError() if error.http_status not in (409, None):
            return RejectedError(failure(error.code or "", "", said, "provider_rejected"))
        case _:
            return OutcomeUnknownError(said)


def _never_connected(error: BaseException) -> bool:
    """Whether the request certainly did not leave: the connection itself was refused or timed out."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


@contextmanager
def translated() -> Iterator[None]:
    """Raise SDK errors inside the block as errors of the interface."""
    try:
        yield
    except stripe.StripeError as error:
        raise translate(error) from error
