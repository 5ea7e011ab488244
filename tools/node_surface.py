"""The surface of the Node client, from the contract: Python's resources and methods, and the types of all messages."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from typing import Any

from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor

from fusionxpay_client.answers import OTHER_NAMES
from mesh.contract.descriptors import is_map
from tools.client_contract import Contract
from tools.client_models import is_model, model_name
from tools.client_surface import Resource, is_export, items_of, snake

HEAD = "// Made from the contract by `make gen`, never edited.\n"
_NUMBERS = (
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_DOUBLE,
    FieldDescriptor.CPPTYPE_FLOAT,
)
_TEXTS = ("google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask")
_OF_GOOGLE = dict.fromkeys(_TEXTS, "string")


class NodeSurface:
    """Writes the modules."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._resources = [Resource(contract, service) for service in contract.services()]
        self._types: dict[str, Any] = {}

    def files(self) -> dict[str, str]:
        """Return the text of each module, by its name."""
        code, declared = (
            [HEAD, 'import { segment } from "./checks.js";\nimport { named } from "./webhooks.js";\n\n'],
            [HEAD, 'import type * as types from "./types.js";\n'],
        )
        for resource in self._resources:
            code.append(self._class(resource))
            declared.append(self._declaration(resource))
        names = [(camel(snake(one.plural)), one.plural) for one in self._resources]
        code.append("export class Resources {\n  constructor(transport) {\n")
        code += [f"    this.{name} = new {kind}(transport);\n" for name, kind in names]
        code.append("  }\n}\n")
        declared.append("/** All resources, by their names. */\nexport class Resources {\n")
        declared += [f"  readonly {name}: {kind};\n" for name, kind in names]
        declared.append("}\n")
        declared.append(_OPTIONS)
        return {"surface.js": "".join(code), "surface.d.ts": "".join(declared), "types.d.ts": self._module_of_types()}

    def _class(self, resource: Resource) -> str:
        methods = [self._method(resource, rpc) for rpc in resource.rpcs]
        if _waits(resource):
            answer = resource.service.methods_by_name[f"Get{resource.noun}"].output_type
            statuses = [name for name in answer.enum_types_by_name["Status"].values_by_name if not _is_zero(name)]
            known = ", ".join(f'"{name}"' for name in statuses)
            methods.append(
                f"  wait(id, options) {{\n    const known = [{known}];\n"
                "    const get = (within) => this.get(id, {}, within);\n"
                f'    return this._transport.wait(get, "{answer.name}", known, options);\n  }}\n'
            )
        head = f"export class {resource.plural} {{\n"
        head += "  constructor(transport) {\n    this._transport = transport;\n  }\n\n"
        return head + "\n".join(methods) + "}\n\n"

    def _method(self, resource: Resource, rpc: MethodDescriptor) -> str:
        _, path, variables = self._route(rpc)
        url = "`" + re.sub(r"\{(\w+)\}", lambda found: _segment(found[1]), path) + "`"
        arguments = ", ".join([*map(camel, variables), "params", "options"])
        made = f"return this._transport.{self._call(rpc, url, 'params, options')};\n"
        name = camel(resource.method(rpc))
        if others := self._contract.path_without(rpc):
            # without an id it is a list of all, and an id that is missing is not that
            of_all = self._call(rpc, f"`{others}`", "given[0], given[1]")
            return (
                f"  {name}(...given) {{\n"
                f'    if (!given.length || typeof given[0] === "object") {{\n'
                f"      return this._transport.{of_all};\n    }}\n"
                f"    const [{arguments}] = given;\n    {made}  }}\n"
            )
        # what is wrong with an argument rejects, as everything else does
        begins = "async " if self._is_call(rpc) else ""
        return f"  {begins}{name}({arguments}) {{\n    {made}  }}\n"

    def _is_call(self, rpc: MethodDescriptor) -> bool:
        return not rpc.server_streaming and items_of(rpc) is None

    def _call(self, rpc: MethodDescriptor, url: str, handed: str) -> str:
        """Return how the transport calls an RPC at a path."""
        if is_export(rpc):
            return f"content({url}, {handed})"
        if rpc.server_streaming:
            return f"events({url}, {handed})"
        if listed := items_of(rpc):
            also = ", named" if listed.message_type and listed.message_type.full_name in OTHER_NAMES else ""
            return f'pages({url}, "{listed.name}", {handed}{also})'
        also = ".then(named)" if rpc.output_type.full_name in OTHER_NAMES else ""
        return f'call("{self._route(rpc)[0]}", {url}, {handed}){also}'

    def _declaration(self, resource: Resource) -> str:
        lines = [comment(self._contract.comment(resource.service), ""), f"export class {resource.plural} {{\n"]
        for rpc in resource.rpcs:
            _, _, variables = self._route(rpc)
            fields = [field for field in rpc.input_type.fields if field.name not in variables]
            parameters = "params?: Record<string, never>"
            if fields:
                mark = "" if any(self._is_needed(field) for field in fields) else "?"
                members = "".join(self._member(field, "    ", needed=self._is_needed(field)) for field in fields)
                parameters = f"params{mark}: {{\n{members}  }}"
            options = "StreamOptions" if rpc.server_streaming else "CallOptions"
            given = ", ".join([*(f"{camel(name)}: string" for name in variables), parameters, f"options?: {options}"])
            lines.append(comment(self._contract.comment(rpc), "  "))
            method, answer = camel(resource.method(rpc)), self._answer(rpc)
            lines.append(f"  {method}({given}): {answer};\n")
            if self._contract.path_without(rpc) is not None:
                lines.append(comment(f"The same of all there are, whatever their `{variables[0]}`.", "  "))
                lines.append(f"  {method}({parameters}, options?: {options}): {answer};\n")
        if _waits(resource):
            kind = self._reference(resource.service.methods_by_name[f"Get{resource.noun}"].output_type)
            lines.append(
                comment("Waits until it has the status, or one of them; else until nothing is under way.", "  ")
            )
            lines.append(f"  wait(id: string, options?: WaitOptions): Promise<{kind} & Answered>;\n")
        return "".join([*lines, "}\n\n"])

    def _answer(self, rpc: MethodDescriptor) -> str:
        if is_export(rpc):
            return "AsyncIterable<Uint8Array>"
        if rpc.server_streaming:
            return "AsyncIterable<WebhookDocument>"
        if listed := items_of(rpc):
            return f"AsyncIterable<{self._reference(listed.message_type)}>"
        kind = self._reference(rpc.output_type) if is_model(rpc.output_type) else "Record<string, never>"
        return f"Promise<{kind} & Answered>"

    def _route(self, rpc: MethodDescriptor) -> tuple[str, str, list[str]]:
        rule = self._contract.option(rpc, "google.api.http")
        verb = str(rule.WhichOneof("pattern"))
        path = str(getattr(rule, verb))
        return verb.upper(), path, re.findall(r"\{(\w+)\}", path)

    def _is_needed(self, field: FieldDescriptor) -> bool:
        rules = self._contract.option(field, "buf.validate.field")
        return bool(rules.required or rules.string.uuid) and rules.ignore == 0

    def _member(self, field: FieldDescriptor, indent: str, *, needed: bool, kind: str = "types.") -> str:
        said = comment(self._contract.comment_or_none(field), indent)
        return f"{said}{indent}{field.name}{'' if needed else '?'}: {self._type(field, kind)};\n"

    def _reference(self, message: Any, prefix: str = "types.") -> str:
        name = "Money" if message.full_name == "fusionx.type.v1.Money" else model_name(message)
        if name not in self._types:
            self._types[name] = message
            for field in message.fields:
                inner = field.message_type
                if inner and inner.full_name.startswith("fusionx.") and not inner.GetOptions().map_entry:
                    self._reference(inner)
        return f"{prefix}{name}"

    def _type(self, field: FieldDescriptor, prefix: str) -> str:
        if is_map(field):
            return "Record<string, string>"
        kind = self._item(field, prefix)
        return f"Array<{kind}>" if field.is_repeated else kind

    def _item(self, field: FieldDescriptor, prefix: str) -> str:
        if field.enum_type:
            names = [f'"{value.name}"' for value in field.enum_type.values if value.number]
            # what is new tomorrow is a text as well
            return f"({' | '.join(names)} | (string & {{}}))"
        if field.message_type:
            known = _OF_GOOGLE.get(field.message_type.full_name)
            return known or self._reference(field.message_type, prefix)
        if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
            return "boolean"
        return "number" if field.cpp_type in _NUMBERS else "string"

    def _module_of_types(self) -> str:
        self._reference(self._contract.pool.FindMessageTypeByName("fusionx.notify.v1.Event"))
        parts = [HEAD]
        for name in sorted(self._types):
            fields = self._types[name].fields
            members = [self._member(field, "  ", needed=not field.has_presence, kind="") for field in fields]
            for other, first in OTHER_NAMES.get(self._types[name].full_name, {}).items():
                kind = self._type(self._types[name].fields_by_name[first], "")
                members.append(f"  /** The same as `{first}`, as webhooks call it. */\n  {other}: {kind};\n")
            parts.append(f"export interface {name} {{\n{''.join(members)}}}\n\n")
        return "".join(parts)


