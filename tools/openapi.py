"""Render the public API as OpenAPI 3.1: `python -m tools.openapi` writes `docs/openapi.json`; `--check` only compares.

Everything is read from the one descriptor set: paths and methods from `google.api.http`, schemas from the messages,
their limits from `buf.validate`, and the words from the contracts' comments.
Source: OpenAPI Specification 3.1.1; ProtoJSON for how messages look as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from mesh.contract.descriptors import described_files, is_map
from mesh.contract.generated import Files, main
from mesh.rpc.exports import TYPES
from mesh.rpc.routes import Route, contract_routes
from tools.openapi_parts import ERRORS, EXAMPLES, SERVERS, webhooks

RENDERED = Path(__file__).resolve().parent.parent / "docs" / "openapi.json"
Json = dict[str, Any]
_MESSAGE_FIELD, _MESSAGE_NESTED, _MESSAGE_ENUM, _SERVICE_METHOD = 2, 3, 4, 2
_FILE_MESSAGE, _FILE_ENUM, _FILE_SERVICE = 4, 5, 6
_INTEGERS = (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_UINT32)
_DOUBLES = (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)
_LONGS = (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)
TIMESTAMP = {"type": "string", "format": "date-time"}
DURATION = {"type": "string", "pattern": r"^-?[0-9]{1,12}(\.[0-9]{1,9})?s$"}
MASK = {"type": "string", "pattern": r"^[A-Za-z_]+(,[A-Za-z_]+)*$"}
_OF_GOOGLE = {
    "google.protobuf.Timestamp": TIMESTAMP,
    "google.protobuf.Duration": DURATION,
    "google.protobuf.FieldMask": MASK,
}


@dataclass(frozen=True)
class Side:
    """The schemas of requests, which are closed, or of answers, which may have more fields tomorrow."""

    schemas: Json
    closed: bool

    def name(self, message: Descriptor) -> str:
        """Return the name of a message's schema on this side."""
        return str(message.full_name.split(".v1.")[-1]) + ("Input" if self.closed else "")


def document() -> Json:
    """Return the document."""
    schemas: Json = dict(ERRORS)
    paths: Json = {}
    for route in contract_routes():
        paths.setdefault(route.template, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "FusionXPay",
            "version": "v1",
            "description": "A payment gateway: one contract, any provider. Errors are google.rpc.Status.",
        },
        "servers": SERVERS,
        "security": [{"apiKey": []}],
        "tags": _tags(),
        "paths": paths,
        "webhooks": webhooks(),
        "components": {
            "securitySchemes": {"apiKey": {"type": "http", "scheme": "bearer"}},
            "schemas": dict(sorted(schemas.items())),
        },
    }


def _tags() -> list[Json]:
    services = {route.rpc.containing_service.full_name: route.rpc.containing_service for route in contract_routes()}
    named = [{"name": _tag(one.name), "description": _comment(name)} for name, one in services.items()]
    return [*named, {"name": "Webhooks", "description": "What your server is sent."}]


def _tag(service: str) -> str:
    return service.removesuffix("Service")


def _operation(route: Route, schemas: Json) -> Json:
    asked, answered = Side(schemas, closed=True), Side(schemas, closed=False)
    summary, _, description = _comment(route.rpc.full_name).partition("\n\n")
    operation: Json = {
        "operationId": _operation_id(route),
        "tags": [_tag(route.rpc.containing_service.name)],
        "summary": summary,
        "description": description,
        "parameters": list(_parameters(route, asked)),
        "responses": {
            "200": {"description": "Done.", "content": _answer(route, answered)},
            "default": {"description": "Refused.", "content": _content({"$ref": "#/components/schemas/Status"})},
        },
    }
    if not route.template.startswith("/v1/"):
        operation["deprecated"] = True
        operation["description"] = f"A spelling of {route.rpc.name} that older clients use.\n\n{description}".strip()
    if not route.is_authenticated:
        operation["security"] = []
    if route.is_raw:
        operation["requestBody"] = {"required": True, "content": _content({"description": "As it was signed."})}
    elif route.body:
        schema = schemas[f"{route.rpc.name}Request"] = _body(route, asked)
        content = _content({"$ref": f"#/components/schemas/{route.rpc.name}Request"})
        if schema["properties"] and route.rpc.name not in EXAMPLES:
            raise ValueError(f"{route.rpc.name} has no example: add one to EXAMPLES in tools/openapi_parts.py")
        content["application/json"]["example"] = EXAMPLES[route.rpc.name] if schema["properties"] else {}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _answer(route: Route, side: Side) -> Json:
    if route.is_export:
        return {kind: {"schema": {"type": "string"}} for kind in TYPES.values()}
    if route.is_stream:
        words = "Server-Sent Events (WHATWG HTML), without an end."
        return {"text/event-stream": {"schema": {"type": "string", "description": words}}}
    return _content(_reference(route.rpc.output_type, side))


