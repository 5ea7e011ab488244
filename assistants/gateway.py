"""The public API as the tools call it: by HTTP, with the key of whom the assistant works for, under its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import httpx

from assistants.tools import ContractTool, resource_reads
from fusionxpay_client.version import VERSION
from mesh.rpc.headers import KEY_SCOPES
from mesh.rpc.routes import Route

Json = dict[str, Any]
TIMEOUT_SECONDS = 30.0
_UNKNOWN = frozenset(
    (httpx.codes.REQUEST_TIMEOUT, httpx.codes.CONFLICT, httpx.codes.TOO_EARLY, 499)  # 499: the client went away
)
"""Refusals that leave open what became of the call, or of the one before under its key."""
_ANY_READ = "/v1/push_key"
"""A read without arguments. Whatever it answers says what the key may do."""


class GatewayError(Exception):
    """What the gateway refused, or that it did not answer; the words are for the assistant."""

    def __init__(self, words: str, *, is_known: bool) -> None:
        super().__init__(words)
        self.is_known = is_known
        """Whether it is certain that nothing was done."""


@dataclass(frozen=True)
class Caller:
    """For whom a tool is called: the merchant's API key, and the assistant's name."""

    api_key: str
    assistant: str

    @property
    def headers(self) -> dict[str, str]:
        """Return what the gateway is told; the audit keeps the user agent."""
        name = re.sub(r"[^\w .+/-]", "", self.assistant, flags=re.ASCII)[:80].strip() or "unnamed"
        agent = f"fusionxpay-mcp/{VERSION} ({name})"
        # without a key the gateway's own refusal is what the assistant is told
        key = {"authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        return {**key, "user-agent": agent}


class Gateway:
    """Calls the gateway at an address, by httpx's own transport where none is given."""

    def __init__(self, url: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS, trust_env=False, transport=transport)

    async def scopes(self, caller: Caller) -> frozenset[str]:
        """Return what the caller's key may do. Raises GatewayError when the gateway does not say."""
        answer = await self._send("GET", _ANY_READ, caller)
        if answer.status_code == httpx.codes.UNAUTHORIZED or KEY_SCOPES not in answer.headers:
            raise _refusal(answer)
        return frozenset(answer.headers[KEY_SCOPES].split())

    async def call(self, tool: ContractTool, arguments: Json, caller: Caller, idempotency_key: str = "") -> Json:
        """Call a tool's RPC. Raises GatewayError."""
        path = _path(tool.route, arguments)
        rest = {name: value for name, value in arguments.items() if name not in tool.route.variables}
        if tool.route.body:
            return _read(await self._send(tool.route.method, path, caller, idempotency_key, json=rest))
        return _read(await self._send(tool.route.method, path, caller, idempotency_key, params=rest))

    async def subjects(self, tool: ContractTool, arguments: Json, caller: Caller) -> Json:
        """Return what the arguments name by id, as it is now; what there is not is left out.

        Raises GatewayError for what cannot be read: a person would agree to what was not shown.
        """
        found: Json = {}
        for name, value in arguments.items():
            route = resource_reads().get(name)
            # a provider's name is a choice, unless its account is what the tool is about
            is_named = name.endswith("_id") or name in tool.route.variables
            if route is not None and is_named and value != "":
                answer = await self._send("GET", _path(route, {name: value}), caller)
                if answer.status_code != httpx.codes.NOT_FOUND:
                    found[name] = _read(answer)
        return found

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _send(
        self, method: str, path: str, caller: Caller, idempotency_key: str = "", **content: Any
    ) -> httpx.Response:
        headers = caller.headers | ({"idempotency-key": idempotency_key} if idempotency_key else {})
        try:
            return await self._http.request(method, path, headers=headers, **content)
        except httpx.ConnectError as error:
            raise GatewayError(f"the gateway cannot be reached: {error}", is_known=True) from None
        except httpx.RequestError as error:
            raise GatewayError(f"the gateway did not answer: {type(error).__name__}", is_known=False) from None


def _path(route: Route, arguments: Json) -> str:
    """Return the path of a call. Raises GatewayError for a value that would make another path of it."""
    path = route.template
    for name in route.variables:
        path = path.replace(f"{{{name}}}", str(arguments.get(name, "")))
    if not route.regex.fullmatch(path):
        raise GatewayError(f"{', '.join(sorted(route.variables))}: not an id", is_known=True)
    return path


def _read(answer: httpx.Response) -> Json:
    if not answer.is_success:
        raise _refusal(answer)
    try:
        document: Json = answer.json()
    except ValueError:
        raise GatewayError(f"{answer.status_code}: the answer cannot be read", is_known=False) from None
    return document


def _refusal(answer: httpx.Response) -> GatewayError:
    try:
        status = answer.json()
        words = f"{answer.status_code} {status['details'][0]['reason']}: {status['message']}"
        fields = [detail["field_violations"] for detail in status["details"] if "field_violations" in detail]
        words += "".join(f"\n{one['field']}: {one['description']}" for many in fields for one in many)
    except (ValueError, KeyError, IndexError, TypeError):
        words = f"{answer.status_code}: {answer.text[:200]}"
    return GatewayError(words, is_known=answer.is_client_error and answer.status_code not in _UNKNOWN)