_OPTIONS = """
/** What is known of an answer beside its fields; it is not enumerable. */
export interface Answered {
  /** Whether it is that of an earlier request under the same idempotency key. */
  readonly replayed: boolean;
  /** What support asks for. */
  readonly requestId: string;
}

export interface CallOptions {
  /** Milliseconds, with all attempts. */
  timeout?: number;
  /** The same for all attempts; left out: a new one. */
  idempotencyKey?: string;
}

export interface StreamOptions {
  /** Ends the stream. */
  signal?: AbortSignal;
}

export interface WaitOptions {
  /** Statuses, such as `"SUCCESS"`. */
  until?: string | string[];
  /** Milliseconds; 60,000 when left out. */
  timeout?: number;
}

/** An event as streams and webhooks carry it. */
export interface WebhookDocument extends types.Event {
  create_time: string;
  data: types.EventData;
}
"""


def _segment(name: str) -> str:
    return f'${{segment("{camel(name)}", {camel(name)})}}'


def camel(name: str) -> str:
    """Return `orderId` for `order_id`."""
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


def comment(text: str, indent: str) -> str:
    """Return a comment of the contract as JSDoc."""
    lines: Iterable[str] = textwrap.wrap(" ".join(text.split()).replace("*/", "* /"), 116 - len(indent))
    body = "".join(f"{indent} * {line}\n" for line in lines)
    return f"{indent}/**\n{body}{indent} */\n" if body else ""


def _is_zero(name: str) -> bool:
    return name.endswith("_UNSPECIFIED")


def _waits(resource: Resource) -> bool:
    return "status" in resource.service.methods_by_name[f"Get{resource.noun}"].output_type.fields_by_name


def node_files(descriptors: bytes) -> dict[str, str]:
    """Return what the contract generates in `client/node/`."""
    files = NodeSurface(Contract(descriptors)).files()
    return {f"node/{name}": text for name, text in files.items()}
