"""Stripe's errors in the words of the interface: what each means for the money.

Source: Stripe's API reference, "Errors", and its guides on error handling, low-level error handling (idempotency,
`Stripe-Should-Retry`) and decline codes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import stripe

from payment_svc.domain.payment import Failure
from payment_svc.providers.base import (
    CredentialsRefusedError,
    InProgressError,
    ObjectNotFoundError,
    OutcomeUnknownError,
    ProviderError,
    RejectedError,
    UnavailableError,
)
from payment_svc.providers.reading import readable

CODES = {
    "insufficient_funds": "insufficient_funds",
    "withdrawal_count_limit_exceeded": "insufficient_funds",
    "expired_card": "expired_card",
    "invalid_expiry_month": "expired_card",
    "invalid_expiry_year": "expired_card",
    "incorrect_cvc": "incorrect_cvc",
    "invalid_cvc": "incorrect_cvc",
    "approve_with_id": "processing_error",
    "issuer_not_available": "processing_error",
    "processing_error": "processing_error",
    "reenter_transaction": "processing_error",
    "try_again_later": "processing_error",
    "authentication_not_handled": "authentication_failed",
    "authentication_required": "authentication_failed",
    "mobile_device_authentication_required": "authentication_failed",
    "payment_intent_authentication_failure": "authentication_failed",
    "amount_too_large": "amount_not_allowed",
    "amount_too_small": "amount_not_allowed",
    "currency_not_supported": "amount_not_allowed",
    "invalid_amount": "amount_not_allowed",
    "confirmation_token_expired": "invalid_payment_method",
    "incorrect_number": "invalid_payment_method",
    "invalid_account": "invalid_payment_method",
    "invalid_number": "invalid_payment_method",
    "payment_method_invalid": "invalid_payment_method",
    "payment_method_not_available": "invalid_payment_method",
    "resource_missing": "invalid_payment_method",
}
"""Stripe's error and decline codes that have a word of ours; every other decline is `card_declined`."""

NOT_CARRIED_OUT = frozenset({"lock_timeout", "rate_limit"})
STILL_RUNNING = "idempotency_key_in_use"


def failure(code: str, decline_code: str, message: str, default: str) -> Failure:
    """Return why Stripe refused; the decline code says more than the code where there is one."""
    known = CODES.get(decline_code) or CODES.get(code) or default
    return Failure(known, message, decline_code or code)


def translate(error: stripe.StripeError) -> ProviderError:
    """Return what an SDK error means for the payment.

    Stripe's own JSON must be in an answer that ends something: what stands before Stripe may answer anything.
    """
    body, said = body_of(error), error.user_message or str(error)
    code = _word(body, "code")
    match error:
        case stripe.APIConnectionError():
            return _of_connection(error)
        case stripe.AuthenticationError():
            return CredentialsRefusedError("Stripe does not accept our key")
        case stripe.PermissionError():
            return CredentialsRefusedError("Stripe does not accept our key for this: it lacks a permission")
        case stripe.CardError():
            return RejectedError(failure(code, _word(body, "decline_code"), said, "card_declined"))
        case stripe.InvalidRequestError() if error.http_status == 404:
            return ObjectNotFoundError(said)
        case stripe.InvalidRequestError() if error.http_status == 400:
            return RejectedError(failure(code, "", said, "provider_rejected"))
    if error.http_status == 429 or code in NOT_CARRIED_OUT:
        return UnavailableError(f"Stripe did not carry it out: {said}")
    # IdempotencyError is here as well: what came of the parameters that the key was first used with is not known
    return InProgressError(said) if code == STILL_RUNNING else OutcomeUnknownError(said)


def intent_of(error: BaseException | None) -> Mapping[str, Any]:
    """Return the PaymentIntent that an SDK error carries; empty where it carries none."""
    intent = body_of(error).get("payment_intent")
    return intent if isinstance(intent, Mapping) and isinstance(intent.get("id"), str) else {}


def would_be_replayed(error: ProviderError) -> bool:
    """Whether Stripe asks not to send the same again, since it would only repeat the same answer."""
    cause = error.__cause__
    headers = cause.headers if isinstance(cause, stripe.StripeError) else None
    return (headers or {}).get("stripe-should-retry") == "false"


def body_of(error: BaseException | None) -> Mapping[str, Any]:
    """Return the `error` in Stripe's answer; empty where there is none."""
    answer = error.json_body if isinstance(error, stripe.StripeError) else None
    body = answer.get("error") if isinstance(answer, Mapping) else None
    return body if isinstance(body, Mapping) else {}


def _word(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _of_connection(error: stripe.APIConnectionError) -> ProviderError:
    """Return what a call without an answer means: the HTTP client's own error says whether it left at all."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, httpx.HTTPError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return UnavailableError("Stripe could not be reached")
    return OutcomeUnknownError(f"Stripe gave no answer: {cause!r}")


@contextmanager
def translated() -> Iterator[None]:
    """Raise SDK errors inside the block as errors of the interface, and what cannot be read as an unknown outcome."""
    with readable("Stripe's answer"):
        try:
            yield
        except stripe.StripeError as error:
            raise translate(error) from error
