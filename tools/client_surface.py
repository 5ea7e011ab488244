"""The surface of the Python client for merchants, from the contract: a class a resource, a method an RPC.

What RPCs are called in it follows from their names. `GetOrder` says that its service is about an Order, so
`CreateOrder` is `orders.create`, `ListOrders` is `orders.list`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FieldDescriptor, FileDescriptor, MethodDescriptor, ServiceDescriptor

from mesh.contract.descriptors import is_map
from mesh.rpc.absence import widens
from tools.client_contract import Contract
from tools.client_models import SCALARS, Models, is_model, model_name

NO_SIDE_EFFECTS = descriptor_pb2.MethodOptions.NO_SIDE_EFFECTS
LINE = 120
# how a field is written by callers, and what makes the contract's message of it
CONVERTED = {
    "fusionx.type.v1.Money": ("Amount", "money"),
    "google.protobuf.Timestamp": ("Moment", "moment"),
    "google.protobuf.Duration": ("Span", "span"),
    "google.protobuf.FieldMask": ("Sequence[str]", "mask"),
}
# what a caller may say of a call beside its fields
OPTIONS = {
    "timeout": ("float | None", "Seconds, with all attempts; left out: the client's."),
    "idempotency_key": ("str | None", "The same for all attempts; left out: a new one."),
}
RESUMES = """

The iteration opens it, and opens it again by itself whenever it ends or breaks, after the last event that it had."""
PIECES = """

It yields the file's bytes piece by piece as they come: write each to where the file is to be. An error in between means
that the file is not whole."""


@dataclass(frozen=True)
class Resource:
    """What a service is about: its noun in singular and plural, and its RPCs by the names of their methods."""

    contract: Contract
    service: ServiceDescriptor

    @cached_property
    def rpcs(self) -> list[MethodDescriptor]:
        """The RPCs for merchants, in the contract's order."""
        return [rpc for rpc in self.service.methods if self.contract.is_for_merchants(rpc)]

    @cached_property
    def noun(self) -> str:
        """`Order`: what the service's one `Get` returns. Raises ValueError when there is not one."""
        nouns = [rpc.name.removeprefix("Get") for rpc in self.rpcs if rpc.name.startswith("Get")]
        if len(nouns) != 1:
            raise ValueError(
                f"{self.service.full_name} needs one RPC `Get…` that says what it is about; it has {nouns}"
            )
        return nouns[0]

    @cached_property
    def plural(self) -> str:
        """`Orders`, when there is a list of them; otherwise there is one, and this is the noun."""
        stem = self.noun.removesuffix("y")
        lists = [rpc.name.removeprefix("List") for rpc in self.rpcs if rpc.name.startswith("List")]
        return next((name for name in lists if name in (f"{self.noun}s", f"{stem}ies")), self.noun)

    def method(self, rpc: MethodDescriptor) -> str:
        """Return `create` for `CreateOrder`, `resend_many` for `ResendEvents` where there is a `ResendEvent` too."""
        verb = re.sub(rf"{self.plural}(?![a-z])|{self.noun}(?![a-z])", "", rpc.name, count=1)
        single = f"{verb}{self.noun}"
        many = rpc.name == f"{verb}{self.plural}" != single and single in self.service.methods_by_name
        return snake(verb) + ("_many" if many else "")


