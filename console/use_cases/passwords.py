"""Passwords, as argon2id keeps them."""

from __future__ import annotations

import asyncio
import ctypes
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from console.domain import AccountError
from console.use_cases.shares import Shares

MIN_PASSWORD = 12
MAX_WAITING = 60
"""Who comes when so many wait already is told to come again: each takes a core for some 60 ms."""
MAX_OF_NETWORK = (5, 10, 20)
"""How many of them are at one address, and in a network around it: who has but one keeps nobody else out."""
MAX_OF_PERSON = 2
"""How often somebody who is logged in, or has a link, waits at once."""

_M_MMAP_THRESHOLD, _MAPPED_FROM = -3, 4 << 20
"""mallopt(3). By itself glibc keeps for the next time what was large once: 19 MiB, in each thread that has hashed."""


class Passwords:
    """Makes and checks hashes, one at a time."""

    def __init__(self) -> None:
        with suppress(OSError, AttributeError):  # another C library than glibc
            ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _MAPPED_FROM)
        # OWASP Password Storage Cheat Sheet: 19 MiB, two passes
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        # what an unknown address is held against, so that its answer takes as long
        self._nobody = self._hasher.hash(secrets.token_urlsafe())
        # one at a time: each takes a core and 19 MiB
        self._turn = asyncio.Semaphore(1)
        self._strangers = Shares(MAX_OF_NETWORK, MAX_WAITING)
        self._people = Shares([MAX_OF_PERSON], sys.maxsize)

    def place(self, networks: Sequence[str]) -> AbstractContextManager[None]:
        """Take a place among those who wait, for a stranger in these networks. Raises AccountError: there is none."""
        return _taken(self._strangers, networks, "password")

    def place_of(self, person: str, field: str) -> AbstractContextManager[None]:
        """Take a place for somebody who is known, by an id or a link, which strangers take none of.

        Raises AccountError, of `field`.
        """
        return _taken(self._people, [person], field)

    async def hash(self, password: str) -> str:
        """Return what is kept of a password. Raises AccountError for one that is short."""
        if len(password) < MIN_PASSWORD:
            raise AccountError("password", f"A password has at least {MIN_PASSWORD} characters.")
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Return whether a password is right; without a hash it is not, and takes as long. Who asks has a place."""
        try:
            async with self._turn:
                return await asyncio.to_thread(self._hasher.verify, hashed or self._nobody, password)
        except (Argon2Error, InvalidHashError):
            return False


@contextmanager
def _taken(shares: Shares, names: Sequence[str], field: str) -> Iterator[None]:
    if not shares.take(names):
        raise AccountError(field, "Too many people log in at this moment. Try again.")
    try:
        yield
    finally:
        shares.give_back(names)
