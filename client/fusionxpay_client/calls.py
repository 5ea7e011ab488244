"""What the surface says of an RPC, for the transport that calls it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message

AnswerT = TypeVar("AnswerT", bound=Message)
ItemT = TypeVar("ItemT", bound=Message)


@dataclass(frozen=True)
class Call(Generic[AnswerT]):
    """An RPC with one answer; one that `writes` goes under an idempotency key."""

    path: str
    answer: type[AnswerT]
    writes: bool


@dataclass(frozen=True)
class Listing(Generic[ItemT]):
    """An RPC that lists: the answer's `field` has the items, and `next_page_token`, if there is one, leads on."""

    path: str
    answer: type[Message]
    field: str
    item: type[ItemT]


@dataclass(frozen=True)
class Stream:
    """An RPC that streams events as Server-Sent Events, and goes on after the request's `last_event_id`."""

    path: str


@dataclass(frozen=True)
class Export:
    """An RPC that answers with a file, piece by piece."""

    path: str
