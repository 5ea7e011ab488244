"""Reading what a provider answered. What is not as expected is unknown: never an outcome, and never our crash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from payment_svc.providers.base import AmountNotSupportedError, UnreadableAnswerError

Object = Mapping[str, Any]
ValueT = TypeVar("ValueT")


@contextmanager
def readable(what: str) -> Iterator[None]:
    """Raise UnreadableAnswerError for whatever goes wrong inside while `what` is read; decorates functions as well."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, AmountNotSupportedError) as error:
        raise UnreadableAnswerError(f"{what} cannot be read: {error!r}") from error


def text(body: Object, name: str) -> str:
    """Return a string that must be there. Raises UnreadableAnswerError."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise _wrong(name, value)
    return value


def optional_text(body: Object, name: str) -> str:
    """Return a string; empty when there is none. Raises UnreadableAnswerError for anything else."""
    value = body.get(name)
    return "" if value is None or value == "" else text(body, name)


def integer(body: Object, name: str) -> int:
    """Return an integer that must be there. Raises UnreadableAnswerError."""
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(name, value)
    return value


def mapping(body: Object, name: str) -> Object:
    """Return an object that must be there. Raises UnreadableAnswerError."""
    value = body.get(name)
    if not isinstance(value, Mapping):
        raise _wrong(name, value)
    return value


def optional_mapping(body: Object, name: str) -> Object:
    """Return an object; an empty one when there is none. Raises UnreadableAnswerError for anything else."""
    return {} if body.get(name) is None else mapping(body, name)


def items(body: Object, name: str) -> Sequence[Object]:
    """Return a list of objects; an empty one when there is none. Raises UnreadableAnswerError for anything else."""
    value = body.get(name)
    if value is None:
        return ()
    if not isinstance(value, Sequence) or not all(isinstance(one, Mapping) for one in value):
        raise _wrong(name, value)
    return value


def known(values: Mapping[str, ValueT], body: Object, name: str = "status") -> ValueT:
    """Return what a word of the provider's means. Raises UnreadableAnswerError for one that is not known."""
    word = text(body, name)
    if word not in values:
        raise _wrong(name, word)
    return values[word]


def _wrong(name: str, value: object) -> UnreadableAnswerError:
    return UnreadableAnswerError(f"the answer's {name!r} is {value!r:.200}, which is not known")
