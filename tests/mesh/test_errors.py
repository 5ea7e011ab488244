from __future__ import annotations

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from mesh import errors
from mesh.errors import DETAILS_KEY, ApiError, FieldViolation

ERRORS = [
    errors.invalid("amount.value", "must be more than zero"),
    errors.not_found("webhook endpoint", "7"),
    errors.failed_precondition("PAYMENT_IN_PROGRESS", "one is under way", payment_id="7"),
    errors.unavailable("DATABASE_UNAVAILABLE", "try again"),
    errors.unauthenticated("API_KEY_INVALID", "a key is needed"),
]


def _failed_call(error: ApiError) -> grpc.aio.AioRpcError:
    """What a caller gets of an error that a server answered with."""
    trailing = grpc.aio.Metadata((DETAILS_KEY, error.to_status().SerializeToString()))
    return grpc.aio.AioRpcError(error.code, grpc.aio.Metadata(), trailing, details=error.message)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.reason)
def test_error_crosses_the_mesh_unchanged(error: ApiError) -> None:
    read = ApiError.from_rpc(_failed_call(error))
    assert (read.code, read.reason, read.message) == (error.code, error.reason, error.message)
    assert dict(read.metadata) == dict(error.metadata)


def test_failure_without_details_is_named_by_its_code() -> None:
    failed = grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), details="gone")
    assert ApiError.from_rpc(failed).reason == "UNAVAILABLE"


def test_refusal_tells_no_address_of_ours() -> None:
    said = "failed to connect to all addresses; last error: UNKNOWN: ipv4:10.1.2.3:9001: Failed to connect"
    failed = grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), details=said)
    assert "10.1.2.3" not in str(ApiError.from_rpc(failed).to_status())


def test_status_tells_reason_fields_and_request() -> None:
    wrong = [FieldViolation("amount.value", "too much"), FieldViolation("amount.currency", "unknown")]
    status = errors.invalid_fields(wrong).to_status("request-1")
    info, bad, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RequestInfo()
    assert all(detail.Unpack(into) for detail, into in zip(status.details, (info, bad, request), strict=True))
    assert (info.reason, info.domain) == ("INVALID_ARGUMENT", "fusionxpay")
    assert [(v.field, v.description) for v in bad.field_violations] == [(w.field, w.description) for w in wrong]
    assert request.request_id == "request-1"
    assert status_pb2.Status.FromString(status.SerializeToString()) == status


@pytest.mark.parametrize(("kind", "reason"), [("order", "ORDER_NOT_FOUND"), ("api key", "API_KEY_NOT_FOUND")])
def test_missing_resource_is_named_by_its_kind(kind: str, reason: str) -> None:
    assert errors.not_found(kind, "7").reason == reason
