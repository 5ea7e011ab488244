"""Form-encoded parameters, nested as ``a[b][0][c]=``, read with Stripe's own complaints."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from sandbox.stripe.errors import StripeError, invalid

_SEGMENT = re.compile(r"\[([^\]]*)\]")
_MAX_METADATA_KEYS = 50
_MAX_METADATA_NAME = 40
_MAX_METADATA_VALUE = 500


def decode(raw: str) -> dict[str, Any]:
    """Turn a query string or form body into nested dictionaries and lists."""
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(raw, keep_blank_values=True):
        head, bracket, rest = name.partition("[")
        path = [head, *_SEGMENT.findall(bracket + rest)]
        _put(tree, path, value, name)
    return {name: _lists(value) for name, value in tree.items()}


def _put(tree: dict[str, Any], path: list[str], value: str, name: str) -> None:
    for segment in path[:-1]:
        tree = tree.setdefault(segment or str(len(tree)), {})
        if not isinstance(tree, dict):
            raise invalid(f"Invalid parameter: {name}", name)
    tree[path[-1] or str(len(tree))] = value


def _lists(value: Any) -> Any:
    """Dictionaries whose keys are 0, 1, 2… were arrays."""
    if not isinstance(value, dict):
        return value
    if value and all(key.isdigit() for key in value):
        return [_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _lists(item) for key, item in value.items()}


class Params:
    """Typed access to one level of parameters."""

    def __init__(self, values: dict[str, Any], path: str = "") -> None:
        self.values = values
        self._path = path

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def name(self, name: str) -> str:
        """A parameter's full name, as Stripe writes it in `param`."""
        return f"{self._path}[{name}]" if self._path else name

    def only(self, names: frozenset[str]) -> None:
        """Refuse parameters the endpoint does not know, as Stripe does."""
        for name in self.values:
            if name not in names:
                full = self.name(name)
                raise invalid(f"Received unknown parameter: {full}", full, "parameter_unknown")

    def text(self, name: str) -> str | None:
        """An optional string."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise invalid(f"Invalid string: {value}", self.name(name))
        if not value:
            raise self._empty(name)
        return value

    def required(self, name: str) -> str:
        """A string that must be there."""
        value = self.text(name)
        if value is None:
            raise self._missing(name)
        return value

    def integer(self, name: str, minimum: int = 0) -> int | None:
        """An optional integer."""
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(r"-?\d{1,18}", value):
            raise invalid(f"Invalid integer: {value}", self.name(name), "parameter_invalid_integer")
        if int(value) < minimum:
            message = f"This value must be greater than or equal to {minimum}."
            raise invalid(message, self.name(name), "parameter_invalid_integer")
        return int(value)

    def required_integer(self, name: str, minimum: int = 0) -> int:
        """An integer that must be there."""
        value = self.integer(name, minimum)
        if value is None:
            raise self._missing(name)
        return value

    def boolean(self, name: str) -> bool:
        """A flag, false when left out."""
        value = self.text(name)
        if value not in {None, "true", "false"}:
            raise invalid(f"Invalid boolean: {value}", self.name(name))
        return value == "true"

    def choice(self, name: str, options: tuple[str, ...]) -> str | None:
        """An optional string that is one of a few."""
        value = self.text(name)
        if value is not None and value not in options:
            listed = ", ".join(options)
            raise invalid(f"Invalid {self.name(name)}: must be one of {listed}", self.name(name))
        return value

    def nested(self, name: str) -> "Params":
        """A dictionary parameter; empty when left out."""
        value = self.values.get(name, {})
        if not isinstance(value, dict):
            raise invalid("Invalid object", self.name(name))
        return Params(value, self.name(name))

    def items(self, name: str) -> list["Params"]:
        """An array of dictionaries."""
        value = self.values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise invalid("Invalid array", self.name(name))
        return [Params(item, f"{self.name(name)}[{index}]") for index, item in enumerate(value)]

    def texts(self, name: str) -> list[str]:
        """An array of strings."""
        value = self.values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise invalid("Invalid array", self.name(name))
        return list(value)

    def metadata(self, current: dict[str, str] | None = None) -> dict[str, str]:
        """`current` with the `metadata` given laid over it; an empty value unsets a key."""
        given = self.values.get("metadata", {})
        if given == "":
            return {}
        if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
            raise invalid("Invalid metadata: must be a hash of strings", self.name("metadata"))
        merged = {**(current or {}), **given}
        self._check_metadata(merged)
        return {name: value for name, value in merged.items() if value}

    def _check_metadata(self, metadata: dict[str, str]) -> None:
        if len(metadata) > _MAX_METADATA_KEYS:
            raise invalid("Metadata can have at most 50 keys", self.name("metadata"))
        for name, value in metadata.items():
            if len(name) > _MAX_METADATA_NAME or len(value) > _MAX_METADATA_VALUE:
                message = "Metadata keys can have up to 40 characters and values up to 500"
                raise invalid(message, f"{self.name('metadata')}[{name[:_MAX_METADATA_NAME]}]")

    def _missing(self, name: str) -> StripeError:
        full = self.name(name)
        return invalid(f"Missing required param: {full}.", full, "parameter_missing")

    def _empty(self, name: str) -> StripeError:
        full = self.name(name)
        message = (
            f"You passed an empty string for '{full}'. We assume empty values are an attempt to unset a"
            f" parameter; however '{full}' cannot be unset. You should remove '{full}' from your request"
            " or supply a non-empty value."
        )
        return invalid(message, full, "parameter_invalid_empty")


@dataclass(frozen=True, slots=True)
class Call:
    """Parameters, and what the URL says."""

    params: Params
    url: str
    id: str = ""
