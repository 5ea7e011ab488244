"""What Envoy's transcoder drops silently and a merchant would want refused: unknown fields.

The transcoder drops unknown JSON fields silently, lets query parameters override what the path and the body say, and
names a field of the wrong type only in prose. All are refused here, by name, before the request reaches a service.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from mesh.errors import FieldViolation
from mesh.rpc.routes import Route

MAX_DEPTH = 16
_INTEGERS = (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64)
_INTEGER = re.compile(r"-?[0-9]{1,18}")


def is_grpc(content_type: str) -> bool:
    """Whether a content type is gRPC's own, `application/grpc` or `application/grpc+proto`: as Envoy sees it."""
    return content_type == "application/grpc" or content_type.startswith("application/grpc+")


class RequestChecks:
    """Holds HTTP requests against the routes of the contract."""

    def __init__(self, routes: Iterable[Route]) -> None:
        routes = list(routes)
        self._rpcs = {f"/{route.service}/{route.rpc.name}" for route in routes if not route.is_raw}
        self._exact = {(route.method, route.template): route for route in routes if not route.variables}
        self._patterns = [route for route in routes if route.variables]

    def violation(self, method: str, target: str, content_type: str, body: bytes) -> FieldViolation | None:
        """Return what is wrong with a request to `target` (path and query), if anything is.

        Only gRPC to the path of an RPC is left to gRPC. Whatever else comes is held to a route: what Envoy lets through
        and nobody has looked at could mean another thing to the service.
        """
        if method == "HEAD":
            # a GET whose body stays at Envoy
            method = "GET"
        path, _, query = target.partition("?")
        route = self._exact.get((method, path)) or self._match(method, path)
        if route is None:
            is_rpc = method == "POST" and target in self._rpcs and is_grpc(content_type)
            return None if is_rpc else FieldViolation("path", "is no route of this API")
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
    try:
        parameters = parse_qsl(query, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        return FieldViolation("query", "is not valid UTF-8")
    for name, value in parameters:
        field = _field(route.request, name)
        if field is not None and field.name in route.variables:
            return FieldViolation(name, "is given by the path and cannot be a query parameter")
        if field is None:
            known = ", ".join(sorted(set(route.request.fields_by_name) - route.variables)) or "none"
            return FieldViolation(name, f"is not a query parameter here; there are: {known}")
        if not _is_parameter(field, value):
            return FieldViolation(name, _expectation(field))
    return None


def _is_parameter(field: FieldDescriptor, text: str) -> bool:
    if field.enum_type is not None:
        return text.upper() in field.enum_type.values_by_name
    if field.cpp_type in _INTEGERS:
        return _INTEGER.fullmatch(text) is not None
    return True


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
        field = _field(route.request, name)
        if field is not None and field.name in route.variables:
            return FieldViolation(name, "is given by the path and cannot be in the body")
    return _object_violation(document, route.request, "", MAX_DEPTH)


def _object_violation(document: dict[str, Any], message: Descriptor, prefix: str, depth: int) -> FieldViolation | None:
    """Find the first field that the message does not have, or whose value is of another type."""
    for name, value in document.items():
        field = _field(message, name)
        if field is None:
            known = ", ".join(sorted(message.fields_by_name))
            return FieldViolation(prefix + name, f"is not a field here; there are: {known}")
        found = _value_violation(field, value, prefix + name, depth)
        if found:
            return found
    return None


def _field(message: Descriptor, name: str) -> FieldDescriptor | None:
    """Return a field by its name or by its JSON name: both are taken (ProtoJSON)."""
    return message.fields_by_name.get(name) or message.fields_by_camelcase_name.get(name)


def _value_violation(field: FieldDescriptor, value: Any, path: str, depth: int) -> FieldViolation | None:
    if value is None:
        return None
    if depth == 0:
        return FieldViolation(path, "is nested too deep")
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        texts = isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
        return None if texts else FieldViolation(path, "must be an object whose values are strings")
    if field.is_repeated:
        return _list_violation(field, value, path, depth)
    return _item_violation(field, value, path, depth)


def _item_violation(field: FieldDescriptor, value: Any, path: str, depth: int) -> FieldViolation | None:
    message = field.message_type
    if message is not None and message.full_name.startswith("fusionx."):
        if not isinstance(value, dict):
            return FieldViolation(path, "must be an object")
        return _object_violation(value, message, f"{path}.", depth - 1)
    return None if _is_value(field, value) else FieldViolation(path, _expectation(field))


def _list_violation(field: FieldDescriptor, value: Any, path: str, depth: int) -> FieldViolation | None:
    if not isinstance(value, list):
        return FieldViolation(path, "must be a list")
    for number, item in enumerate(value):
        found = _item_violation(field, item, f"{path}[{number}]", depth)
        if found:
            return found
    return None


def _is_value(field: FieldDescriptor, value: Any) -> bool:
    """Whether a JSON value can be the scalar that the field holds; Google's own types are left to the transcoder."""
    if field.enum_type is not None:
        return isinstance(value, str) and value.upper() in field.enum_type.values_by_name
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return isinstance(value, str)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return isinstance(value, bool)
    if field.cpp_type in _INTEGERS:
        return not isinstance(value, bool) and _INTEGER.fullmatch(str(value)) is not None
    return True


def _expectation(field: FieldDescriptor) -> str:
    if field.enum_type is not None:
        return "must be one of: " + ", ".join(name for name in field.enum_type.values_by_name)
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return "must be a string"
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return "must be true or false"
    return "must be a whole number"
