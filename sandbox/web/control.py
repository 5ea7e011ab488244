"""The control API under ``/_sandbox/``: look at the ledger, cause faults, decide outcomes."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.faults import Fault
from sandbox.provider import Provider, Refused, World

Endpoint = Callable[[Request], Awaitable[Response]]
_SHORTHANDS = ("payment_id", "order_id")


class Control:
    """Endpoints for tests and demonstrations; no provider has them."""

    def __init__(self, world: World, providers: Mapping[str, Provider]) -> None:
        self._world = world
        self._providers = providers

    def routes(self) -> list[Route]:
        """The routes of the control API."""
        table: list[tuple[str, str, Endpoint]] = [
            ("GET", "health", self._health),
            ("GET", "ledger", self._ledger),
            ("GET", "webhooks", self._webhooks),
            ("POST", "webhooks/resend", self._resend),
            ("POST", "webhooks/sign", self._sign),
            ("POST", "webhooks/pause", self._pause),
            ("POST", "webhooks/resume", self._resume),
            ("GET", "faults", self._list_faults),
            ("POST", "faults", self._add_fault),
            ("DELETE", "faults", self._remove_faults),
            ("DELETE", "faults/{id}", self._remove_fault),
            ("POST", "settle", self._settle),
            ("POST", "disputes", self._dispute),
        ]
        return [Route(f"/_sandbox/{path}", _guarded(call), methods=[verb]) for verb, path, call in table]

    async def _health(self, request: Request) -> Response:
        self._world.database.row("SELECT 1")
        return JSONResponse({"status": "ok", "providers": sorted(self._providers)})

    async def _ledger(self, request: Request) -> Response:
        query = request.query_params
        entries = self._world.ledger.entries(
            _metadata(request), query.get("provider"), query.get("kind"), query.get("object")
        )
        return JSONResponse({"entries": entries})

    async def _webhooks(self, request: Request) -> Response:
        filters = {name: request.query_params.get(name) for name in ("object", "event_id", "type", "status")}
        return JSONResponse({"deliveries": self._world.outbox.find(_metadata(request), **filters)})

    async def _resend(self, request: Request) -> Response:
        event_id = str((await _json(request)).get("event_id"))
        event = self._world.outbox.event(event_id)
        if event is None:
            raise Refused(f"no event {event_id} was ever queued")
        with self._world.database.transaction():
            delivery = self._world.outbox.insert(event)
        return JSONResponse({"delivery": delivery}, 202)

    async def _sign(self, request: Request) -> Response:
        provider = self._provider(request.query_params)
        return JSONResponse(provider.sign(await request.body()))

    async def _pause(self, request: Request) -> Response:
        return await self._for_each_provider(request, self._world.outbox.pause)

    async def _resume(self, request: Request) -> Response:
        return await self._for_each_provider(request, self._world.outbox.resume)

    async def _for_each_provider(self, request: Request, change: Callable[[str], None]) -> Response:
        body = await _json(request)
        chosen = [str(body["provider"])] if "provider" in body else list(self._providers)
        with self._world.database.transaction():
            for provider in chosen:
                change(provider)
        return JSONResponse({"providers": chosen})

    async def _list_faults(self, request: Request) -> Response:
        return JSONResponse({"faults": [fault.model_dump() for fault in self._world.faults.all()]})

    async def _add_fault(self, request: Request) -> Response:
        fault = Fault.model_validate(await _json(request))
        with self._world.database.transaction():
            self._world.faults.add(fault)
        return JSONResponse(fault.model_dump(), 201)

    async def _remove_faults(self, request: Request) -> Response:
        faults = self._world.faults.all()
        for fault in faults:
            self._disarm(fault.id)
        return JSONResponse({"removed": len(faults)})

    async def _remove_fault(self, request: Request) -> Response:
        if not self._disarm(request.path_params["id"]):
            return JSONResponse({"error": "no such fault"}, 404)
        return JSONResponse({"removed": 1})

    def _disarm(self, fault_id: str) -> bool:
        with self._world.database.transaction():
            self._world.outbox.release(fault_id)
            return self._world.faults.remove(fault_id)

    async def _settle(self, request: Request) -> Response:
        body = await _json(request)
        provider = self._provider(body)
        with self._world.database.transaction():
            result = provider.settle(str(body.get("id")), str(body.get("outcome", "succeeded")))
        return JSONResponse(result)

    async def _dispute(self, request: Request) -> Response:
        body = await _json(request)
        provider = self._provider(body)
        with self._world.database.transaction():
            result = provider.dispute(body)
        return JSONResponse(result)

    def _provider(self, body: Mapping[str, Any]) -> Provider:
        name = str(body.get("provider", "stripe"))
        if name not in self._providers:
            raise Refused(f"no provider {name}")
        return self._providers[name]


def _guarded(endpoint: Endpoint) -> Endpoint:
    """Answer 400 in one shape, whatever is wrong with a control request."""

    async def call(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ValidationError as error:
            return JSONResponse({"error": json.loads(error.json(include_url=False))}, 400)
        except (Refused, json.JSONDecodeError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return call


async def _json(request: Request) -> dict[str, Any]:
    raw = await request.body()
    body = json.loads(raw) if raw else {}
    if not isinstance(body, dict):
        raise Refused("the body must be a JSON object")
    return body


def _metadata(request: Request) -> dict[str, str]:
    """`?metadata.k=v` and the shorthands `?payment_id=` and `?order_id=`."""
    wanted = {name: value for name, value in request.query_params.items() if name in _SHORTHANDS}
    for name, value in request.query_params.items():
        if name.startswith("metadata."):
            wanted[name.removeprefix("metadata.")] = value
    return wanted
