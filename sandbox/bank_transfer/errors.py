"""The bank's error responses: a code for programs, a sentence for people, and the field at fault."""

from sandbox.store.documents import JSON
from sandbox.web.replies import Reply


class BankError(Exception):
    """An answer that is not 2xx."""

    def __init__(self, status: int, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self._status = status
        self._error: JSON = {"code": code, "message": message} | ({"field": field} if field else {})

    def reply(self) -> Reply:
        """The answer to send."""
        return Reply.of({"error": self._error}, self._status)


def invalid(field: str, message: str) -> BankError:
    """400: the request breaks the schema."""
    return BankError(400, "invalid_request", message, field)


def unauthorized() -> BankError:
    """401: no key, or not ours."""
    return BankError(401, "unauthorized", "The API key is missing or wrong.")


def not_found(what: str = "resource") -> BankError:
    """404: there is no such thing."""
    return BankError(404, "not_found", f"There is no such {what}.")


def key_in_use() -> BankError:
    """409: the first request under the key still runs."""
    return BankError(409, "idempotency_key_in_use", "A request with this Idempotency-Key is in progress.")


def key_reused() -> BankError:
    """422: the key belongs to another request."""
    return BankError(422, "idempotency_key_reused", "This Idempotency-Key was used for another request.")


def refused(code: str, message: str, field: str = "") -> BankError:
    """422: well-formed, but the state of the resource does not allow it."""
    return BankError(422, code, message, field)


def rate_limited() -> BankError:
    """429: refused before any work."""
    return BankError(429, "rate_limited", "Too many requests.")


def server_error() -> BankError:
    """500: what happened is not said."""
    return BankError(500, "internal_error", "Something went wrong at the bank.")
