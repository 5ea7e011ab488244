"""Answers held against the types that providers publish in their own SDKs."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, ClassVar, ForwardRef, Literal, Union, get_args, get_origin

import paypalserversdk.models
import stripe

Json = dict[str, Any]
_ALIASES = {"CardResource": "Card"}
_UNTYPED = "UntypedStripeObject"


def of_stripe(said: object, kind: Any, where: str = "") -> Iterator[str]:
    """Yield what a value of Stripe's API has that its type does not allow.

    A type is a class of the SDK's, or an annotation in one. What is not Optional must be there; of an enumeration that
    is open for words to come, only the words of today count.
    """
    origin, inside = get_origin(kind), get_args(kind)
    if kind is Any or getattr(origin or kind, "__name__", "") == _UNTYPED:
        return
    if isinstance(kind, ForwardRef):
        yield from of_stripe(said, getattr(stripe, _ALIASES.get(kind.__forward_arg__, kind.__forward_arg__)), where)
    elif origin is Union:
        yield from _of_union(said, inside, where)
    elif origin is Literal:
        if said not in inside:
            yield f"{where}: {said!r} is no word of Stripe's"
    elif origin is list or getattr(origin, "__name__", "") == "ListObject":
        yield from _of_list(said, inside[0], where)
    elif isinstance(kind, type) and issubclass(kind, stripe.StripeObject):
        yield from _of_object(said, kind, where)
    elif not isinstance(said, float if kind is float else kind) or (kind is int and isinstance(said, bool)):
        yield f"{where}: {said!r} is no {kind.__name__}"


def _of_union(said: object, options: tuple[Any, ...], where: str) -> Iterator[str]:
    if said is None:
        if type(None) not in options:
            yield f"{where}: is null"
        return
    wanted = [one for one in options if one is not type(None)]
    if any(get_origin(one) is Literal for one in wanted):
        # `Literal[…] | str`: open for words to come
        wanted = [one for one in wanted if one is not str]
    if isinstance(said, Mapping) and len(wanted) > 1:
        # an id, or the object in its place
        wanted = [one for one in wanted if one is not str]
    found = [list(of_stripe(said, one, where)) for one in wanted]
    if all(found):
        yield from min(found, key=len)


def _of_list(said: object, kind: Any, where: str) -> Iterator[str]:
    items = said.get("data") if isinstance(said, Mapping) else said
    if not isinstance(items, list):
        yield f"{where}: {said!r} is no list"
        return
    for item in items:
        yield from of_stripe(item, kind, f"{where}[]")


def _of_object(said: object, kind: type, where: str) -> Iterator[str]:
    if not isinstance(said, Mapping):
        yield f"{where}: {said!r} is no {kind.__name__}"
        return
    fields = {name: of for name, of in _annotations(kind).items() if get_origin(of) is not ClassVar}
    for name, value in said.items():
        if name not in fields:
            yield f"{where}.{name}: {kind.__qualname__} has no such field"
        else:
            yield from of_stripe(value, fields[name], f"{where}.{name}")
    for name, of in fields.items():
        if name not in said and type(None) not in get_args(of) and of is not Any:
            yield f"{where}.{name}: is not there"


@cache
def _annotations(kind: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in reversed(kind.__mro__):
        if one.__module__.startswith("stripe.") and one is not stripe.StripeObject:
            found |= {name: of for name, of in vars(one).get("__annotations__", {}).items() if not name.startswith("_")}
    module = importlib.import_module(kind.__module__)
    names = {**vars(stripe), **vars(module), **vars(kind)}
    return {name: eval(of, names) if isinstance(of, str) else of for name, of in found.items()}


_ATTRIBUTE = re.compile(r"^        (\w+) \(([\w\[\]]+)\):", re.MULTILINE)
_PLAIN = {"str": str, "bool": bool, "int": int, "float": float, "object": object, "datetime": str}


def of_paypal(said: object, kind: str, where: str = "") -> Iterator[str]:
    """Yield what a value of PayPal's API has that its type, a model of the SDK's or an enumeration, does not allow."""
    if kind.startswith("List["):
        if not isinstance(said, list):
            yield f"{where}: {said!r} is no list"
            return
        for item in said:
            yield from of_paypal(item, kind[5:-1], f"{where}[]")
    elif kind in _PLAIN:
        if not isinstance(said, _PLAIN[kind]):
            yield f"{where}: {said!r} is no {kind}"
    elif hasattr(_models()[kind], "_names"):
        yield from _of_model(said, _models()[kind], where)
    elif said not in {word for name, word in vars(_models()[kind]).items() if name.isupper()}:
        yield f"{where}: {said!r} is no word of {kind}"


def _of_model(said: object, model: type, where: str) -> Iterator[str]:
    if not isinstance(said, Mapping):
        yield f"{where}: {said!r} is no {model.__name__}"
        return
    names: Mapping[str, str] = vars(model)["_names"]
    kinds = dict(_ATTRIBUTE.findall(model.__doc__ or ""))
    by_wire = {wire: kinds.get(name, "object") for name, wire in names.items()}
    for name, value in said.items():
        if name not in by_wire:
            yield f"{where}.{name}: {model.__name__} has no such field"
        else:
            yield from of_paypal(value, by_wire[name], f"{where}.{name}")
    optional = set(vars(model).get("_optionals", ()))
    for name, wire in names.items():
        if wire not in said and name not in optional:
            yield f"{where}.{wire}: is not there"


@cache
def _models() -> dict[str, type]:
    found: dict[str, type] = {}
    for one in pkgutil.iter_modules(paypalserversdk.models.__path__):
        module = importlib.import_module(f"paypalserversdk.models.{one.name}")
        found |= {name: kind for name, kind in vars(module).items() if isinstance(kind, type)}
    return found