def snake(name: str) -> str:
    """Return `webhook_endpoints` for `WebhookEndpoints`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Surface:
    """Writes the module."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._resources = [Resource(contract, service) for service in contract.services()]
        self._imports: set[tuple[str, str]] = set()

    def files(self) -> list[str]:
        """Return the contract's files that merchants need: those of the services, and what they import of it."""
        needed: dict[str, FileDescriptor] = {}
        waiting = [resource.service.file for resource in self._resources]
        while waiting:
            file = waiting.pop()
            if file.name not in needed and not file.name.startswith("google/"):
                needed[file.name] = file
                waiting += file.dependencies
        return sorted(needed)

    def module(self) -> str:
        """Return the module's text, formatted as the rest of the code."""
        classes = [self._class(resource, kind) for resource in self._resources for kind in ("", "Async")]
        calls = [self._constant(resource, rpc) for resource in self._resources for rpc in resource.rpcs]
        packages: dict[str, list[str]] = {}
        for package, module in sorted(self._imports):
            packages.setdefault(package, []).append(module)
        text = "\n".join(
            [
                '"""What merchants can do, a class a resource. Made from the contract by `make gen`, never edited."""',
                "from __future__ import annotations",
                "from collections.abc import AsyncIterator, Iterator, Mapping, Sequence",
                *(f"from {package} import {', '.join(modules)}" for package, modules in packages.items()),
                "from fusionxpay_client.calls import Call, Export, Listing, Stream",
                "from fusionxpay_client import models",
                "from fusionxpay_client.answers import Model",
                "from fusionxpay_client.pages import AsyncPages, Pages",
                "from fusionxpay_client.transport import AsyncTransport, Transport",
                "from fusionxpay_client.waiting import AsyncWaits, Waits",
                "from fusionxpay_client.values import OMITTED, Amount, Moment, Omitted, Span",
                "from fusionxpay_client.values import made, mask, moment, money, span",
                *calls,
                *classes,
                *(self._index(kind) for kind in ("", "Async")),
            ]
        )
        return formatted(text)

    def _index(self, kind: str) -> str:
        """Return the class that has all resources by their names."""
        named = [f"self.{snake(one.plural)} = {kind}{one.plural}(transport)" for one in self._resources]
        return "\n".join(
            [
                f"class {kind}Resources:",
                '    """All resources, by their names."""',
                f"    def __init__(self, transport: {kind}Transport) -> None:",
                *(f"        {line}" for line in named),
            ]
        )

    def _class(self, resource: Resource, kind: str) -> str:
        """Return the class of a resource."""
        head = [
            f"class {kind}{resource.plural}{self._waits(resource, kind)}:",
            docstring(self._contract.comment(resource.service), (), 4),
            f"    def __init__(self, transport: {kind}Transport) -> None:",
            "        self._transport = transport",
        ]
        return "\n".join([*head, *(self._method(resource, rpc, kind) for rpc in resource.rpcs)])

    def _waits(self, resource: Resource, kind: str) -> str:
        """Return the base of a resource that comes to a status, which can be waited for."""
        answer = resource.service.methods_by_name[f"Get{resource.noun}"].output_type
        return f"({kind}Waits[models.{model_name(answer)}])" if "status" in answer.fields_by_name else ""

    def _method(self, resource: Resource, rpc: MethodDescriptor, kind: str) -> str:
        """Return the method of an RPC."""
        fields = rpc.input_type.fields
        # what the path of the route names may be given by its place
        named = [field for field in fields if f"{{{field.name}}}" in self._path(rpc)]
        how, answer, extras = self._way(rpc, kind)
        # a list that has a path without it too is of all
        optional = self._contract.path_without(rpc) is not None
        widening = self._widening(rpc)
        parameters = ["self", *(self._parameter(field, not optional, widening) for field in named)]
        others = [self._parameter(field, self._is_needed(field), widening) for field in fields if field not in named]
        others += [f"{extra}: {OPTIONS[extra][0]} = None" for extra in extras]
        parameters += ["*", *others] if others else []
        said = [(field.name, self._contract.comment(field)) for field in fields]
        said += [(extra, OPTIONS[extra][1]) for extra in extras]
        waits = kind and how == "call"
        # `Pages[models.Order]` holds what each item is made
        model = [] if rpc.server_streaming else [answer.removesuffix("]").rpartition("[")[2]]
        handed = ", ".join(["request", *model, *extras])
        kind_of_it = [self._type(rpc.input_type), *([repr(tuple(widening))] if widening else [])]
        return "\n".join(
            [
                f"    {'async ' if waits else ''}def {resource.method(rpc)}(",
                f"        {', '.join(parameters)}) -> {answer}:",
                docstring(self._contract.comment(rpc) + _more_of(rpc), said, 8),
                f"        request = made({', '.join([*kind_of_it, *self._arguments(fields)])})",
                f"        return {'await ' if waits else ''}self._transport.{how}({constant_name(rpc)}, {handed})",
            ]
        )

    def _arguments(self, fields: Iterable[FieldDescriptor]) -> list[str]:
        return [f"{field.name}={self._converted(field)}" for field in fields]

    def _converted(self, field: FieldDescriptor) -> str:
        """Return the expression that makes the contract's value of what the caller wrote."""
        full_name = field.message_type.full_name if field.message_type else ""
        if full_name in CONVERTED and not field.is_repeated:
            return f"{CONVERTED[full_name][1]}({field.name})"
        return str(field.name)

    def _way(self, rpc: MethodDescriptor, kind: str) -> tuple[str, str, list[str]]:
        """Return how the transport calls an RPC, what comes of it, and the options that a caller has."""
        if is_export(rpc):
            return "content", f"{kind}Iterator[bytes]", []
        if rpc.server_streaming:
            return "events", f"{kind}Iterator[models.Event]", []
        if listed := items_of(rpc):
            return "pages", f"{kind}Pages[models.{model_name(listed.message_type)}]", ["timeout"]
        extras = ["timeout", "idempotency_key"] if writes(rpc) else ["timeout"]
        return "call", f"models.{model_name(rpc.output_type)}" if is_model(rpc.output_type) else "Model", extras

    def _constant(self, resource: Resource, rpc: MethodDescriptor) -> str:
        """Return what the transport has to know of an RPC."""
        path = f'"/{resource.service.full_name}/{rpc.name}"'
        answer = self._type(rpc.output_type) if not rpc.server_streaming else ""
        if is_export(rpc):
            made = f"Export({path})"
        elif rpc.server_streaming:
            made = f"Stream({path})"
        elif listed := items_of(rpc):
            made = f'Listing({path}, {answer}, "{listed.name}", {self._type(listed.message_type)})'
        else:
            made = f"Call({path}, {answer}, writes={writes(rpc)})"
        return f"{constant_name(rpc)} = {made}"

    def models(self) -> str:
        """Return the text of the module that types the answers."""
        answers = [rpc.output_type for one in self._resources for rpc in one.rpcs if not rpc.server_streaming]
        event = self._contract.pool.FindMessageTypeByName("fusionx.notify.v1.Event")
        return formatted(Models(self._contract.comment_or_none).module([*filter(is_model, answers), event]), "models")

    def _is_needed(self, field: FieldDescriptor) -> bool:
        """Whether the gateway refuses a request without the field."""
        rules = self._contract.option(field, "buf.validate.field")
        by_rule = rules.required or rules.string.uuid or rules.map.min_pairs or rules.repeated.min_items
        return bool(by_rule) and rules.ignore == 0

    def _path(self, rpc: MethodDescriptor) -> str:
        """Return the path of an RPC's route; all RPCs for merchants have one."""
        route = self._contract.option(rpc, "google.api.http")
        return str(getattr(route, route.WhichOneof("pattern")))

    def _widening(self, rpc: MethodDescriptor) -> list[str]:
        """Return the fields that need not be there, and of which one that is None would be taken for "all"."""
        verb = str(self._contract.option(rpc, "google.api.http").WhichOneof("pattern")).upper()
        is_list_of_all, path = self._contract.path_without(rpc) is not None, self._path(rpc)

        def may_be_left_out(field: FieldDescriptor) -> bool:
            return is_list_of_all if f"{{{field.name}}}" in path else not self._is_needed(field)

        return [one.name for one in rpc.input_type.fields if widens(verb, one) and may_be_left_out(one)]

    def _parameter(self, field: FieldDescriptor, needed: bool, widening: Collection[str]) -> str:
        kind = self._field_type(field)
        if field.name in widening:
            return f"{field.name}: {kind} | Omitted = OMITTED"
        return f"{field.name}: {kind}" if needed else f"{field.name}: {kind} | None = None"

    def _field_type(self, field: FieldDescriptor) -> str:
        """Return the type that a caller writes for a field."""
        if field.message_type and is_map(field):
            key, value = (self._value_type(field.message_type.fields_by_name[name]) for name in ("key", "value"))
            return f"Mapping[{key}, {value}]"
        if field.is_repeated:
            return f"Sequence[{self._type(field.message_type) if field.message_type else self._value_type(field)}]"
        return self._value_type(field)

    def _value_type(self, field: FieldDescriptor) -> str:
        if field.message_type:
            full_name = field.message_type.full_name
            return CONVERTED[full_name][0] if full_name in CONVERTED else self._type(field.message_type)
        if field.enum_type:
            # a status may also be written as its name
            return f"{self._type(field.enum_type)}.ValueType | str"
        return SCALARS[field.cpp_type]

    def _type(self, described: Any) -> str:
        """Return a message or an enum as the module names it, and have its own module imported."""
        file: FileDescriptor = described.file
        module = Path(file.name).stem + "_pb2"
        self._imports.add((file.package, module))
        return f"{module}{described.full_name.removeprefix(file.package)}"


