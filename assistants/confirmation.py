"""Confirmations: what a person was shown, signed, so that nothing else is done in its name, and that once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from mesh.storage.idempotency import RETENTION

LIFETIME_SECONDS = 600
"""For how long a person may think it over."""
REPEATABLE_SECONDS = int((RETENTION - timedelta(hours=1)).total_seconds())
"""For how long a call without an answer may be repeated: the gateway remembers its idempotency key a little longer."""


class ConfirmationError(Exception):
    """A confirmation that does not hold; the words are for the assistant."""


@dataclass(frozen=True)
class Confirmed:
    """A confirmation that holds."""

    token: str
    arguments: Any
    """What was shown, and is carried out."""
    asked: Any
    """What a repetition has to ask for."""
    until: float
    """When it can no longer be repeated (seconds since 1970)."""
    is_repeated: bool = False
    """Whether an earlier attempt had no answer: it may have done what this one is refused."""

    @property
    def nonce(self) -> str:
        """Its identity: the same in every attempt to carry out what was confirmed."""
        return self.token.partition(".")[0]


class Confirmations:
    """Makes and checks confirmations. They hold in this process only, each once."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._key = secrets.token_bytes(32)
        self._clock = clock
        self._used: dict[str, float] = {}
        self._unanswered: dict[str, Confirmed] = {}

    def issue(self, shown: Any) -> tuple[str, float]:
        """Return a confirmation of what is shown, and when it ends (seconds since 1970)."""
        end = int(self._clock()) + LIFETIME_SECONDS
        claim = f"{secrets.token_hex(16)}.{end}"
        return f"{claim}.{self._signature(claim, shown)}", end

    def use(self, token: str, shown: Any, asked: Any, arguments: Any) -> Confirmed:
        """Use a confirmation up. Raises ConfirmationError when it is not of what is shown now, is over, or was used."""
        claim, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(claim, shown).encode()):
            raise ConfirmationError("the confirmation is not of this call, or what it is about has changed since")
        nonce, _, end = claim.partition(".")
        now = self._clock()
        if int(end) <= now:
            raise ConfirmationError("the confirmation is over")
        self._used = {known: until for known, until in self._used.items() if until > now}
        if nonce in self._used:
            raise ConfirmationError("the confirmation was used before")
        self._used[nonce] = int(end)
        return Confirmed(token, arguments, asked, now + REPEATABLE_SECONDS)

    def give_back(self, confirmed: Confirmed) -> None:
        """Let what was confirmed be repeated: it is not known what became of the call, which its nonce makes safe."""
        self._unanswered[confirmed.token] = confirmed

    def repeat(self, token: str, asked: Any) -> Confirmed | None:
        """Take up what was given back, as it was shown then: it may be what has changed its subject since.

        Return None for any other confirmation. Raises ConfirmationError when something else is asked for.
        """
        now = self._clock()
        self._unanswered = {known: one for known, one in self._unanswered.items() if one.until > now}
        confirmed = self._unanswered.get(token)
        if confirmed is None:
            return None
        if confirmed.asked != asked:
            raise ConfirmationError("the confirmation is not of this call")
        del self._unanswered[token]
        return replace(confirmed, is_repeated=True)

    def _signature(self, claim: str, shown: Any) -> str:
        text = f"{claim}\n{json.dumps(shown, sort_keys=True, ensure_ascii=True)}"
        digest = hmac.new(self._key, text.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
