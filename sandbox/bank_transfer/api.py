"""The HTTP side of the API: keys, fields, idempotency and faults."""

import hmac
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.bank_transfer import transfers
from sandbox.bank_transfer.account import NAME, PATH, Account
from sandbox.bank_transfer.endpoints import ENDPOINTS, Endpoint
from sandbox.bank_transfer.errors import (
    BankError,
    invalid,
    key_in_use,
    key_reused,
    not_found,
    rate_limited,
    server_error,
    unauthorized,
)
from sandbox.bank_transfer.fields import Call, Fields, decode
from sandbox.faults import Fault
from sandbox.logs import annotate
from sandbox.provider import World
from sandbox.store.idempotency import KeyInUseError, KeyReusedError, fingerprint
from sandbox.store.owners import own_key, owner_of, tags_of
from sandbox.web import gate
from sandbox.web.replies import Reply

_MAX_KEY = 64


@dataclass(frozen=True, slots=True)
class _Exchange:
    """One request on its way through."""

    endpoint: Endpoint
    call: Call
    request_id: str
    key: str | None
    fingerprint: str
    owner: str


class Api:
    """Serves the endpoint table."""

    def __init__(self, world: World, account: Account) -> None:
        self._world = world
        self._account = account
        self._idempotency = world.idempotency(NAME)

    def routes(self) -> list[BaseRoute]:
        """One route per endpoint, and 404 for everything else below ``/bank/v1``."""
        return [
            *(Route(one.path, self._serve(one), methods=[one.method]) for one in ENDPOINTS),
            Route(f"/{PATH}/v1/{{rest:path}}", self._unknown, methods=gate.EVERY_METHOD),
        ]

    async def _unknown(self, request: Request) -> Response:
        return not_found().reply().response()

    def _serve(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            request_id = secrets.token_hex(8)
            try:
                owner = self._authenticate(request)
                reply = await self._meet(request, await _read(request, endpoint, request_id, owner))
            except BankError as error:
                reply = error.reply()
            return reply.response({"Bank-Request-Id": request_id})

        return serve

    def _authenticate(self, request: Request) -> str:
        """Return the further account that the key opens; empty: that of the settings."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        wanted = self._account.settings.api_key.encode()
        owner = owner_of(key.strip(), "bank_")
        is_known = owner or hmac.compare_digest(key.strip().encode(), wanted)
        if scheme.lower() != "bearer" or not is_known:
            raise unauthorized()
        return owner

    async def _meet(self, request: Request, exchange: _Exchange) -> Reply:
        """Answer under the idempotency key."""
        tags = self._tags(exchange.call) | tags_of(exchange.owner)
        subject = gate.Subject(NAME, exchange.endpoint.operation, tags)
        claim = self._idempotency.claim(own_key(exchange.owner, exchange.key))

        def answer(fault: Fault | None) -> Reply:
            reply = self._answer(exchange, fault)
            annotate(request, object=exchange.call.id or json.loads(reply.body).get("id"))
            return reply

        try:
            return await gate.meet(request, self._world.faults, subject, claim, answer)
        except KeyInUseError:
            raise key_in_use() from None
        except KeyReusedError:
            raise key_reused() from None

    def _answer(self, exchange: _Exchange, fault: Fault | None) -> Reply:
        """Failures are not remembered: a repetition tries again."""
        if fault is not None and fault.kind == "error_429":
            raise rate_limited()
        if fault is not None and fault.kind == "error_401":
            raise unauthorized()
        known = self._idempotency.find(own_key(exchange.owner, exchange.key), exchange.fingerprint)
        if known is not None:
            return Reply(known.reply.status, known.reply.body, {"Idempotent-Replayed": "true"})
        reply = None if gate.skips_work(fault) else self._work(exchange)
        if reply is None or (fault is not None and fault.kind == "error_500"):
            return server_error().reply()
        return gate.cut(fault, reply)

    def _work(self, exchange: _Exchange) -> Reply:
        """Run the endpoint in one transaction with its idempotency record."""
        self._account.owner = exchange.owner
        try:
            with self._world.database.transaction():
                body = exchange.endpoint.handler(self._account, exchange.call)
                reply = Reply.of(body, exchange.endpoint.status)
                key = own_key(exchange.owner, exchange.key)
                self._idempotency.store(key, exchange.fingerprint, exchange.request_id, reply)
        finally:
            self._account.owner = None
        return reply

    def _tags(self, call: Call) -> dict[str, str]:
        """What is known of the object a call names, or of the transfer it is about to make."""
        named = self._world.documents.get(call.id) if call.id else None
        return named.tags if named else transfers.tags_of(call.fields.values)


async def _read(request: Request, endpoint: Endpoint, request_id: str, owner: str) -> _Exchange:
    posted = request.method == "POST"
    fields = decode(await request.body()) if posted else Fields(dict(request.query_params))
    fields.only(endpoint.fields)
    key = request.headers.get("idempotency-key") if posted else None
    if posted and (key is None or not 0 < len(key) <= _MAX_KEY):
        raise invalid("Idempotency-Key", f"An Idempotency-Key of at most {_MAX_KEY} characters is required.")
    call = Call(fields, str(request.path_params.get("id", "")))
    print_ = fingerprint(request.method, request.url.path, fields.values)
    return _Exchange(endpoint, call, request_id, key, print_, owner)