def _operation_id(route: Route) -> str:
    """Return the RPC's name; further bindings of an RPC are distinguished by their paths."""
    name = str(route.rpc.name)
    first = next(other for other in contract_routes() if other.rpc is route.rpc)
    if first.template == route.template:
        return name
    if not route.template.startswith("/v1/"):
        return f"{name}Alias"
    # the same list with less in its path is a list of more
    more = "".join(one.title().replace("_", "") for one in sorted(route.variables - first.variables))
    less = f"{name}By{more or 'Headers'}"
    return name.replace("List", "ListAll", 1) if name.startswith("List") else less


KEYED_AS_WELL = frozenset({"ResendEvent"})
"""What may be repeated by itself, as its contract says since before it took a key: with one it sends nothing twice."""


def _parameters(route: Route, side: Side) -> Iterator[Json]:
    for name in sorted(route.variables):
        field = route.request.fields_by_name[name]
        yield {"name": name, "in": "path", "required": True, **_described(field, side)}
    if route.body or route.is_raw:
        # what may be repeated by itself asks for no key, and takes none into account
        level = route.rpc.GetOptions().idempotency_level
        counts = level == MethodOptions.IDEMPOTENCY_UNKNOWN or route.rpc.name in KEYED_AS_WELL
        if route.is_authenticated and route.method == "POST" and counts:
            yield {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same key and body give the same answer, for 24 hours.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
            }
        return
    if route.is_stream and not route.is_export:
        yield {
            "name": "Last-Event-ID",
            "in": "header",
            "description": "The last `id` that was read, when the stream is opened again.",
            "schema": {"type": "string", "format": "uuid"},
        }
    for field in route.request.fields:
        if field.name not in route.variables:
            yield {"name": field.name, "in": "query", **_described(field, side)}


def _described(field: FieldDescriptor, side: Side) -> Json:
    schema = _field(field, side)
    return {"description": schema.pop("description", ""), "schema": schema}


def _body(route: Route, side: Side) -> Json:
    """Return the schema of a request's body: the message without what the path carries."""
    schema = _message(route.request, side)
    schema["properties"] = {name: sub for name, sub in schema["properties"].items() if name not in route.variables}
    required = [name for name in schema.pop("required", []) if name not in route.variables]
    return {**schema, "required": required} if required else schema


