"""A stream of Server-Sent Events is read by the standard, wherever its bytes are cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusionxpay_client.sse import EventSource, Message

# what `str.splitlines` takes for the end of a line, and the standard does not
NO_LINE_ENDS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
STREAM = f": hello\nretry: 250\nid: 1\n\nevent: a\nid: 2\ndata: x{NO_LINE_ENDS}y\ndata:  z\n\ndata: cut\nid: 3"
EVENT = Message("a", "2", f"x{NO_LINE_ENDS}y\n z")


def read(source: EventSource, pieces: Sequence[bytes]) -> Iterator[Message]:
    source.restart()
    for piece in pieces:
        yield from source.feed(piece)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@given(cuts=st.lists(st.integers(0, 130), max_size=8).map(sorted))
def test_events_are_whole_wherever_their_bytes_are_cut(end: str, cuts: list[int]) -> None:
    stream = STREAM.replace("\n", end).encode()
    pieces = [stream[begin:stop] for begin, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    source = EventSource("0")
    assert list(read(source, pieces)) == [EVENT]
    assert (source.last_event_id, source.retry_seconds) == ("2", 0.25)


def test_what_is_cut_off_comes_again() -> None:
    source = EventSource("0")
    assert list(read(source, [b"id: 1\ndata: a\n\nid: 2\nevent: b\ndata: cut"])) == [Message("message", "1", "a")]
    assert source.last_event_id == "1"
    assert list(read(source, [b"data: z\n\n"])) == [Message("message", "1", "z")]


def test_event_is_there_with_the_byte_that_ends_it() -> None:
    source = EventSource()
    assert list(source.feed(b"data: a\r\r")) == [Message("message", "", "a")]
    assert list(source.feed(b"\ndata: b\r\n\r")) == [Message("message", "", "b")]


@pytest.mark.parametrize(
    ("stream", "wanted"),
    [
        (b"\xef\xbb\xbfdata: a\n\n", [Message("message", "", "a")]),
        (b"data\n\n", [Message("message", "", "")]),
        (b"id: 1\n\nid: 2\0\ndata: a\n\n", [Message("message", "1", "a")]),
        (b"retry: soon\nretry: -1\nother: x\ndata: a\n\n", [Message("message", "", "a")]),
        (b"event: a\n\ndata: b\n\n", [Message("message", "", "b")]),
        (b"data: \xff\n\n", [Message("message", "", "\ufffd")]),
    ],
    ids=["byte order mark", "field without value", "id with NUL", "unknown", "event without data", "no UTF-8"],
)
def test_standard_is_kept(stream: bytes, wanted: list[Message]) -> None:
    source = EventSource()
    assert list(source.feed(stream)) == wanted
    assert source.retry_seconds == 1.0
