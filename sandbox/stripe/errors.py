"""Errors in Stripe's shape: ``{"error": {"type", "code", "message", "param", …}}``."""

from sandbox.store.documents import JSON
from sandbox.web.replies import Reply

_RETRY = {"stripe-should-retry": "true"}
_DO_NOT_RETRY = {"stripe-should-retry": "false"}


class StripeError(Exception):
    """An error answer.

    `recorded` says whether the endpoint had begun to run, so that Stripe keeps the answer under
    the idempotency key. `committed` says whether what it did stays: a declined charge does.
    """

    def __init__(
        self,
        status: int,
        error: JSON,
        *,
        recorded: bool = False,
        committed: bool = False,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(error["message"])
        self.status = status
        self.error = error
        self.recorded = recorded
        self.committed = committed
        self.headers = headers or {}

    def reply(self) -> Reply:
        """The answer to send."""
        error = {name: value for name, value in self.error.items() if value is not None}
        if code := error.get("code"):
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"
        return Reply.of({"error": error}, self.status, self.headers)


def invalid(message: str, param: str | None = None, code: str | None = None) -> StripeError:
    """400: a parameter is wrong; nothing ran, nothing is kept under the idempotency key."""
    return StripeError(400, {"type": "invalid_request_error", "code": code, "message": message, "param": param})


def refused(message: str, code: str | None = None, param: str | None = None, **extra: JSON) -> StripeError:
    """400: the parameters are fine, but the object's state does not allow it."""
    error = {"type": "invalid_request_error", "code": code, "message": message, "param": param, **extra}
    return StripeError(400, error, recorded=True)


def missing(noun: str, object_id: str, param: str, status: int = 404) -> StripeError:
    """404 `resource_missing` (400 when the id came in the body)."""
    message = f"No such {noun}: '{object_id}'"
    error = {"type": "invalid_request_error", "code": "resource_missing", "message": message, "param": param}
    return StripeError(status, error)


def unexpected_state(message: str, intent: JSON) -> StripeError:
    """400 `payment_intent_unexpected_state`, with the PaymentIntent."""
    return refused(message, "payment_intent_unexpected_state", payment_intent=intent)


def declined(last_payment_error: JSON, intent: JSON) -> StripeError:
    """402 `card_error`: the attempt failed and the failure is on record."""
    return StripeError(402, {**last_payment_error, "payment_intent": intent}, recorded=True, committed=True)


def unauthorized(message: str) -> StripeError:
    """401: no key, or not ours."""
    headers = {"www-authenticate": 'Bearer realm="Stripe"'}
    return StripeError(401, {"type": "invalid_request_error", "message": message}, headers=headers)


def key_in_use(key: str) -> StripeError:
    """409 `idempotency_key_in_use`: a concurrent request holds the key."""
    message = (
        "There is currently another in-progress request using this Idempotency Key"
        f" (that probably means you submitted twice, and the other request is still going through): {key}."
        " Please try again later."
    )
    error = {"type": "idempotency_error", "code": "idempotency_key_in_use", "message": message}
    return StripeError(409, error, headers=_RETRY)


def key_reused(key: str) -> StripeError:
    """400 `idempotency_error`: the key belongs to another request."""
    message = (
        "Keys for idempotent requests can only be used with the same parameters they were first used with."
        f" Try using a key other than '{key}' if you meant to execute a different request."
    )
    return StripeError(400, {"type": "idempotency_error", "message": message})


def too_many_requests() -> StripeError:
    """429 `rate_limit`: refused before any work."""
    message = "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits."
    error = {"type": "invalid_request_error", "code": "rate_limit", "message": message}
    return StripeError(429, error, headers={"stripe-rate-limited-reason": "global-rate"})


def server_error(*, recorded: bool) -> StripeError:
    """500 `api_error`; a recorded one would only be replayed, so the SDK is told not to retry."""
    message = "An unknown error occurred"
    headers = _DO_NOT_RETRY if recorded else _RETRY
    return StripeError(500, {"type": "api_error", "message": message}, recorded=recorded, headers=headers)


def unknown_url(method: str, path: str) -> StripeError:
    """404 for a URL that is no endpoint."""
    message = (
        f"Unrecognized request URL ({method}: {path})."
        " Please see https://stripe.com/docs or we can help at https://support.stripe.com/."
    )
    return StripeError(404, {"type": "invalid_request_error", "message": message})
