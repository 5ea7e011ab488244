"""What the gateway refuses and what keeps it from answering, as exceptions: one kind for each thing to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

DETAILS = "grpc-status-details-bin"
# an attempt under the same key, whose connection broke perhaps
STILL_RUNS = "IDEMPOTENCY_KEY_IN_USE"


@dataclass(frozen=True)
class FieldViolation:
    """One field that is wrong: its path in the request, and what is wrong with it."""

    field: str
    description: str


@dataclass(eq=False)
class FusionXPayError(Exception):
    """A call that failed. `docs/errors.md` lists the reasons.

    `code` is the gRPC code, `reason` is for programs, `message` for people; `request_id` is what support asks for.
    `retry_after` is in seconds. A write whose outcome is not known may be repeated under `idempotency_key`.
    """

    code: grpc.StatusCode
    reason: str
    message: str
    violations: Sequence[FieldViolation] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    request_id: str = ""
    retry_after: float | None = None
    idempotency_key: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}" + (f" (request {self.request_id})" if self.request_id else "")

    @property
    def passes(self) -> bool:
        """Whether the same call may succeed a little later."""
        return (
            # when it is the call's own time that is up, there is none left for another attempt
            self.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
            or self.reason == STILL_RUNS
            # without a time to come back at, it is a limit that waiting does not lift
            or (self.code is grpc.StatusCode.RESOURCE_EXHAUSTED and self.retry_after is not None)
        )


class InvalidRequestError(FusionXPayError):
    """A field is missing, malformed or refused; `violations` name them. Nothing was changed."""


class AuthenticationError(FusionXPayError):
    """The API key or the signature is not valid."""


class PermissionDeniedError(FusionXPayError):
    """The API key may not do this, or not from here."""


class NotFoundError(FusionXPayError):
    """There is none, or it is another merchant's, or of the key's other mode."""


class ConflictError(FusionXPayError):
    """The idempotency key came with another request, or its first request still runs."""


class PreconditionError(FusionXPayError):
    """The resource is not in a state that allows the call."""


class RateLimitError(FusionXPayError):
    """Too many calls; `retry_after` says when to come back."""


class UnavailableError(FusionXPayError):
    """The gateway, or what it needs, was out of reach until the retries or the time were used up."""


class DeadlineError(FusionXPayError):
    """No answer came in time. Whether a write was done is not known: repeat it under its `idempotency_key`."""


_KINDS: Mapping[grpc.StatusCode, type[FusionXPayError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequestError,
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequestError,
    grpc.StatusCode.UNAUTHENTICATED: AuthenticationError,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDeniedError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: ConflictError,
    grpc.StatusCode.ABORTED: ConflictError,
    grpc.StatusCode.FAILED_PRECONDITION: PreconditionError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: RateLimitError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineError,
}


def error_of(failure: Any, idempotency_key: str = "") -> FusionXPayError:
    """Return a failed call of gRPC's, sync or async, as its kind of error. Without details the reason is its code."""
    headers = {**dict(failure.initial_metadata() or ()), **dict(failure.trailing_metadata() or ())}
    code: grpc.StatusCode = failure.code()
    if code is grpc.StatusCode.INTERNAL and DETAILS not in headers:
        # the gateway says more of its own faults: here a connection broke in the middle of an answer
        code = grpc.StatusCode.UNAVAILABLE
    told = failure.details() or ""
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "message larger than max" in told:
        # said here, of an answer that did come: there is no limit to wait for
        return FusionXPayError(code, "ANSWER_TOO_LARGE", told, idempotency_key=idempotency_key)
    error = _KINDS.get(code, FusionXPayError)(code, code.name, told)
    error.idempotency_key = idempotency_key
    error.request_id = str(headers.get("x-request-id", ""))
    after = str(headers.get("retry-after", ""))
    error.retry_after = float(after) if after.isdecimal() else None
    _add_details(error, headers.get(DETAILS))
    return error


def _add_details(error: FusionXPayError, encoded: Any) -> None:
    """Read the details of `google.rpc`; others than those known are passed over."""
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.RequestInfo()
    fields, retry = error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    for detail in status_pb2.Status.FromString(encoded).details if isinstance(encoded, bytes) else ():
        if detail.Unpack(info):
            error.reason, error.metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(fields):
            error.violations = [FieldViolation(one.field, one.description) for one in fields.field_violations]
        elif detail.Unpack(request):
            error.request_id = request.request_id
        elif detail.Unpack(retry):
            error.retry_after = _seconds(retry.retry_delay)


def _seconds(duration: Duration) -> float:
    return duration.ToTimedelta().total_seconds()
