"""The HTTP side of the API: keys, parameters, idempotency, faults, and the answer's headers."""

import base64
import binascii
import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.faults import Fault
from sandbox.logs import annotate
from sandbox.provider import World
from sandbox.store.idempotency import KeyInUseError, KeyReusedError, Record, fingerprint
from sandbox.store.owners import own_key, owner_of, tags_of
from sandbox.stripe.account import NAME, Account, Cause, new_id
from sandbox.stripe.endpoints import ENDPOINTS, Endpoint
from sandbox.stripe.errors import (
    StripeError,
    invalid,
    key_in_use,
    key_reused,
    server_error,
    too_many_requests,
    unauthorized,
    unknown_url,
)
from sandbox.stripe.expansion import expand
from sandbox.stripe.params import Call, Params, decode
from sandbox.web import gate
from sandbox.web.replies import Reply

_MAX_KEY = 255
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class _Exchange:
    """One request on its way through."""

    endpoint: Endpoint
    call: Call
    request_id: str
    key: str | None
    fingerprint: str
    owner: str
    fault: Fault | None = None


class Api:
    """Serves the endpoint table."""

    def __init__(self, world: World, account: Account) -> None:
        self._world = world
        self._account = account
        self._idempotency = world.idempotency(NAME)

    def routes(self) -> list[BaseRoute]:
        """One route per endpoint, and Stripe's own 404 for everything else below ``/v1``."""
        routes: list[BaseRoute] = [
            Route(endpoint.path, self._serve(endpoint), methods=[endpoint.method]) for endpoint in ENDPOINTS
        ]
        routes.append(Route("/v1/{rest:path}", self._unknown, methods=gate.EVERY_METHOD))
        return routes

    async def _unknown(self, request: Request) -> Response:
        return unknown_url(request.method, request.url.path).reply().response()

    def _serve(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            request_id = new_id("req")
            headers = {"request-id": request_id, "stripe-version": self._version(request)}
            try:
                owner = self._authenticate(request)
                exchange = await self._read(request, endpoint, request_id, owner)
                reply = await self._exchange(request, exchange)
            except StripeError as error:
                reply = error.reply()
            return reply.response(headers)

        return serve

    def _version(self, request: Request) -> str:
        return request.headers.get("stripe-version", self._account.settings.api_version)

    def _authenticate(self, request: Request) -> str:
        """Return the further account that the key opens; empty: that of the settings."""
        given = _secret_key(request.headers.get("authorization", ""))
        if not given:
            raise unauthorized(
                "You did not provide an API key. You need to provide your API key in the Authorization"
                " header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
            )
        owner = owner_of(given, "sk_test_")
        if not owner and not hmac.compare_digest(given.encode(), self._account.settings.api_key.encode()):
            raise unauthorized(f"Invalid API Key provided: {given[:8]}****")
        return owner

    async def _read(self, request: Request, endpoint: Endpoint, request_id: str, owner: str) -> _Exchange:
        raw = await request.body() if request.method == "POST" else request.url.query.encode()
        values = decode(raw.decode("utf-8", "replace"))
        params = Params(values)
        params.only(endpoint.parameters)
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        if key is not None and not 0 < len(key) <= _MAX_KEY:
            raise invalid("Idempotency keys must be between 1 and 255 characters.", "Idempotency-Key")
        path = request.url.path
        call = Call(params, path, str(request.path_params.get("id", "")))
        return _Exchange(endpoint, call, request_id, key, fingerprint(request.method, path, values), owner)

    async def _exchange(self, request: Request, exchange: _Exchange) -> Reply:
        """Answer under the idempotency key."""
        tags = self._tags(exchange.call) | tags_of(exchange.owner)
        subject = gate.Subject(NAME, exchange.endpoint.operation, tags)
        claim = self._idempotency.claim(own_key(exchange.owner, exchange.key))

        def answer(fault: Fault | None) -> Reply:
            reply = self._answer(exchange, fault)
            annotate(request, object=_object_id(exchange.call, reply))
            return reply

        try:
            return await gate.meet(request, self._world.faults, subject, claim, answer)
        except KeyInUseError:
            raise key_in_use(exchange.key or "") from None
        except KeyReusedError:
            raise key_reused(exchange.key or "") from None

    def _answer(self, exchange: _Exchange, fault: Fault | None) -> Reply:
        if fault is not None and fault.kind == "error_429":
            return too_many_requests().reply()
        if fault is not None and fault.kind == "error_401":
            return unauthorized("Expired API Key provided").reply()
        record = self._idempotency.find(own_key(exchange.owner, exchange.key), exchange.fingerprint)
        if record is not None:
            return _replay(record)
        reply = None if gate.skips_work(fault) else self._work(exchange, fault)
        if fault is not None and fault.kind == "error_500":
            return self._server_error(exchange, fault)
        return gate.cut(fault, reply) if reply else server_error(recorded=False).reply()

    def _work(self, exchange: _Exchange, fault: Fault | None) -> Reply:
        """Run the endpoint in one transaction with its idempotency record."""
        self._account.cause = Cause(exchange.request_id, exchange.key)
        self._account.owner = exchange.owner
        try:
            with self._world.database.transaction():
                reply = self._run(exchange)
                self._remember(exchange, reply)
        except StripeError as error:
            reply = error.reply()
            if error.recorded:
                with self._world.database.transaction():
                    self._remember(exchange, reply)
        finally:
            self._account.cause, self._account.owner = Cause(), None
        return reply

    def _run(self, exchange: _Exchange) -> Reply:
        """A decline is an answer like any other here: what it left behind is committed."""
        try:
            body = exchange.endpoint.handler(self._account, exchange.call)
            return Reply.of(expand(self._account, body, exchange.call.params.texts("expand")))
        except StripeError as error:
            if not error.committed:
                raise
            return error.reply()

    def _server_error(self, exchange: _Exchange, fault: Fault) -> Reply:
        """A 500; kept under the key, as Stripe keeps those of endpoints that began to run."""
        recorded = fault.stored and exchange.key is not None
        reply = server_error(recorded=recorded).reply()
        if recorded:
            with self._world.database.transaction():
                self._remember(exchange, reply)
        return reply

    def _remember(self, exchange: _Exchange, reply: Reply) -> None:
        self._idempotency.store(own_key(exchange.owner, exchange.key), exchange.fingerprint, exchange.request_id, reply)

    def _tags(self, call: Call) -> dict[str, str]:
        """All metadata known of the objects a call names and of those it is about to make."""
        tags: dict[str, str] = {}
        values = call.params.values
        for object_id in (call.id, values.get("payment_intent"), values.get("charge")):
            document = self._world.documents.get(object_id) if isinstance(object_id, str) else None
            tags |= document.tags if document else {}
        nested = values.get("payment_intent_data")
        for holder in (nested if isinstance(nested, dict) else {}, values):
            metadata = holder.get("metadata")
            tags |= metadata if isinstance(metadata, dict) else {}
        if isinstance(values.get("client_reference_id"), str):
            tags["client_reference_id"] = values["client_reference_id"]
        return tags


def _replay(record: Record) -> Reply:
    """The first answer again; retrying a replayed failure would only replay it once more."""
    headers = {"idempotent-replayed": "true", "original-request": record.request_id}
    if record.reply.status >= _SERVER_ERROR:
        headers["stripe-should-retry"] = "false"
    return Reply(record.reply.status, record.reply.body, headers)


def _object_id(call: Call, reply: Reply) -> str | None:
    """The object a request was about: named in its URL, or made by it."""
    return call.id or json.loads(reply.body).get("id")


def _secret_key(authorization: str) -> str:
    """The key of a Bearer header, or the user name of a Basic one."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""
