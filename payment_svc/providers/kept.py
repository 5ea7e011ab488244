"""What may be kept of what is said to a provider and by it: the fields that its folder names, and nothing else.

A list of what is allowed and not of what is not: a field that a provider adds tomorrow, a customer's name in a place
where none was, is left out without anybody thinking of it. What lists hold is left out as well, unless it is named: at
the platform's account they are other merchants' payments. Texts that are kept have no card numbers, keys or mail
addresses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from mesh.redaction import MARK, redacted

MAX_TEXT = 300
MAX_BODY = 1500
"""Characters of a request or an answer that are kept."""
MOST_LOOKED_AT = 1200
"""Characters of a text that are looked at: who waits for the payment waits for that as well."""
_CUT_OFF = 64
"""Of a text that goes on, what may be the beginning of a card number or an address."""
LONGEST = 256 * 1024
"""Bytes of a body that are looked at."""
MAX_ITEMS = 10
_MAIL = re.compile(r"[^\s@\"'<>]{1,64}@[^\s@\"'<>]{1,255}")
_CLIENT_SECRET = re.compile(r"\b[A-Za-z0-9]{1,32}_[A-Za-z0-9]{1,255}_secret_\w+")
_FORM_NAME = re.compile(r"[^\[\]]+")
_IS_SAID = ""
"""In a tree the name of a field's own value, beside those of the fields in it."""
_NOTHING = object()
Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """What of a provider's bodies is kept, by paths with dots; lists are looked into as if they were not there."""

    fields: frozenset[str] = frozenset()
    """Of an object of the provider's, such as `amount`."""
    within: tuple[str, ...] = ("",)
    """Where such objects are in requests and answers; empty: they are the whole of it."""
    also: frozenset[str] = frozenset()
    """Of requests and answers, such as what makes an error."""
    event_within: tuple[str, ...] = ()
    """Where such objects are in webhooks."""
    event_also: frozenset[str] = frozenset()
    request_id: str = ""
    """The header of its answers that names the request."""
    idempotency_key: str = ""
    """The header of our requests that a repetition is known by."""

    def body(self, content: bytes) -> str:
        """Return what is kept of a request or an answer, JSON or a form; a note where it is neither."""
        return _told(content, _tree(self.fields, self.within, self.also))

    def event(self, content: bytes) -> str:
        """Return what is kept of a webhook."""
        return _told(content, _tree(self.fields, self.event_within, self.event_also))


NOTHING = Kept()
"""Of whoever names no field: that it was asked, and the status."""


def cleaned(text: str) -> str:
    """Return a text without card numbers, keys and mail addresses, and not too much of it."""
    # what no column and no message takes
    looked_at = text[:MOST_LOOKED_AT].replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
    clean = _MAIL.sub(MARK, _CLIENT_SECRET.sub(MARK, redacted(looked_at)))
    return (clean[:-_CUT_OFF] if len(text) > MOST_LOOKED_AT else clean)[:MAX_TEXT]


@cache
def _tree(fields: frozenset[str], within: tuple[str, ...], also: frozenset[str]) -> Tree:
    root: Tree = {}
    for path in (*also, *(f"{place}.{field}" if place else field for place in within for field in fields)):
        node = root
        for name in path.split("."):
            node = node.setdefault(name, {})
        node[_IS_SAID] = True
    return root


def _told(content: bytes, tree: Tree) -> str:
    if not content:
        return ""
    if len(content) > LONGEST:
        return f"{len(content)} bytes"
    try:
        said = json.loads(content) if content.lstrip()[:1] in (b"{", b"[") else _form(content.decode("ascii"))
        found = _pick(said, tree)
    except (ValueError, RecursionError):
        return f"{len(content)} bytes that are not JSON"
    if found is _NOTHING:
        return "{}"
    text = json.dumps(found, separators=(",", ":"))
    return text if len(text) <= MAX_BODY else f"{text[:MAX_BODY]}…"


def _form(text: str) -> Tree:
    """Return a form as the object that its names with brackets stand for; numbers in them are places in a list."""
    root: Tree = {}
    for name, value in parse_qsl(text, strict_parsing=True):
        *above, last = [part for part in _FORM_NAME.findall(name) if not part.isdigit()] or [name]
        node = root
        for part in above:
            inner = node.setdefault(part, {})
            # what is a value in one place and an object in another is no form of a provider's
            node = inner if isinstance(inner, dict) else {}
        node[last] = value
    return root


def _pick(value: Any, tree: Tree) -> Any:
    if isinstance(value, dict):
        return _some({name: _pick(inner, tree[name]) for name, inner in value.items() if name and name in tree})
    if isinstance(value, list):
        picked = [one for one in (_pick(inner, tree) for inner in value[:MAX_ITEMS]) if one is not _NOTHING]
        return picked or _NOTHING
    if value is None or _IS_SAID not in tree:
        return _NOTHING
    return cleaned(value) if isinstance(value, str) else value


def _some(found: Tree) -> Any:
    left = {name: one for name, one in found.items() if one is not _NOTHING}
    return left or _NOTHING


def paths(*names: str, below: Iterable[str] = ()) -> frozenset[str]:
    """Return names as a set, each below every one of `below` where there are some."""
    return frozenset(f"{above}.{name}" for above in below for name in names) if below else frozenset(names)
