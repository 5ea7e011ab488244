"""The one vocabulary of errors that crosses the mesh.

A use case raises an `ApiError`; the server turns it into a gRPC status with `google.rpc` details (AIP-193), the client
builder turns it back, and the edge prints it as JSON. Reasons are documented in `docs/errors.md`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from mesh.redaction import redacted

DOMAIN = "fusionxpay"
EDGE_DOMAIN = f"{DOMAIN}.edge"
"""Of what the front door itself says, before a request comes to a service."""
MAX_NAME = 128
"""Characters of a wrong field's name that an answer repeats."""
MAX_TOLD = 8
"""Wrong fields that the sentence for people names; the details name all."""
DETAILS_KEY = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field that is wrong: its path in the request, and what is wrong with it."""

    field: str
    description: str


@dataclass(eq=False)
class ApiError(Exception):
    """An error that a caller may see: a gRPC code, a machine-readable reason, and a sentence for a person."""

    code: grpc.StatusCode
    reason: str
    message: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    violations: Sequence[FieldViolation] = ()
    retry_after: int = 0
    """After how many seconds it may be otherwise, where that is known."""
    domain: str = DOMAIN

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"

    def to_status(self, request_id: str = "") -> status_pb2.Status:
        """Return the error as `google.rpc.Status` with ErrorInfo, BadRequest and RequestInfo details."""
        details: list[Message] = [
            error_details_pb2.ErrorInfo(reason=self.reason, domain=self.domain, metadata=dict(self.metadata))
        ]
        if self.violations:
            bad_request = error_details_pb2.BadRequest()
            for violation in self.violations:
                bad_request.field_violations.add(field=violation.field, description=violation.description)
            details.append(bad_request)
        if request_id:
            details.append(error_details_pb2.RequestInfo(request_id=request_id))
        return status_pb2.Status(code=self.code.value[0], message=self.message, details=[_pack(d) for d in details])

    @classmethod
    def from_rpc(cls, error: grpc.aio.AioRpcError) -> ApiError:
        """Read the typed error back from a failed call; without details its reason is the code's name."""
        info = error_details_pb2.ErrorInfo()
        for key, value in error.trailing_metadata() or ():
            if key == DETAILS_KEY and isinstance(value, bytes):
                for detail in status_pb2.Status.FromString(value).details:
                    detail.Unpack(info)
        if not info.reason:
            # gRPC's own words, which name addresses of ours
            return cls(
                error.code(), error.code().name, _UNTYPED.get(error.code(), "the call failed inside the gateway")
            )
        return cls(error.code(), info.reason, error.details() or "", dict(info.metadata))


_UNTYPED = {
    grpc.StatusCode.UNAVAILABLE: "a part of the gateway is out of reach, try again",
    grpc.StatusCode.DEADLINE_EXCEEDED: "this took too long",
    grpc.StatusCode.CANCELLED: "the call was cancelled",
}


def _pack(detail: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed


def invalid(field_name: str, description: str, reason: str = "INVALID_ARGUMENT") -> ApiError:
    """One wrong field of the request."""
    return invalid_fields([FieldViolation(field_name, description)], reason)


def invalid_fields(violations: Sequence[FieldViolation], reason: str = "INVALID_ARGUMENT") -> ApiError:
    """Several wrong fields of the request, in one answer."""
    violations = [FieldViolation(_shown(violation.field), violation.description) for violation in violations]
    shown = [f"{one.field}: {one.description}" if one.field else one.description for one in violations[:MAX_TOLD]]
    more = [f"and {len(violations) - MAX_TOLD} more"] if len(violations) > MAX_TOLD else []
    message = " | ".join([*shown, *more])
    return ApiError(grpc.StatusCode.INVALID_ARGUMENT, reason, message, violations=violations)


def _shown(name: str) -> str:
    """Return a field's name as it may be repeated: a client may have put anything there, of any length."""
    return redacted(name if len(name) <= MAX_NAME else name[:MAX_NAME] + "…")


_WHERE = " (a key sees what its own merchant made in its own mode: sk_test_ keys test data, sk_live_ keys live data)"


def not_found(kind: str, resource_id: str) -> ApiError:
    """The resource does not exist, or belongs to another merchant: the answer does not say which."""
    reason = f"{kind.upper().replace(' ', '_')}_NOT_FOUND"
    return ApiError(grpc.StatusCode.NOT_FOUND, reason, f"no such {kind}: {resource_id}{_WHERE}")


def failed_precondition(reason: str, message: str, **metadata: str) -> ApiError:
    """The resource is not in a state that allows the call."""
    return ApiError(grpc.StatusCode.FAILED_PRECONDITION, reason, message, metadata)


def permission_denied(reason: str, message: str, **metadata: str) -> ApiError:
    """The caller is known, and may not do this."""
    return ApiError(grpc.StatusCode.PERMISSION_DENIED, reason, message, metadata)


def unavailable(reason: str, message: str) -> ApiError:
    """Something that the call needs is out of reach; nothing was changed and the call may be tried again."""
    return ApiError(grpc.StatusCode.UNAVAILABLE, reason, message)


def is_outage(error: BaseException) -> bool:
    """Whether something that all calls need is out of reach, and not this one at fault."""
    return isinstance(error, ApiError) and error.code is grpc.StatusCode.UNAVAILABLE


def unauthenticated(reason: str, message: str) -> ApiError:
    """The caller did not prove who it is."""
    return ApiError(grpc.StatusCode.UNAUTHENTICATED, reason, message)
