"""The types of answers for the Python client, from the contract: a class a message, with how its fields are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from fusionxpay_client.answers import OTHER_NAMES
from mesh.contract.descriptors import is_map

SCALARS = {
    FieldDescriptor.CPPTYPE_STRING: "str",
    FieldDescriptor.CPPTYPE_BOOL: "bool",
    FieldDescriptor.CPPTYPE_DOUBLE: "float",
    FieldDescriptor.CPPTYPE_FLOAT: "float",
    FieldDescriptor.CPPTYPE_INT32: "int",
    FieldDescriptor.CPPTYPE_INT64: "int",
    FieldDescriptor.CPPTYPE_UINT32: "int",
    FieldDescriptor.CPPTYPE_UINT64: "int",
}
MONEY = "fusionx.type.v1.Money"


class Models:
    """Writes the types of answers: a class a message, which says what each of its fields is read as."""

    def __init__(self, comment_of: Callable[[Any], str]) -> None:
        """`comment_of` is what the contract says of a field."""
        self._comment_of = comment_of
        self._found: dict[str, Any] = {}

    def module(self, messages: Iterable[Any]) -> str:
        """Return the module's text, for messages and all that they hold."""
        for message in messages:
            self._add(message)
        return "\n".join(
            [
                '"""What answers are, a class a message. Made from the contract by `make gen`, never edited."""',
                "from __future__ import annotations",
                "from datetime import datetime, timedelta",
                "from fusionx.type.v1.money_pb2 import Money",
                "from fusionxpay_client.answers import Model, Word",
                *(self._class(name, self._found[name]) for name in sorted(self._found)),
            ]
        )

    def _add(self, message: Any) -> None:
        name = model_name(message)
        if self._found.setdefault(name, message) is not message:
            raise ValueError(f"two messages would be the model {name}")
        for field in message.fields:
            inner = field.message_type
            if inner and is_model(inner) and model_name(inner) not in self._found:
                self._add(inner)

    def _class(self, name: str, message: Any) -> str:
        fields = [f"    {field.name}: {self._type(field)}" for field in message.fields]
        for other, first in OTHER_NAMES.get(message.full_name, {}).items():
            fields.append(f"    {other}: {self._type(message.fields_by_name[first])}")
        return "\n".join([f"class {name}(Model):", f'    """{name}, as the gateway answers it."""', *fields])

    def _type(self, field: FieldDescriptor) -> str:
        if is_map(field):
            return "dict[str, str]"
        kind = self._item(field)
        if field.is_repeated:
            return f"list[{kind}]"
        comment = self._comment_of(field)
        # of a oneof the caller knows which it is, as of an event by its type
        may_be_unset = re.search(r"[Ll]eft out|[Uu]nset|[Ee]mpty|[Oo]nly|while |once ", comment) is not None
        return f"{kind} | None" if field.has_presence and may_be_unset else kind

    def _item(self, field: FieldDescriptor) -> str:
        if field.enum_type:
            return "Word"
        if field.message_type is None:
            return SCALARS[field.cpp_type]
        full_name = field.message_type.full_name
        named = {"google.protobuf.Timestamp": "datetime", "google.protobuf.Duration": "timedelta"}
        return named.get(full_name) or ("Money" if full_name == MONEY else model_name(field.message_type))


def model_name(message: Any) -> str:
    """Return `PaymentFailure` for `fusionx.payment.v1.Payment.Failure`."""
    return str(message.full_name.removeprefix(message.file.package + ".").replace(".", ""))


def is_model(message: Any) -> bool:
    """Whether answers hold a message as a model: it is ours, no amount, and no pair of a map."""
    is_ours = message.full_name.startswith("fusionx.") and message.full_name != MONEY
    return is_ours and not message.GetOptions().map_entry