def _content(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _reference(message: Descriptor, side: Side) -> Json:
    if known := _OF_GOOGLE.get(message.full_name):
        return dict(known)
    name = side.name(message)
    if name not in side.schemas:
        side.schemas[name] = {}  # a message may hold itself
        side.schemas[name] = _message(message, side)
    return {"$ref": f"#/components/schemas/{name}"}


def _message(message: Descriptor, side: Side) -> Json:
    schema: Json = {
        "type": "object",
        "description": _comment(message.full_name),
        "properties": {field.name: _field(field, side) for field in message.fields},
        "additionalProperties": not side.closed,
    }
    needed = _is_needed if side.closed else _is_always_there
    required = [field.name for field in message.fields if needed(field)]
    return {**schema, "required": required} if required else schema


def _is_needed(field: FieldDescriptor) -> bool:
    """Whether a request without the field is refused: it is required, or a UUID that may not be left out."""
    rules = _rules(field)
    return rules.required or (rules.string.uuid and rules.ignore == validate_pb2.IGNORE_UNSPECIFIED)


def _is_always_there(field: FieldDescriptor) -> bool:
    """Whether every answer has the field: Envoy writes all that has no presence, and each resource has its times."""
    beside = field.containing_type.fields_by_name if field.containing_type else {}
    is_time = field.name in ("create_time", "update_time") and "create_time" in beside
    return not field.has_presence or is_time


def _field(field: FieldDescriptor, side: Side) -> Json:
    words = {"description": _comment(field.full_name)}
    if is_map(field):
        rules = _rules(field).map
        value: Json = {"type": "string", **_text(rules.values.string)}
        schema: Json = {"type": "object", "additionalProperties": value}
        if rules.keys.string.max_len or rules.keys.string.pattern:
            schema["propertyNames"] = _text(rules.keys.string)
        return {**words, **schema, **_counts(rules.min_pairs, rules.max_pairs, "Properties")}
    if field.is_repeated:
        repeated = _rules(field).repeated
        items = {**_single(field, side), **_text(repeated.items.string)}
        return {**words, "type": "array", "items": items, **_counts(repeated.min_items, repeated.max_items, "Items")}
    return {**words, **_single(field, side), **_scalar_rules(field)}


def _single(field: FieldDescriptor, side: Side) -> Json:
    if field.message_type is not None:
        return _reference(field.message_type, side)
    if field.enum_type is not None:
        names: Json = {"type": "string", "enum": _names(field.enum_type)}
        # an answer may have a value tomorrow that is not here today
        return names if side.closed else {"anyOf": [names, {"type": "string"}]}
    if field.cpp_type in _INTEGERS:
        return {"type": "integer", "format": "int32"}
    if field.cpp_type in _DOUBLES:
        return {"type": "number", "format": "double"}
    if field.cpp_type in _LONGS:
        return {"type": "string", "pattern": "^-?[0-9]+$"}
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return {"type": "boolean"}
    return {"type": "string"}


def _names(enum: EnumDescriptor) -> list[str]:
    # the first one means "not said", and is never sent
    return [value.name for value in enum.values if value.number]


def _scalar_rules(field: FieldDescriptor) -> Json:
    rules = _rules(field)
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        limits = _text(rules.string)
        if rules.required:
            limits.setdefault("minLength", 1)
        return limits
    limits = {}
    if field.cpp_type in _INTEGERS:
        if rules.int32.HasField("gte"):
            limits["minimum"] = rules.int32.gte
        if rules.int32.HasField("lte"):
            limits["maximum"] = rules.int32.lte
    return limits


def _text(rules: validate_pb2.StringRules) -> Json:
    limits: Json = {}
    if rules.pattern:
        limits["pattern"] = rules.pattern
    if rules.uuid:
        limits["format"] = "uuid"
    if rules.uri:
        limits["format"] = "uri"
    if rules.min_len or rules.len:
        limits["minLength"] = rules.min_len or rules.len
    if rules.max_len or rules.len:
        limits["maxLength"] = rules.max_len or rules.len
    return limits


def _counts(least: int, most: int, what: str) -> Json:
    return {f"{bound}{what}": count for bound, count in (("min", least), ("max", most)) if count}


def _rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    rules: validate_pb2.FieldRules = field.GetOptions().Extensions[validate_pb2.field]
    return rules


def _comment(full_name: str) -> str:
    return _comments().get(full_name, "")


@cache
def _comments() -> Mapping[str, str]:
    """Return the leading comment of everything in our contracts, by its full name."""
    found: dict[str, str] = {}
    for file in described_files():
        if file.package.startswith("fusionx."):
            said = {tuple(one.path): _reflowed(one.leading_comments) for one in file.source_code_info.location}
            for path, name in _named(file):
                found[f"{file.package}.{name}"] = said.get(path, "")
    return found


def _reflowed(comment: str) -> str:
    paragraphs = [" ".join(part.split()) for part in comment.split("\n\n")]
    return "\n\n".join(part for part in paragraphs if part)


def _named(file: Any) -> Iterator[tuple[tuple[int, ...], str]]:
    """Walk through a file's declarations: where each is in the source, and its name below the package."""
    for number, message in enumerate(file.message_type):
        yield from _named_message(message, (_FILE_MESSAGE, number), message.name)
    for number, enum in enumerate(file.enum_type):
        yield (_FILE_ENUM, number), enum.name
    for number, service in enumerate(file.service):
        yield (_FILE_SERVICE, number), service.name
        for index, method in enumerate(service.method):
            yield (_FILE_SERVICE, number, _SERVICE_METHOD, index), f"{service.name}.{method.name}"


def _named_message(message: Any, path: tuple[int, ...], name: str) -> Iterator[tuple[tuple[int, ...], str]]:
    yield path, name
    for number, field in enumerate(message.field):
        yield (*path, _MESSAGE_FIELD, number), f"{name}.{field.name}"
    for number, nested in enumerate(message.nested_type):
        yield from _named_message(nested, (*path, _MESSAGE_NESTED, number), f"{name}.{nested.name}")
    for number, enum in enumerate(message.enum_type):
        yield (*path, _MESSAGE_ENUM, number), f"{name}.{enum.name}"


def rendered() -> Files:
    """Return what the file holds."""
    return {RENDERED: json.dumps(document(), indent=1, ensure_ascii=False) + "\n"}


if __name__ == "__main__":
    sys.exit(main(__doc__, rendered))