def items_of(rpc: MethodDescriptor) -> FieldDescriptor | None:
    """Return the field of a list's items; None for an RPC that lists nothing."""
    if not rpc.name.startswith("List"):
        return None
    (items,) = (field for field in rpc.output_type.fields if field.is_repeated)
    return items


def is_export(rpc: MethodDescriptor) -> bool:
    """Whether an RPC answers with a file, piece by piece."""
    return bool(rpc.server_streaming and "format" in rpc.input_type.fields_by_name)


def _more_of(rpc: MethodDescriptor) -> str:
    """Return what the client adds to the contract's words."""
    if is_export(rpc):
        return PIECES
    return RESUMES if rpc.server_streaming else ""


def writes(rpc: MethodDescriptor) -> bool:
    """Whether an RPC changes something."""
    return bool(rpc.GetOptions().idempotency_level != NO_SIDE_EFFECTS)


def constant_name(rpc: MethodDescriptor) -> str:
    """Return `_CREATE_ORDER` for `CreateOrder`."""
    return f"_{snake(rpc.name).upper()}"


def docstring(comment: str, arguments: Iterable[tuple[str, str]], indent: int) -> str:
    """Return a comment of the contract as a docstring, with what it says of each argument."""
    width = LINE - indent
    paragraphs = [textwrap.fill(" ".join(one.split()), width - 3) for one in comment.strip().split("\n\n")]
    lines = [
        textwrap.fill(f"{name}: {' '.join(said.split())}", width, initial_indent=" " * 4, subsequent_indent=" " * 8)
        for name, said in arguments
    ]
    if lines:
        paragraphs.append("\n".join(["Args:", *lines]))
    text = "\n\n".join(paragraphs)
    end = "\n" if "\n" in text else ""
    return textwrap.indent(f'"""{text}{end}"""', " " * indent)


def formatted(text: str, module: str = "surface") -> str:
    """Return Python as `make format` leaves it, without the imports that it has no use for."""
    ruff = str(Path(sys.executable).parent / "ruff")
    name = f"client/fusionxpay_client/{module}.py"
    for command in (["check", "--fix-only", "--select", "F401,I"], ["format"]):
        done = subprocess.run(
            [ruff, *command, "--stdin-filename", name, "-"], input=text, capture_output=True, text=True, check=True
        )
        text = done.stdout
    return text


def client_files(descriptors: bytes) -> dict[str, str]:
    """Return what the contract generates in `client/`: the surface, and the list of files whose stubs belong to it."""
    surface = Surface(Contract(descriptors))
    return {
        "fusionxpay_client/surface.py": surface.module(),
        "fusionxpay_client/models.py": surface.models(),
        "contract.txt": "".join(f"{name}\n" for name in surface.files()),
    }
