"""JSON request bodies, read with PayPal's own complaints; fields are named by JSON pointer."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.paypal.errors import invalid
from sandbox.store.documents import JSON


def decode(raw: bytes) -> "Fields":
    """The body of a request; an empty one is an empty object."""
    try:
        values = json.loads(raw or b"{}")
    except ValueError:
        raise invalid("MALFORMED_REQUEST_JSON", "/") from None
    if not isinstance(values, dict):
        raise invalid("MALFORMED_REQUEST_JSON", "/")
    return Fields(values)


class Fields:
    """Typed access to one object of the body. Unknown fields are ignored, as PayPal does."""

    def __init__(self, values: JSON, path: str = "") -> None:
        self.values = values
        self._path = path

    def __contains__(self, name: str) -> bool:
        return self.values.get(name) is not None

    def pointer(self, name: str) -> str:
        """Where a field stands, as errors name it."""
        return f"{self._path}/{name}"

    def text(self, name: str, longest: int = 255) -> str | None:
        """An optional string."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise invalid("INVALID_PARAMETER_SYNTAX", self.pointer(name), value)
        if not 0 < len(value) <= longest:
            raise invalid("INVALID_STRING_LENGTH", self.pointer(name), value)
        return value

    def required(self, name: str, longest: int = 255) -> str:
        """A string that must be there."""
        value = self.text(name, longest)
        if value is None:
            raise invalid("MISSING_REQUIRED_PARAMETER", self.pointer(name))
        return value

    def texts(self, **longest: int) -> JSON:
        """Those of several optional strings that are given."""
        found = {name: self.text(name, limit) for name, limit in longest.items()}
        return {name: value for name, value in found.items() if value is not None}

    def choice(self, name: str, options: Sequence[str]) -> str:
        """A string that must be there and is one of a few."""
        value = self.required(name)
        if value not in options:
            raise invalid("INVALID_PARAMETER_VALUE", self.pointer(name), value)
        return value

    def flag(self, name: str) -> bool:
        """A boolean, false when left out."""
        value = self.values.get(name, False)
        if not isinstance(value, bool):
            raise invalid("INVALID_PARAMETER_SYNTAX", self.pointer(name), value)
        return value

    def nested(self, name: str) -> "Fields":
        """An object; empty when left out."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, dict):
            raise invalid("INVALID_PARAMETER_SYNTAX", self.pointer(name), value)
        return Fields(value or {}, self.pointer(name))

    def only_item(self, name: str) -> "Fields":
        """The one object of an array that may hold several at PayPal, but here holds one."""
        value = self.values.get(name)
        if not value:
            raise invalid("MISSING_REQUIRED_PARAMETER", self.pointer(name))
        if not isinstance(value, list) or len(value) != 1 or not isinstance(value[0], dict):
            raise invalid("INVALID_PARAMETER_VALUE", self.pointer(name))
        return Fields(value[0], f"{self.pointer(name)}/0")


@dataclass(frozen=True, slots=True)
class Call:
    """The body, and the id that the URL names."""

    fields: Fields
    id: str = ""
