"""A message of the stream that notes what it is answered."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace


class Noted:
    """What a consumer asks of a message, and what it has said to it. Nothing comes of that."""

    def __init__(self, sequence: int, tries: int, stored: datetime) -> None:
        place = SimpleNamespace(stream=sequence)
        self.metadata = SimpleNamespace(sequence=place, num_delivered=tries, timestamp=stored)
        self.said: list[object] = []

    @property
    def is_acked(self) -> bool:
        """Whether the stream knows what became of it."""
        return bool(self.said)

    async def ack(self) -> None:
        """Note it."""
        self.said.append("ack")

    async def nak(self, delay: float) -> None:
        """Note it, by its delay."""
        self.said.append(delay)

    async def term(self) -> None:
        """Note it."""
        self.said.append("term")
