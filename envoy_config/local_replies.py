"""Envoy's own errors as `google.rpc.Status`: in JSON, or as gRPC has it, with a machine-readable reason."""

from __future__ import annotations

import base64

import grpc

from envoy_config.config import TYPE, Config
from mesh.errors import DETAILS_KEY, EDGE_DOMAIN, ApiError
from mesh.rpc.headers import BODY_TOO_LARGE
from mesh.rpc.interceptors import TRANSCODED_KEY

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
    413: (BODY_TOO_LARGE.code, BODY_TOO_LARGE.reason, BODY_TOO_LARGE.message),
    415: (grpc.StatusCode.INVALID_ARGUMENT, "CONTENT_TYPE_NOT_SUPPORTED", "the content type must be application/json"),
    429: (grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED", "too many requests, try again after a pause"),
    431: (grpc.StatusCode.INVALID_ARGUMENT, "HEADERS_TOO_LARGE", "the request headers are too large"),
    500: (grpc.StatusCode.INTERNAL, "INTERNAL", "something went wrong on our side"),
    503: (grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE", "a part of the gateway is out of reach, try again"),
    504: (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "this took too long"),
}
# the same, where a client of gRPC is told something else: a header holds these, and is not written per request
_GRPC_ERRORS = _ERRORS | {
    400: (grpc.StatusCode.INVALID_ARGUMENT, "BAD_REQUEST", "this is no request that the gateway takes"),
    404: (grpc.StatusCode.UNIMPLEMENTED, "ROUTE_NOT_FOUND", "there is no such method: reflection has them all"),
    405: (grpc.StatusCode.UNIMPLEMENTED, "METHOD_NOT_ALLOWED", "a call of gRPC is a POST"),
    415: (grpc.StatusCode.INVALID_ARGUMENT, "CONTENT_TYPE_NOT_SUPPORTED", "the content type must be application/grpc"),
}
JSON_TYPE = r"(?i)application/json(\s*;.*)?"
_REQUEST: Config = {"@type": "type.googleapis.com/google.rpc.RequestInfo", "request_id": "%REQ(X-REQUEST-ID)%"}
_MALFORMED = "the request is malformed: a path, for one, has no encoded slash, backslash or NUL (%%2F, %%5C, %%00)"


def local_replies() -> Config:
    """Return Envoy's `local_reply_config`: the first mapper that fits is taken."""
    return {
        "mappers": [
            _authorization_reply(),
            *(_grpc_reply(status) for status in _GRPC_ERRORS),
            _malformed_reply(),
            _encoding_reply(),
            _large_answer_reply(),
            *(_reply(status) for status in _ERRORS),
        ]
    }


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


def _status_is(status: int) -> Config:
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": _runtime(status)}}}


def _header(name: str, regex: str) -> Config:
    return {"header_filter": {"header": {"name": name, "string_match": {"safe_regex": {"regex": regex}}}}}


def _runtime(value: int) -> Config:
    return {"default_value": value, "runtime_key": f"fusionxpay.error.{value}"}


def _without(name: str) -> Config:
    return {"header_filter": {"header": {"name": name, "present_match": True, "invert_match": True}}}


def _reply(status: int) -> Config:
    return {"filter": _status_is(status), "body_format_override": _body(*_ERRORS[status], _REQUEST)}


def _malformed_reply() -> Config:
    """Say of a request what Envoy says nothing of: it was refused for its path, or else before it was given an id."""
    code, reason, _ = _ERRORS[400]
    signs = [_header(":path", "[^?]*%(00|2[fF]|5[cC]).*"), _without("x-request-id")]
    filters = [_status_is(400), _header(":path", ".*"), {"or_filter": {"filters": signs}}]
    return {"filter": {"and_filter": {"filters": filters}}, "body_format_override": _body(code, reason, _MALFORMED)}


def _encoding_reply() -> Config:
    code, reason, _ = _ERRORS[415]
    filters = [_status_is(415), _header("content-encoding", "[A-Za-z0-9-]{1,16}"), _header("content-type", JSON_TYPE)]
    message = "a body is taken as it is, without Content-Encoding: this one came with %REQ(CONTENT-ENCODING)%"
    body = _body(code, reason, message, _REQUEST)
    return {"filter": {"and_filter": {"filters": filters}}, "body_format_override": body}


def _large_answer_reply() -> Config:
    """Say that an answer is too large to be translated: it comes again however often it is asked for."""
    details = '"grpc_json_transcode_failure{response_buffer_size_limit_reached}"'
    expression = {
        "@type": f"{TYPE}envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
        "expression": f"response.code_details == {details}",
    }
    is_large = {"extension_filter": {"name": "envoy.access_loggers.extension_filters.cel", "typed_config": expression}}
    message = "the answer is larger than 1 MiB, which is more than comes as JSON: ask for less of it, or by gRPC"
    body = _body(grpc.StatusCode.INTERNAL, "ANSWER_TOO_LARGE", message, _REQUEST)
    return {"filter": {"and_filter": {"filters": [_status_is(500), is_large]}}, "body_format_override": body}


def _body(code: grpc.StatusCode, reason: str, message: str, *more: Config) -> Config:
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": EDGE_DOMAIN}
    return {"json_format": {"code": code.value[0], "message": message, "details": [info, *more]}}


def _grpc_reply(status: int) -> Config:
    """Answer a call of gRPC, but not one that the transcoder made: its client reads JSON."""
    code, reason, message = _GRPC_ERRORS[status]
    details = ApiError(code, reason, message, domain=EDGE_DOMAIN).to_status().SerializeToString()
    headers = {"grpc-status": f"{code.value[0]}", DETAILS_KEY: base64.b64encode(details).decode().rstrip("=")}
    filters = [_status_is(status), _header("content-type", r"application/grpc(\+.*)?"), _without(TRANSCODED_KEY)]
    return {
        "filter": {"and_filter": {"filters": filters}},
        "body_format_override": {"text_format_source": {"inline_string": message}},
        "headers_to_add": [
            {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            for name, value in headers.items()
        ],
    }
