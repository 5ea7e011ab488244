"""What an assistant is given of an answer."""

from __future__ import annotations

import unicodedata
from types import SimpleNamespace

import mcp_types as types
import pytest

from assistants import server


def test_of_a_long_answer_only_what_is_shown_is_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def category(character: str) -> str:
        seen.append(character)
        return unicodedata.category(character)

    monkeypatch.setattr(server, "unicodedata", SimpleNamespace(category=category))
    # each hidden character is six that are seen
    for filling, kept in (("x", "x"), ("\u200b", "\\u200b")):
        seen.clear()
        (content,) = server._result({"a": filling * 5 * server.MAX_RESULT}).content
        assert isinstance(content, types.TextContent)
        shown, cut, _ = content.text.partition("… (cut off")
        assert cut
        assert len(shown) == server.MAX_RESULT
        assert shown.startswith('{"a":"' + kept * 3)
        assert len(seen) == server.MAX_RESULT
