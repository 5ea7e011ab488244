"""`expand[]`: ids replaced by the objects they name."""

import copy
from typing import Any

from sandbox.store.documents import JSON
from sandbox.stripe.account import Account
from sandbox.stripe.errors import StripeError, invalid

_MAX_DEPTH = 4


def expand(account: Account, body: JSON, paths: list[str]) -> JSON:
    """A copy of `body` with every dotted path expanded."""
    if not paths:
        return body
    expanded = copy.deepcopy(body)
    for path in paths:
        segments = path.split(".")
        if len(segments) > _MAX_DEPTH:
            raise invalid("You can only expand up to 4 levels deep.", "expand")
        _walk(account, expanded, segments, path)
    return expanded


def _walk(account: Account, node: Any, segments: list[str], path: str) -> None:
    if isinstance(node, list):
        for item in node:
            _walk(account, item, segments, path)
        return
    if node is None or not segments:
        return
    name, *rest = segments
    if not isinstance(node, dict) or name not in node:
        raise _not_expandable(path)
    value = node[name]
    if isinstance(value, str):
        document = account.world.documents.get(value)
        if document is None:
            raise _not_expandable(path)
        node[name] = copy.deepcopy(document.body)
    elif not (value is None or isinstance(value, dict | list)):
        raise _not_expandable(path)
    _walk(account, node[name], rest, path)


def _not_expandable(path: str) -> StripeError:
    return invalid(f"This property cannot be expanded ({path}).", "expand")
