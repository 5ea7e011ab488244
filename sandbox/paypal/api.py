"""The HTTP side of the API: tokens, bodies, request ids, faults, and how much of a resource is shown."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.faults import Fault
from sandbox.logs import annotate
from sandbox.paypal import orders, reporting, tokens
from sandbox.paypal.account import NAME, Account
from sandbox.paypal.endpoints import ENDPOINTS, Endpoint, show
from sandbox.paypal.errors import (
    PaypalError,
    in_progress,
    invalid,
    not_found,
    oauth,
    rate_limited,
    server_error,
    unsupported_media_type,
)
from sandbox.paypal.fields import Call, decode
from sandbox.paypal.request_ids import RequestIds
from sandbox.provider import World
from sandbox.store.documents import Document
from sandbox.store.idempotency import KeyInUseError, fingerprint
from sandbox.web import gate
from sandbox.web.replies import Reply

_MAX_REQUEST_ID = 108
_PREFERENCES = {"": True, "return=minimal": True, "return=representation": False}
_OK, _NO_CONTENT = 200, 204
_DEBUG_HEADER = "paypal-debug-id"


@dataclass(frozen=True, slots=True)
class _Exchange:
    """One request as its endpoint and its request id need it."""

    endpoint: Endpoint
    call: Call
    request_id: str | None
    fingerprint: str
    minimal: bool


class Api:
    """Serves the endpoint table."""

    def __init__(self, world: World, account: Account) -> None:
        self._world = world
        self._account = account
        self._request_ids = RequestIds(world.database)

    def routes(self) -> list[BaseRoute]:
        """Tokens, the search of transactions, one route per endpoint of the table, and 404 for everything else."""
        return [
            Route(f"/{NAME}/v1/oauth2/token", self._token, methods=["POST"]),
            Route(f"/{NAME}/v1/reporting/transactions", self._transactions),
            *(Route(f"/{NAME}{one.path}", self._serve(one), methods=[one.method]) for one in ENDPOINTS),
            Route(f"/{NAME}/{{rest:path}}", self._unknown, methods=gate.EVERY_METHOD),
        ]

    async def _unknown(self, request: Request) -> Response:
        return not_found().reply(_debug_id()).response()

    async def _token(self, request: Request) -> Response:
        raw, authorization = await request.body(), request.headers.get("authorization", "")
        subject = gate.Subject(NAME, "oauth2.token")
        return await self._meet(request, subject, _debug_id(), partial(self._issue, authorization, raw))

    def _issue(self, authorization: str, raw: bytes) -> Reply:
        with self._world.database.transaction():
            return Reply.of(tokens.issue(self._account, authorization, raw))

    async def _transactions(self, request: Request) -> Response:
        subject = gate.Subject(NAME, "transactions.search")
        return await self._meet(request, subject, _debug_id(), partial(self._search, request))

    def _search(self, request: Request) -> Reply:
        tokens.check(self._account, request.headers.get("authorization", ""))
        return Reply.of(reporting.search(self._account, request.query_params))

    def _serve(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            debug_id = _debug_id()
            try:
                tokens.check(self._account, request.headers.get("authorization", ""))
                exchange = await _read(request, endpoint)
            except PaypalError as error:
                return error.reply(debug_id).response({_DEBUG_HEADER: debug_id})
            key = f"{endpoint.operation} {exchange.request_id}" if exchange.request_id else None
            annotate(request, object=exchange.call.id or None)
            subject = gate.Subject(NAME, endpoint.operation, self._tags(exchange.call))
            return await self._meet(request, subject, debug_id, partial(self._work, exchange, request), key)

        return serve

    async def _meet(
        self, request: Request, subject: gate.Subject, debug_id: str, work: Callable[[], Reply], key: str | None = None
    ) -> Response:
        """Answer under the request id, where there is one."""
        claim = self._request_ids.claim(key)
        try:
            reply = await gate.meet(
                request, self._world.faults, subject, claim, lambda fault: _answer(fault, work, debug_id)
            )
        except KeyInUseError:
            reply = in_progress().reply(debug_id)
        return reply.response({_DEBUG_HEADER: debug_id})

    def _work(self, exchange: _Exchange, request: Request) -> Reply:
        """Run the endpoint in one transaction with its request id, or show what the id stands for."""
        known = self._known(exchange)
        if known is not None:
            return self._show(exchange, known, _OK)
        with self._world.database.transaction():
            outcome = self._run(exchange)
        if isinstance(outcome, PaypalError):
            raise outcome
        annotate(request, object=outcome.id, tags=outcome.tags)
        # PayPal answers 200 to an order that waits for the payer, 201 to other new things.
        waiting = outcome.body["status"] == "PAYER_ACTION_REQUIRED"
        return self._show(exchange, outcome, _OK if waiting else exchange.endpoint.status)

    def _known(self, exchange: _Exchange) -> Document | None:
        if exchange.request_id is None:
            return None
        operation = exchange.endpoint.operation
        object_id = self._request_ids.find(operation, exchange.request_id, exchange.fingerprint)
        return self._world.documents.get(object_id) if object_id else None

    def _run(self, exchange: _Exchange) -> Document | PaypalError:
        """A declined attempt is a fact like any other: what it left behind is committed."""
        try:
            document = exchange.endpoint.handler(self._account, exchange.call)
        except PaypalError as error:
            if not error.committed:
                raise
            return error
        if exchange.request_id is not None:
            endpoint = exchange.endpoint
            self._request_ids.store(
                endpoint.operation, exchange.request_id, exchange.fingerprint, document.id, endpoint.kept_seconds
            )
        return document

    def _show(self, exchange: _Exchange, document: Document, status: int) -> Reply:
        if exchange.endpoint.status == _NO_CONTENT and exchange.minimal:
            return Reply(_NO_CONTENT, b"")
        shown = show(self._account, document, minimal=exchange.minimal)
        return Reply.of(shown, _OK if status == _NO_CONTENT else status)

    def _tags(self, call: Call) -> dict[str, str]:
        """What is known of the object a call names, or of the order it is about to make."""
        named = self._world.documents.get(call.id) if call.id else None
        units = call.fields.values.get("purchase_units")
        unit = units[0] if isinstance(units, list) and units else None
        return (named.tags if named else {}) | (orders.tags_of(unit) if isinstance(unit, dict) else {})


async def _read(request: Request, endpoint: Endpoint) -> _Exchange:
    """PayPal insists on JSON, also where a body may be left out; only a void has neither body nor content type."""
    posted = request.method == "POST"
    body = await request.body() if posted else b""
    is_bare = endpoint.status == _NO_CONTENT and not body
    if posted and not is_bare and not request.headers.get("content-type", "").startswith("application/json"):
        raise unsupported_media_type()
    fields = decode(body)
    request_id = request.headers.get("paypal-request-id") if posted else None
    if request_id is not None and not 0 < len(request_id) <= _MAX_REQUEST_ID:
        raise invalid("INVALID_STRING_LENGTH", "PayPal-Request-Id", request_id)
    preference = request.headers.get("prefer", "").replace(" ", "")
    if preference not in _PREFERENCES:
        raise invalid("INVALID_PARAMETER_VALUE", "Prefer", preference)
    call = Call(fields, str(request.path_params.get("id", "")))
    print_ = fingerprint(request.method, request.url.path, fields.values)
    return _Exchange(endpoint, call, request_id, print_, posted and _PREFERENCES[preference])


def _answer(fault: Fault | None, work: Callable[[], Reply], debug_id: str) -> Reply:
    try:
        if fault is not None and fault.kind == "error_429":
            raise rate_limited()
        if fault is not None and fault.kind == "error_401":
            raise oauth(401, "invalid_token", "Token signature verification failed")
        reply = None if gate.skips_work(fault) else work()
        if reply is None or (fault is not None and fault.kind == "error_500"):
            raise server_error()
    except PaypalError as error:
        return error.reply(debug_id)
    return gate.cut(fault, reply)


def _debug_id() -> str:
    return secrets.token_hex(7)
