"""PayPal's error responses: a name, a debug id, and details that each name an issue."""

from sandbox.store.documents import JSON
from sandbox.web.replies import Reply

_DOCS = "https://developer.paypal.com/api/rest/responses/"
_UNPROCESSABLE = "The requested action could not be performed, semantically incorrect, or failed business validation."
_INVALID = "Request is not well-formed, syntactically incorrect, or violates schema."
_ISSUES = {
    "ACTION_DOES_NOT_MATCH_INTENT": "Order was created with an intent that does not allow this action.",
    "AUTHORIZATION_ALREADY_CAPTURED": (
        "Authorization has already been captured. If final_capture is set to true, additional captures are not"
        " possible against the authorization."
    ),
    "AUTHORIZATION_VOIDED": "A voided authorization cannot be captured or reauthorized.",
    "CANNOT_BE_ZERO_OR_NEGATIVE": (
        "Must be greater than zero. If the currency supports decimals, only two decimal place precision is supported."
    ),
    "CAPTURE_FULLY_REFUNDED": "The capture has already been fully refunded.",
    "CURRENCY_MISMATCH": "The currency of the capture must be the same as that of the authorization.",
    "DECIMALS_NOT_SUPPORTED": "Currency does not support decimals.",
    "DECIMAL_PRECISION": "If the currency supports decimals, only two decimal place precision is supported.",
    "DUPLICATE_REQUEST_ID": "The value of PayPal-Request-Id header has already been used with another request.",
    "INSTRUMENT_DECLINED": (
        "The instrument presented was either declined by the processor or bank, or it can't be used for this payment."
    ),
    "INVALID_CURRENCY_CODE": "Currency code is invalid or is not currently supported.",
    "INVALID_PARAMETER_SYNTAX": "The value of a field does not conform to the expected format.",
    "INVALID_PARAMETER_VALUE": "A parameter value is not valid.",
    "INVALID_RESOURCE_ID": "Specified resource ID does not exist. Please check the resource ID and try again.",
    "INVALID_STRING_LENGTH": "The value of a field is either too short or too long.",
    "MALFORMED_REQUEST_JSON": "The request JSON is not well formed.",
    "MAX_CAPTURE_AMOUNT_EXCEEDED": "Capture amount exceeds allowable limit.",
    "MAX_VALUE_EXCEEDED": "Should be less than or equal to 999999999999999.99.",
    "MISSING_REQUIRED_PARAMETER": "A required field / parameter is missing.",
    "ORDER_ALREADY_AUTHORIZED": "Order already authorized.",
    "ORDER_ALREADY_CAPTURED": "Order already captured. If 'intent=CAPTURE' only one capture per order is allowed.",
    "ORDER_NOT_APPROVED": "Payer has not yet approved the Order for payment.",
    "PENDING_CAPTURE": "Cannot initiate a refund as the capture is pending.",
    "PREVIOUSLY_CAPTURED": "Authorization has been previously captured and hence cannot be voided.",
    "PREVIOUSLY_VOIDED": "Authorization has been previously voided and hence cannot be voided again.",
    "PREVIOUS_REQUEST_IN_PROGRESS": (
        "A previous request on this resource is currently in progress. Please wait for some time and try again."
    ),
    "REFUND_AMOUNT_EXCEEDED": (
        "The refund amount must be less than or equal to the capture amount that has not yet been refunded."
    ),
    "REFUND_CAPTURE_CURRENCY_MISMATCH": "Refund must be in the same currency as the capture.",
    "REFUND_NOT_ALLOWED": "A capture that took no money cannot be refunded.",
}


class PaypalError(Exception):
    """An answer that is not 2xx.

    `committed` says whether what the call did before it failed stays: a declined attempt does.
    """

    def __init__(self, status: int, error: JSON, *, committed: bool = False) -> None:
        super().__init__(error.get("message") or error["error_description"])
        self.status = status
        self.error = error
        self.committed = committed

    def reply(self, debug_id: str) -> Reply:
        """The answer to send; OAuth's own errors carry no debug id."""
        known = {} if "error" in self.error else {"debug_id": debug_id}
        return Reply.of(self.error | known, self.status)


def _error(status: int, name: str, message: str, details: list[JSON] | None = None, **more: bool) -> PaypalError:
    links = [{"href": f"{_DOCS}#{name.lower()}", "rel": "information_link", "method": "GET"}]
    error: JSON = {"name": name, "message": message, "details": details or [], "links": links}
    return PaypalError(status, error, **more)


def invalid(issue: str, field: str, value: object = None, location: str = "body") -> PaypalError:
    """400 INVALID_REQUEST: the body, or what `location` says, breaks the schema."""
    return _error(400, "INVALID_REQUEST", _INVALID, [_at(issue, field, value, location)])


def unacceptable(issue: str, field: str, value: object) -> PaypalError:
    """422 UNPROCESSABLE_ENTITY about a field: well-formed, but no amount that PayPal takes."""
    return _error(422, "UNPROCESSABLE_ENTITY", _UNPROCESSABLE, [_at(issue, field, value)])


def unprocessable(issue: str) -> PaypalError:
    """422 UNPROCESSABLE_ENTITY: the state of the resource does not allow it."""
    return _error(422, "UNPROCESSABLE_ENTITY", _UNPROCESSABLE, [_detail(issue)])


def declined(approval_url: str) -> PaypalError:
    """422 INSTRUMENT_DECLINED, with the link to send the payer back to for another instrument."""
    issue = "INSTRUMENT_DECLINED"
    error = _error(422, "UNPROCESSABLE_ENTITY", _UNPROCESSABLE, [_detail(issue)], committed=True)
    error.error["links"].append({"href": approval_url, "rel": "redirect", "method": "GET"})
    return error


def not_found() -> PaypalError:
    """404 RESOURCE_NOT_FOUND."""
    return _error(404, "RESOURCE_NOT_FOUND", "The specified resource does not exist.", [_detail("INVALID_RESOURCE_ID")])


def in_progress() -> PaypalError:
    """409 RESOURCE_CONFLICT: a request with the same `PayPal-Request-Id` is still running."""
    message = "The server has detected a conflict while processing this request."
    return _error(409, "RESOURCE_CONFLICT", message, [_detail("PREVIOUS_REQUEST_IN_PROGRESS")])


def unsupported_media_type() -> PaypalError:
    """415: PayPal wants `application/json`, also of calls without a body."""
    return _error(415, "UNSUPPORTED_MEDIA_TYPE", "The server does not support the request payload's media type.")


def rate_limited() -> PaypalError:
    """429: refused before any work."""
    return _error(429, "RATE_LIMIT_REACHED", "Too many requests. Blocked due to rate limiting.")


def server_error() -> PaypalError:
    """500: what happened is not said."""
    return _error(500, "INTERNAL_SERVER_ERROR", "An internal server error has occurred.")


def oauth(status: int, error: str, description: str) -> PaypalError:
    """An error in OAuth 2.0's own shape."""
    return PaypalError(status, {"error": error, "error_description": description})


def _detail(issue: str) -> JSON:
    return {"issue": issue, "description": _ISSUES[issue]}


def _at(issue: str, field: str, value: object, location: str = "body") -> JSON:
    place: JSON = {"field": field, "location": location}
    return place | ({} if value is None else {"value": str(value)}) | _detail(issue)
