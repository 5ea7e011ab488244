"""Envoy's own errors in the one JSON shape, `google.rpc.Status`: code, message, and a machine-readable reason."""

from __future__ import annotations

import grpc

from envoy_config.config import Config
from mesh.errors import DOMAIN

# HTTP status -> gRPC code, reason, and the message where Envoy's own would say too little or too much
_ERRORS: dict[int, tuple[grpc.StatusCode, str, str]] = {
    400: (grpc.StatusCode.INVALID_ARGUMENT, "BAD_REQUEST", "%LOCAL_REPLY_BODY%"),
    # of its own Envoy only refuses webhooks from elsewhere; what the authorization service refuses is passed on
    403: (grpc.StatusCode.PERMISSION_DENIED, "IP_NOT_ALLOWED", "this provider does not send from this address"),
    404: (
        grpc.StatusCode.NOT_FOUND,
        "ROUTE_NOT_FOUND",
        "there is nothing at this path: the API reference has them all, such as /v1/orders and "
        "/v1/payments/{payment_id}/refunds, without a slash at the end",
    ),
    405: (grpc.StatusCode.UNIMPLEMENTED, "METHOD_NOT_ALLOWED", "%LOCAL_REPLY_BODY%"),
    408: (grpc.StatusCode.DEADLINE_EXCEEDED, "REQUEST_TIMEOUT", "the request did not arrive in time"),
    413: (grpc.StatusCode.INVALID_ARGUMENT, "BODY_TOO_LARGE", "the request body is too large"),
    415: (grpc.StatusCode.INVALID_ARGUMENT, "CONTENT_TYPE_NOT_SUPPORTED", "the content type must be application/json"),
    429: (grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED", "too many requests, try again after a pause"),
    431: (grpc.StatusCode.INVALID_ARGUMENT, "HEADERS_TOO_LARGE", "the request headers are too large"),
    500: (grpc.StatusCode.INTERNAL, "INTERNAL", "something went wrong on our side"),
    503: (grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE", "a part of the gateway is out of reach, try again"),
    504: (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "this took too long"),
}


def local_replies() -> Config:
    """Return Envoy's `local_reply_config`."""
    return {"mappers": [_authorization_reply(), *(_reply(status) for status in _ERRORS)]}


def _authorization_reply() -> Config:
    """Pass on what the authorization service answered: it is in the right shape already."""
    return {
        "filter": {
            "and_filter": {
                "filters": [{"response_flag_filter": {"flags": ["UAEX"]}}, _status_below(500)],
            }
        },
        "body_format_override": {
            "text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"},
            "content_type": "application/json",
        },
    }


def _status_below(status: int) -> Config:
    return {"status_code_filter": {"comparison": {"op": "LE", "value": _runtime(status - 1)}}}


def _runtime(value: int) -> Config:
    return {"default_value": value, "runtime_key": f"fusionxpay.error.{value}"}


def _reply(status: int) -> Config:
    code, reason, message = _ERRORS[status]
    return {
        "filter": {"status_code_filter": {"comparison": {"op": "EQ", "value": _runtime(status)}}},
        "body_format_override": {
            "json_format": {
                "code": code.value[0],
                "message": message,
                "details": [
                    {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": f"{DOMAIN}.edge"},
                    {"@type": "type.googleapis.com/google.rpc.RequestInfo", "request_id": "%REQ(X-REQUEST-ID)%"},
                ],
            },
        },
    }
