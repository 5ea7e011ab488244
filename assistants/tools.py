"""The tools that assistants are offered, made from the contract: a new RPC is one, with its comments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from mesh.rpc.routes import Route, contract_routes
from tools.openapi import document

Json = dict[str, Any]
CONFIRMATION = "confirmation"
"""The argument that carries what the first call of a tool that changes something has answered."""
ALL_SCOPES = "*"
PAGE_SIZE = 10
_ONLY_ADD = frozenset({"create_order", "create_notification_channel", "create_webhook_endpoint"})
"""What adds something, and moves no money. A new RPC is destructive until it is named here."""
_REFERENCE = "#/components/schemas/"
_ASKS = (
    "\n\nThis changes something. The first call does nothing but tell what would be done, and returns a "
    "`confirmation`. Show that to the person; when they agree, call again with the same arguments and it."
)


@dataclass(frozen=True)
class ContractTool:
    """One RPC of the public API as a tool."""

    name: str
    route: Route
    description: str
    schema: Json

    @property
    def is_read(self) -> bool:
        """Whether calling it changes nothing."""
        return _is_read(self.route)

    @property
    def is_destructive(self) -> bool:
        """Whether it may take something away or move money: a client may call what does not without asking."""
        return not self.is_read and self.name not in _ONLY_ADD

    def is_allowed(self, scopes: frozenset[str]) -> bool:
        """Whether a key with these scopes may call it."""
        return ALL_SCOPES in scopes or self.route.scope in scopes


def _is_read(route: Route) -> bool:
    """Whether the contract says so: what asks for much is a POST."""
    options = route.rpc.GetOptions()
    return bool(options.idempotency_level == options.NO_SIDE_EFFECTS)


@cache
def contract_tools() -> Mapping[str, ContractTool]:
    """Return a tool for every RPC that merchants call, by name; streams and what providers send are none."""
    paths = document()["paths"]
    schemas = document()["components"]["schemas"]
    found: dict[str, ContractTool] = {}
    for route in contract_routes():
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", route.rpc.name).lower()
        # further bindings of an RPC are spellings of the same
        if route.is_authenticated and not route.is_stream and name not in found:
            operation = paths[route.template][route.method.lower()]
            found[name] = ContractTool(name, route, _description(route, operation), _schema(route, operation, schemas))
    return found


def _description(route: Route, operation: Json) -> str:
    text = "\n\n".join(filter(None, (operation["summary"], operation["description"])))
    return text if _is_read(route) else text + _ASKS


def _schema(route: Route, operation: Json, schemas: Json) -> Json:
    """Return the JSON Schema of the arguments: path, query and body side by side, as in the request message."""
    properties: Json = {}
    required: list[str] = []
    for parameter in operation["parameters"]:
        if parameter["in"] != "header":
            properties[parameter["name"]] = {"description": parameter["description"], **parameter["schema"]}
            required += [parameter["name"]] if parameter.get("required") else []
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    body = schemas[body["$ref"].removeprefix(_REFERENCE)] if "$ref" in body else body
    properties |= body.get("properties", {})
    required += body.get("required", [])
    if not _is_read(route):
        properties[CONFIRMATION] = {
            "type": "string",
            "description": "What the first call with the same arguments returned, once the person has agreed to it.",
        }
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return _with_definitions(schema, schemas)


def _with_definitions(schema: Json, schemas: Json) -> Json:
    """Return a schema that refers to nothing outside of itself."""
    definitions: Json = {}

    def local(node: Any) -> Any:
        if isinstance(node, list):
            return [local(item) for item in node]
        if not isinstance(node, dict):
            return node
        copy = {name: local(value) for name, value in node.items()}
        if (reference := copy.get("$ref", "")).startswith(_REFERENCE):
            name = reference.removeprefix(_REFERENCE)
            if name not in definitions:
                definitions[name] = {}  # a message may hold itself
                definitions[name] = local(schemas[name])
            copy["$ref"] = f"#/$defs/{name}"
        return copy

    rewritten: Json = local(schema)
    return {**rewritten, "$defs": definitions} if definitions else rewritten


@cache
def resource_reads() -> Mapping[str, Route]:
    """Return how a resource is read by its id alone, by the name of the id, such as `payment_id`."""
    found: dict[str, Route] = {}
    for tool in contract_tools().values():
        variables = tool.route.variables
        if tool.route.method == "GET" and len(variables) == 1 and tool.route.template.endswith("}"):
            found[next(iter(variables))] = tool.route
    return found
