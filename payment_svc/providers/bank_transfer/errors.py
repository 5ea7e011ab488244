"""The bank's answers that are not 2xx, and calls without an answer, in the words of the interface."""

from __future__ import annotations

from typing import Any

import httpx

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

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_AMBIGUOUS = ("idempotency_key_in_use", "idempotency_key_reused")


def of_transport(error: httpx.TransportError) -> ProviderError:
    """Return what a call without an answer means: only one that never left has certainly done nothing."""
    if isinstance(error, _NEVER_SENT):
        return UnavailableError("the bank could not be reached")
    return OutcomeUnknownError(f"no answer from the bank: {error!r}")


def of_answer(answer: httpx.Response) -> ProviderError:
    """Return what an answer that is not 2xx means."""
    error = _error(answer)
    code, message = str(error.get("code", "")), str(error.get("message", answer.reason_phrase))
    match answer.status_code:
        case 401 | 403:
            return CredentialsRefusedError("the bank does not accept our key")
        case 429:
            return UnavailableError("the bank answers that we ask too often")
        case 409 if code == "idempotency_key_in_use":
            return InProgressError(message)
        case 404 if code == "not_found":
            return ObjectNotFoundError(message)
        case 400 | 422 if code and code not in _AMBIGUOUS:
            return RejectedError(Failure("provider_rejected", message, code))
        case _:
            return OutcomeUnknownError(f"the bank answered {answer.status_code}: {message}")


def _error(answer: httpx.Response) -> dict[str, Any]:
    """Return the error in the body; what is in front of the bank may have answered in another shape."""
    try:
        error = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}
