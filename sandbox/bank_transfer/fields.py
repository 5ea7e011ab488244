"""JSON bodies and query strings, read strictly: what the bank does not know it refuses."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.bank_transfer.errors import invalid

_LABELS = 20
_LABEL_LENGTH = 200


def decode(raw: bytes) -> "Fields":
    """The body of a request; an empty one is an empty object."""
    try:
        values = json.loads(raw or b"{}")
    except ValueError:
        raise invalid("", "The body is not JSON.") from None
    if not isinstance(values, dict):
        raise invalid("", "The body must be a JSON object.")
    return Fields(values)


class Fields:
    """Typed access to the fields of a request."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def only(self, known: frozenset[str]) -> None:
        """Refuse a field that the endpoint does not know."""
        for name in self.values:
            if name not in known:
                raise invalid(name, f"Unknown field {name}.")

    def text(self, name: str, longest: int = 140) -> str:
        """An optional string; empty when left out."""
        value = self.values.get(name, "")
        if not isinstance(value, str) or len(value) > longest:
            raise invalid(name, f"{name} must be a string of at most {longest} characters.")
        return value

    def required(self, name: str, longest: int = 140) -> str:
        """A string that must be there."""
        value = self.text(name, longest)
        if not value:
            raise invalid(name, f"{name} is required.")
        return value

    def amount(self, name: str = "amount") -> int | None:
        """An optional amount: a positive integer of the currency's minor unit."""
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise invalid(name, f"{name} must be a positive integer of the currency's minor unit.")
        return value

    def labels(self, name: str = "metadata") -> dict[str, str]:
        """The merchant's own labels."""
        value = self.values.get(name, {})
        fits = isinstance(value, dict) and len(value) <= _LABELS
        if not fits or not all(isinstance(text, str) and len(text) <= _LABEL_LENGTH for text in value.values()):
            raise invalid(name, f"{name} must hold at most {_LABELS} strings of {_LABEL_LENGTH} characters.")
        return dict(value)

    def moment(self, name: str) -> datetime | None:
        """An optional RFC 3339 time."""
        text = self.text(name)
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise invalid(name, f"{name} must be a time such as 2026-01-31T12:00:00Z.")
        return moment


@dataclass(frozen=True, slots=True)
class Call:
    """The fields of the body or of the query, and the id that the URL names."""

    fields: Fields
    id: str = ""
