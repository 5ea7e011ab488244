"""What Envoy's transcoder drops silently and a merchant would want refused: unknown fields.

The transcoder drops unknown JSON fields and all but the last of what stands twice silently, lets query parameters
override what the path and the body say, and names a field of the wrong type only in prose. All are refused here, by
name, before the request reaches a service.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

import orjson
from google.protobuf import json_format
from google.protobuf.message_factory import GetMessageClass

from edge.use_cases import duplicates, json_values
from edge.use_cases.json_values import Place
from mesh.contract.descriptors import is_map
from mesh.errors import FieldViolation
from mesh.rpc.routes import REFLECTION_PATHS, Route
from mesh.validation import violations_of

MAX_VIOLATIONS = 20
"""Wrong fields that are looked for: a client hears of all, and who sends thousands costs no more."""
MAX_REST_BYTES, MAX_REST_COMMAS = 4096, 200
"""Of a body that has a wrong field, where its other fields are held against the contract's rules as well: of a longer
one that would hold everybody else up."""


def is_grpc(content_type: str) -> bool:
    """Whether a content type is gRPC's own, `application/grpc` or `application/grpc+proto`: as Envoy sees it."""
    return content_type == "application/grpc" or content_type.startswith("application/grpc+")


class RequestChecks:
    """Holds HTTP requests against the routes of the contract."""

    def __init__(self, routes: Iterable[Route]) -> None:
        routes = list(routes)
        self._rpcs = {f"/{route.service}/{route.rpc.name}" for route in routes if not route.is_raw} | {
            *REFLECTION_PATHS
        }
        self._exact = {(route.method, route.template): route for route in routes if not route.variables}
        self._patterns = [route for route in routes if route.variables]

    def violations(self, method: str, target: str, content_type: str, body: bytes) -> list[FieldViolation]:
        """Return all that is wrong with a request to `target` (path and query).

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
            return [] if is_rpc else [FieldViolation("path", "is no route of this API")]
        found = list(islice(_of_query(route, query), MAX_VIOLATIONS)) if query else []
        if route.body == "*":
            found += _of_body(route, body)
        return found[:MAX_VIOLATIONS]

    def _match(self, method: str, path: str) -> Route | None:
        for route in self._patterns:
            if route.method == method and route.regex.fullmatch(path):
                return route
        return None


def _of_query(route: Route, query: str) -> Iterator[FieldViolation]:
    if route.body:
        yield FieldViolation("query", f"{route.method} {route.template} takes no query parameters, only a body")
        return
    try:
        parameters = parse_qsl(query, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        yield FieldViolation("query", "is not valid UTF-8")
        return
    known = set(route.request.fields_by_name) - route.variables
    times: Counter[str] = Counter()
    for name, value in parameters:
        field = json_values.field_of(route.request, name)
        if field is not None and field.name in route.variables:
            yield FieldViolation(name, "is given by the path and cannot be a query parameter")
        elif field is None:
            yield FieldViolation(name, json_values.unknown(name, "query parameter", route.request, known))
        else:
            times[field.name] += 1
            # told once, however often it stands there
            if times[field.name] == 2 and not field.is_repeated:
                yield FieldViolation(name, "stands twice: a request has one value of it")
            yield from json_values.of_parameter(field, name, value)


def _of_body(route: Route, body: bytes) -> list[FieldViolation]:
    if not body:
        if route.method == "PUT":
            return [FieldViolation("body", "is needed: it replaces what is there")]
        return []
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return [FieldViolation("body", f"is not valid JSON: {error}")]
    if not isinstance(document, dict):
        return [FieldViolation("body", "must be a JSON object")]
    found = [
        FieldViolation(name, "is given by the path and cannot be in the body")
        for name in document
        if (field := json_values.field_of(route.request, name)) is not None and field.name in route.variables
    ]
    found += islice(duplicates.of_body(body, document), MAX_VIOLATIONS)
    mine = {one.field for one in found}
    wrong = (
        one for one in json_values.of_object(document, route.request, Place(route.method)) if one.field not in mine
    )
    found += islice(wrong, MAX_VIOLATIONS)
    if route.method == "PUT":
        found += _of_what_is_replaced(route, document)
    if found and len(body) <= MAX_REST_BYTES and body.count(b",") <= MAX_REST_COMMAS:
        found += _of_the_rest(route, document, found)
    return found


def _of_what_is_replaced(route: Route, document: dict[str, Any]) -> Iterator[FieldViolation]:
    """Yield the lists that are not there: nothing would be in their place, which is written as an empty one."""
    for field in route.request.fields:
        if field.is_repeated and not is_map(field) and not {field.name, field.camelcase_name} & document.keys():
            yield FieldViolation(field.name, "is needed: it replaces what is there, and [] empties it")


def _of_the_rest(route: Route, document: dict[str, Any], found: list[FieldViolation]) -> list[FieldViolation]:
    """Return what the contract's rules would say of the fields that can be read: a client hears of all at once."""
    named = {one.field for one in found}
    tops = {name.partition(".")[0].partition("[")[0] for name in named}
    readable = {name: value for name, value in document.items() if name not in tops}
    try:
        message = json_format.ParseDict(readable, GetMessageClass(route.request)(), ignore_unknown_fields=True)
    except (json_format.ParseError, ValueError, TypeError):
        return []
    tops = {field.name for name in tops if (field := json_values.field_of(route.request, name)) is not None}
    ours = tops | route.variables
    return [one for one in violations_of(message) if one.field.partition(".")[0].partition("[")[0] not in ours]
