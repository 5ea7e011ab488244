"""What Envoy's transcoder lets through but a merchant would want to be told of.

The transcoder drops unknown JSON fields silently, and lets query parameters override what the path and the body say.
Both are refused here, by name, before the request reaches a service.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from edge.routes import Route
from mesh.errors import FieldViolation

MAX_DEPTH = 16


class RequestChecks:
    """Holds HTTP requests against the routes of the contract."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._exact = {(route.method, route.template): route for route in routes if not route.variables}
        self._patterns = [route for route in routes if route.variables]

    def violation(self, method: str, target: str, content_type: str, body: bytes) -> FieldViolation | None:
        """Return what is wrong with a request to `target` (path and query), if anything is."""
        path, _, query = target.partition("?")
        route = self._exact.get((method, path)) or self._match(method, path)
        if route is None or content_type.startswith("application/grpc"):
            return None
        if query and (found := _query_violation(route, query)):
            return found
        if route.body == "*":
            return _body_violation(route, body)
        return None

    def _match(self, method: str, path: str) -> Route | None:
        for route in self._patterns:
            if route.method == method and route.regex.fullmatch(path):
                return route
        return None


def _query_violation(route: Route, query: str) -> FieldViolation | None:
    if route.body:
        return FieldViolation("query", f"{route.method} {route.template} takes no query parameters")
    for name, _ in parse_qsl(query, keep_blank_values=True):
        if name.split(".")[0] in route.variables:
            return FieldViolation(name, "is given by the path and cannot be a query parameter")
    return None


def _body_violation(route: Route, body: bytes) -> FieldViolation | None:
    if not body:
        return None
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return FieldViolation("body", f"is not valid JSON: {error}")
    if not isinstance(document, dict):
        return FieldViolation("body", "must be a JSON object")
    for name in document:
        if name in route.variables:
            return FieldViolation(name, "is given by the path and cannot be in the body")
    return _object_violation(document, route.request, "", MAX_DEPTH)


def _object_violation(document: dict[str, Any], message: Descriptor, prefix: str, depth: int) -> FieldViolation | None:
    """Find the first field that the message does not have, as deep as messages of ours are nested."""
    if depth == 0:
        return FieldViolation(prefix.rstrip("."), "is nested too deep")
    for name, value in document.items():
        field = message.fields_by_name.get(name) or message.fields_by_camelcase_name.get(name)
        if field is None:
            known = ", ".join(sorted(message.fields_by_name))
            return FieldViolation(prefix + name, f"is not a field here; there are: {known}")
        nested = _nested(field)
        if nested:
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, dict):
                    found = _object_violation(item, nested, f"{prefix}{name}.", depth - 1)
                    if found:
                        return found
    return None


def _nested(field: FieldDescriptor) -> Descriptor | None:
    """Return the message whose fields the JSON object has; maps and Google's own types have other forms."""
    message = field.message_type
    if message is None or message.GetOptions().map_entry or not message.full_name.startswith("fusionx."):
        return None
    return message
