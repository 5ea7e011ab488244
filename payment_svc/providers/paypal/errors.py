"""PayPal's errors in the words of the interface.

An error names an `issue` in its first detail (PayPal's "Orders API errors" and "Payments API errors" pages); a few old
ones do not, and are known by their name. Only what PayPal itself has written ends anything,
which has a name or an issue: what stands before it may answer as it likes, in JSON as well.
"""

from __future__ import annotations

from collections.abc import Mapping
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

CODES = {
    "INSTRUMENT_DECLINED": "card_declined",
    "TRANSACTION_REFUSED": "card_declined",
    "CARD_EXPIRED": "expired_card",
    "PAYER_ACTION_REQUIRED": "authentication_failed",
    "CANNOT_BE_ZERO_OR_NEGATIVE": "amount_not_allowed",
    "CURRENCY_NOT_SUPPORTED": "amount_not_allowed",
    "DECIMALS_NOT_SUPPORTED": "amount_not_allowed",
    "DECIMAL_PRECISION": "amount_not_allowed",
    "INVALID_CURRENCY_CODE": "amount_not_allowed",
    "MAX_CAPTURE_AMOUNT_EXCEEDED": "amount_not_allowed",
    "MAX_VALUE_EXCEEDED": "amount_not_allowed",
    "REFUND_AMOUNT_EXCEEDED": "amount_not_allowed",
    "TRANSACTION_LIMIT_EXCEEDED": "amount_not_allowed",
    # `processor_response.response_code` of a capture that was declined
    "00N7": "incorrect_cvc",
    "5110": "incorrect_cvc",
    "5120": "insufficient_funds",
    "5400": "expired_card",
}
STILL_RUNNING = frozenset({"PREVIOUS_REQUEST_IN_PROGRESS", "ORDER_COMPLETION_IN_PROGRESS"})
ANOTHER_REQUEST = frozenset({"DUPLICATE_REQUEST_ID"})
_SLOW_OR_BUSY = 429


class RefusedError(RejectedError):
    """PayPal refused; `redirect_url` is where the customer may choose another way to pay, empty when nowhere."""

    def __init__(self, failure: Failure, redirect_url: str = "") -> None:
        super().__init__(failure)
        self.redirect_url = redirect_url

    @property
    def issue(self) -> str:
        """PayPal's own word for what is wrong."""
        return self.failure.provider_code


def failure(code: str, message: str, default: str = "provider_rejected") -> Failure:
    """Return why PayPal refused."""
    return Failure(CODES.get(code, default), message, code)


def of_transport(error: httpx.HTTPError) -> ProviderError:
    """Return what a request without an answer means: when no connection was made, nothing was asked."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return UnavailableError("PayPal could not be reached")
    return OutcomeUnknownError(f"PayPal gave no answer: {error!r}")


def of_answer(answer: httpx.Response) -> ProviderError:
    """Return what an answer other than 2xx means."""
    body = _body(answer)
    issue, said = _issue(body or {}), _message(body or {})
    match answer.status_code:
        case 401 | 403 if body is not None:
            return CredentialsRefusedError(f"PayPal does not accept our client for this: {said}")
        case 401 | 403:
            return UnavailableError("what stands before PayPal does not let us through")
        case _ if issue in STILL_RUNNING:
            return InProgressError(said)
        case 408 | 409:
            # it took too long, or something else is under way: how that ends is not known yet
            return OutcomeUnknownError(said)
        case _ if issue in ANOTHER_REQUEST:
            # what came of the request that the id was first used with is not known
            return OutcomeUnknownError(said)
        case 404 if body is not None:
            return ObjectNotFoundError(said)
        case status if status == _SLOW_OR_BUSY:
            return UnavailableError("PayPal answers that we ask too often")
        case status if 400 <= status < 500 and status != 404 and body is not None:
            return RefusedError(failure(issue, said), _redirect(body))
        case status:
            return OutcomeUnknownError(f"PayPal answered {status}: {said}")


def _body(answer: httpx.Response) -> Mapping[str, Any] | None:
    """Return PayPal's error; None when this is not in the form of PayPal's."""
    try:
        body = answer.json()
    except ValueError:
        return None
    is_named = isinstance(body, dict) and any(_is_word(one) for one in (body.get("name"), _detail(body).get("issue")))
    return body if is_named else None


def _is_word(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _issue(body: Mapping[str, Any]) -> str:
    return str(_detail(body).get("issue") or body.get("name") or "")


def _message(body: Mapping[str, Any]) -> str:
    said = _detail(body).get("description") or body.get("message")
    return str(said or "PayPal refused without saying why")


def _detail(body: Mapping[str, Any]) -> Mapping[str, Any]:
    details = body.get("details")
    first = details[0] if isinstance(details, list) and details else None
    return first if isinstance(first, dict) else {}


def _redirect(body: Mapping[str, Any]) -> str:
    links = body.get("links")
    wanted = ("redirect", "payer-action")
    found = [link for link in links if isinstance(link, dict)] if isinstance(links, list) else []
    return next((str(link["href"]) for link in found if link.get("rel") in wanted and "href" in link), "")
