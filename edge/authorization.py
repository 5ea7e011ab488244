"""Envoy's question at every request (external authorization, `envoy.service.auth.v3`): who is this, may they?"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

import grpc
import orjson
from envoy.config.core.v3 import base_pb2
from envoy.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc
from envoy.type.v3 import http_status_pb2
from google.protobuf import json_format
from google.rpc import status_pb2

from edge.domain import Identity, secret_of
from edge.identities import KeyCache
from edge.requests import RequestChecks
from mesh.errors import ApiError, invalid_fields, unauthenticated
from mesh.interceptors import MERCHANT_KEY
from mesh.telemetry import get_logger

log = get_logger(__name__)
Context = grpc.aio.ServicerContext[Any, Any]
OVERWRITE = base_pb2.HeaderValueOption.HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD
HTTP_STATUS = {grpc.StatusCode.UNAUTHENTICATED: 401, grpc.StatusCode.INVALID_ARGUMENT: 400}

# one answer for a key that is missing, malformed, unknown or revoked: it must not tell which
NO_VALID_KEY = unauthenticated("API_KEY_INVALID", "a valid API key is needed: `Authorization: Bearer sk_…`")


class AuthorizationServicer(external_auth_pb2_grpc.AuthorizationServicer):  # type: ignore[misc]  # untyped stubs
    """Answers Envoy from memory; what it cannot answer, Envoy refuses with 503."""

    def __init__(self, keys: KeyCache, checks: RequestChecks) -> None:
        self._keys = keys
        self._checks = checks

    async def Check(self, request: external_auth_pb2.CheckRequest, context: Context) -> external_auth_pb2.CheckResponse:
        """Identify the merchant by its key, then hold the request against the contract."""
        started = time.perf_counter()
        http = request.attributes.request.http
        headers = http.headers
        try:
            secret = secret_of(headers.get("authorization", ""))
            identity = await self._keys.identify(secret) if secret else None
        except ApiError as error:
            await context.abort(error.code, error.message)
        if identity is None:
            return _denied(NO_VALID_KEY, headers.get("x-request-id", ""))
        body = http.raw_body or http.body.encode()
        violation = self._checks.violation(http.method, http.path, headers.get("content-type", ""), body)
        if violation:
            return _denied(invalid_fields([violation]), headers.get("x-request-id", ""))
        log.debug(
            "authorized",
            path=http.path,
            merchant_id=identity.merchant_id,
            request_id=headers.get("x-request-id", ""),
            duration_ms=round((time.perf_counter() - started) * 1000, 3),
        )
        return _allowed(identity)


@lru_cache(maxsize=20_000)
def _allowed(identity: Identity) -> external_auth_pb2.CheckResponse:
    """Attach the identity in place of whatever the client claimed; the key itself goes no further."""
    header = base_pb2.HeaderValueOption(
        header=base_pb2.HeaderValue(key=MERCHANT_KEY, value=str(identity.merchant_id)), append_action=OVERWRITE
    )
    return external_auth_pb2.CheckResponse(
        status=status_pb2.Status(code=grpc.StatusCode.OK.value[0]),
        ok_response=external_auth_pb2.OkHttpResponse(headers=[header], headers_to_remove=["authorization"]),
    )


def _denied(error: ApiError, request_id: str) -> external_auth_pb2.CheckResponse:
    """Refuse with the same JSON that a service's own error becomes."""
    body = json_format.MessageToDict(error.to_status(request_id), preserving_proto_field_name=True)
    return external_auth_pb2.CheckResponse(
        status=status_pb2.Status(code=error.code.value[0], message=error.message),
        denied_response=external_auth_pb2.DeniedHttpResponse(
            status=http_status_pb2.HttpStatus(code=HTTP_STATUS[error.code]),
            body=orjson.dumps(body).decode(),
            headers=[
                base_pb2.HeaderValueOption(
                    header=base_pb2.HeaderValue(key="content-type", value="application/json"), append_action=OVERWRITE
                )
            ],
        ),
    )
