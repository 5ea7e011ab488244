"""What Envoy is answered: the identity that goes along with the request, or the refusal that the client gets."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import Any

import grpc
import orjson
from envoy.config.core.v3 import base_pb2
from envoy.service.auth.v3 import external_auth_pb2
from envoy.type.v3 import http_status_pb2
from google.protobuf import json_format, struct_pb2
from google.rpc import status_pb2

from edge.domain import Identity
from edge.use_cases.request_checks import is_grpc
from mesh.errors import DETAILS_KEY, ApiError
from mesh.rpc.headers import (
    ACCOUNT_KEY,
    BODY_TOO_LARGE,
    CLIENT_ADDRESS,
    DENIED_KEY,
    DENIED_MERCHANT,
    DENIED_MODE,
    KEY_KEY,
    KEY_SCOPES,
    SIGNATURE,
)
from mesh.rpc.interceptors import MERCHANT_KEY, MODE_KEY, SCOPES_KEY

# the key itself goes no further, and neither does what only this decision needs
_USED_UP = ("authorization", SIGNATURE, CLIENT_ADDRESS)
_OVERWRITE = base_pb2.HeaderValueOption.HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD
_HTTP_STATUS = {
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.UNAVAILABLE: 503,
}


KEY_IS_VALID = external_auth_pb2.CheckResponse(status=status_pb2.Status(code=grpc.StatusCode.OK.value[0]))
"""Says of a key, and no more of its request: it goes on as it came."""


def header(name: str, value: str) -> base_pb2.HeaderValueOption:
    """Return a header in place of whatever there is by its name."""
    return base_pb2.HeaderValueOption(header=base_pb2.HeaderValue(key=name, value=value), append_action=_OVERWRITE)


@lru_cache(maxsize=20_000)
def allowed(identity: Identity) -> external_auth_pb2.CheckResponse:
    """Attach the identity in place of whatever the client claimed."""
    attached = {
        MERCHANT_KEY: str(identity.tenant_id),
        MODE_KEY: str(identity.permissions.mode),
        ACCOUNT_KEY: str(identity.merchant_id),
        KEY_KEY: str(identity.api_key_id),
        SCOPES_KEY: " ".join(identity.permissions.scopes),
    }
    return external_auth_pb2.CheckResponse(
        status=status_pb2.Status(code=grpc.StatusCode.OK.value[0]),
        ok_response=external_auth_pb2.OkHttpResponse(
            headers=[header(name, value) for name, value in attached.items()],
            headers_to_remove=_USED_UP,
            # so that a client can offer only what its key may do
            response_headers_to_add=[header(KEY_SCOPES, attached[SCOPES_KEY])],
        ),
    )


def denied(error: ApiError, http: Any, identity: Identity | None = None) -> external_auth_pb2.CheckResponse:
    """Refuse with what a service's own error becomes: JSON, or for a gRPC client, the status with its details.

    Whose key it was, if anybody's, is told to the audit alone.
    """
    status = error.to_status(http.headers.get("x-request-id", ""))
    if is_grpc(http.headers.get("content-type", "")):
        body = error.message
        # what Envoy would make of the status of HTTP is another code: UNKNOWN of 413, INTERNAL of 400
        details = base64.b64encode(status.SerializeToString()).decode().rstrip("=")
        headers = {"grpc-status": f"{error.code.value[0]}", DETAILS_KEY: details}
    else:
        body = orjson.dumps(json_format.MessageToDict(status, preserving_proto_field_name=True)).decode()
        headers = {"content-type": "application/json"}
    if error.code is grpc.StatusCode.UNAVAILABLE:
        headers["retry-after"] = "1"
    return external_auth_pb2.CheckResponse(
        status=status_pb2.Status(code=error.code.value[0], message=error.message),
        denied_response=external_auth_pb2.DeniedHttpResponse(
            status=http_status_pb2.HttpStatus(code=413 if error is BODY_TOO_LARGE else _HTTP_STATUS[error.code]),
            body=body,
            headers=[header(name, value) for name, value in headers.items()],
        ),
        dynamic_metadata=_for_the_audit(identity) if identity else None,
    )


def _for_the_audit(identity: Identity) -> struct_pb2.Struct:
    said = struct_pb2.Struct()
    said.update(
        {
            DENIED_MERCHANT: str(identity.tenant_id),
            DENIED_KEY: str(identity.api_key_id),
            DENIED_MODE: str(identity.permissions.mode),
        }
    )
    return said
