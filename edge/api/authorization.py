"""Envoy's question at every request (external authorization, `envoy.service.auth.v3`): who is this, may they?"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol
from uuid import UUID

import grpc
from envoy.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc

from edge.api.cells import CellAnswers
from edge.api.check_response import KEY_IS_VALID, allowed, denied
from edge.domain import UNREADABLE, Identity, Signature, digest, secret_of
from edge.metrics import AUTHORIZATION_SECONDS, AUTHORIZATIONS
from edge.use_cases import signing
from edge.use_cases.request_checks import RequestChecks
from edge.use_cases.signing import SignedRequest
from mesh import tracing
from mesh.context import call_of, trace_of
from mesh.errors import ApiError, invalid_fields, permission_denied, unauthenticated
from mesh.rpc.headers import BODY_TOO_LARGE, CELL_CHECK, CHECK, CLIENT_ADDRESS, KEY_CHECK, MAX_BODY, SIGNATURE
from mesh.rpc.interceptors import IDEMPOTENCY_KEY, SERVER_ERRORS, TRACE_KEY
from mesh.telemetry import get_logger
from mesh.tracing import names

log = get_logger(__name__)
Context = grpc.aio.ServicerContext[Any, Any]

_HOW = "`Authorization: Bearer sk_…`"
NO_KEY = unauthenticated("API_KEY_INVALID", f"no API key came with this request; it is sent as {_HOW}")
NOT_A_KEY = unauthenticated("API_KEY_INVALID", f"the header `Authorization` has another form than {_HOW}")
PART_OF_A_KEY = unauthenticated(
    "API_KEY_INVALID",
    f"this API key is mistyped or not whole: it has another length or other letters than ours; {_HOW}",
)
# one answer for a key that is unknown, expired, revoked or disabled: it must not say which
NO_VALID_KEY = unauthenticated(
    "API_KEY_INVALID",
    "this API key is not valid here: it is another gateway's, was mistyped, has expired, was revoked, or its merchant "
    f"is disabled; a valid one is sent as {_HOW}",
)
IP_NOT_ALLOWED = permission_denied("IP_NOT_ALLOWED", "this API key may not be used from this address")


def _of_header(header: str) -> ApiError:
    """Return the refusal of what holds no key of ours, by what the header is."""
    if not header:
        return NO_KEY
    return PART_OF_A_KEY if header.lower().startswith("bearer sk_") else NOT_A_KEY


_CHECK = "envoy.service.auth.v3.Authorization/Check"
_OUTCOMES = {
    grpc.StatusCode.UNAUTHENTICATED: "key_invalid",
    grpc.StatusCode.INVALID_ARGUMENT: "request_invalid",
    grpc.StatusCode.UNAVAILABLE: "unavailable",
}


class Keys(Protocol):
    """Who knows keys."""

    async def identify(self, digest: bytes) -> Identity | None:
        """Return whom the key with this digest speaks for, now."""
        ...


class Nonces(Protocol):
    """Who knows which nonces were used."""

    async def use(self, key_id: UUID, nonce: str) -> bool:
        """Use a nonce up; return False when it was used before."""
        ...


class AuthorizationServicer(external_auth_pb2_grpc.AuthorizationServicer):  # type: ignore[misc]  # untyped stubs
    """Answers Envoy from memory; what it cannot answer, Envoy refuses with 503."""

    def __init__(
        self,
        keys: Keys,
        nonces: Nonces,
        checks: RequestChecks,
        note_use: Callable[[UUID], None],
        *,
        accepts_v1: bool = True,
        cells: CellAnswers | None = None,
    ) -> None:
        """Answer for one cell; with `cells`, to an Envoy before several of them also, which one a request goes to."""
        self._cells = cells
        self._accepts_v1 = accepts_v1
        self._keys = keys
        self._nonces = nonces
        self._checks = checks
        self._note_use = note_use

    async def Check(self, request: external_auth_pb2.CheckRequest, context: Context) -> external_auth_pb2.CheckResponse:
        """Identify the merchant by its key, then hold the request against the contract."""
        http = request.attributes.request.http
        if self._cells and _asks(context, CELL_CHECK):
            return await self._cells.answer(http)
        started, span = time.perf_counter(), _span(context)
        identity = None
        try:
            identity = await self._identify(http)
            if not identity.may_come_from(http.headers.get(CLIENT_ADDRESS, "")):
                raise IP_NOT_ALLOWED
            if _asks(context, KEY_CHECK):
                span.end()
                return KEY_IS_VALID
            if len(_body(http)) > MAX_BODY:
                # Envoy hands on the beginning of what is too large
                raise BODY_TOO_LARGE
            await self._check_signature(identity, http)
            self._note_use(identity.api_key_id)
            self._hold_against_contract(http)
        except ApiError as error:
            _measure(_OUTCOMES.get(error.code, "forbidden"), started)
            span.end(error.code.name if error.code in SERVER_ERRORS else "", {names.RPC_STATUS: error.code.name})
            # what is wrong with one key is said of it; what cannot be answered at all, Envoy refuses in its own words
            if error.code is grpc.StatusCode.UNAVAILABLE and error.reason != UNREADABLE:
                await context.abort(error.code, error.message)
            return denied(error, http, identity)
        _measure("allowed", started)
        span.end()
        log.debug(
            "authorized",
            path=http.path.partition("?")[0],
            merchant_id=identity.merchant_id,
            request_id=http.headers.get("x-request-id", ""),
            duration_ms=round((time.perf_counter() - started) * 1000, 3),
        )
        return allowed(identity)

    async def _identify(self, http: Any) -> Identity:
        """Return whom the request's key speaks for. Raises ApiError when there is none."""
        header = http.headers.get("authorization", "")
        secret = secret_of(header)
        if secret is None:
            raise _of_header(header.strip())
        identity = await self._keys.identify(digest(secret))
        if identity is None:
            raise NO_VALID_KEY
        return identity

    async def _check_signature(self, identity: Identity, http: Any) -> None:
        header = http.headers.get(SIGNATURE, "")
        if not header and identity.permissions.signature is Signature.REQUIRED:
            raise signing.SIGNATURE_REQUIRED
        if not header or identity.signing_secret is None:
            return
        stamp = signing.read(header)
        request = SignedRequest(http.method, http.path, _body(http), http.headers.get(IDEMPOTENCY_KEY, ""))
        signing.verify(identity.signing_secret, request, stamp, time.time(), accepts_v1=self._accepts_v1)
        # last: only who has the secret can fill the store
        if not await self._nonces.use(identity.api_key_id, stamp.nonce):
            raise signing.NONCE_REPLAYED

    def _hold_against_contract(self, http: Any) -> None:
        """Raise ApiError INVALID_ARGUMENT for what the transcoder would drop or take wrongly."""
        wrong = self._checks.violations(http.method, http.path, http.headers.get("content-type", ""), _body(http))
        if wrong:
            raise invalid_fields(wrong)


def _asks(context: Context, what: str) -> bool:
    """Whether that is what Envoy's question is about."""
    return (CHECK, what) in (context.invocation_metadata() or ())


def _span(servicer: Context) -> tracing.Span:
    """Return the span of an answer, which is no RPC of the contract; Envoy says under which trace it asks."""
    if not tracing.is_on():
        return tracing.OFF
    headers: dict[str, Any] = dict(servicer.invocation_metadata() or ())
    call = call_of(trace_of(headers.get(TRACE_KEY, "")), method=_CHECK)
    return tracing.start(_CHECK, tracing.Kind.SERVER, {names.RPC_SYSTEM: "grpc", names.RPC_METHOD: _CHECK}, call=call)


def _measure(outcome: str, started: float) -> None:
    AUTHORIZATIONS.labels(outcome).inc()
    AUTHORIZATION_SECONDS.observe(time.perf_counter() - started)


def _body(http: Any) -> bytes:
    body: bytes = http.raw_body or http.body.encode()
    return body
