"""Confirmations: what a person was shown, signed, so that nothing else is done in its name, and that once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LIFETIME_SECONDS = 600
"""For how long a person may think it over."""


class ConfirmationError(Exception):
    """A confirmation that does not hold; the words are for the assistant."""


@dataclass(frozen=True)
class Confirmed:
    """A confirmation that holds."""

    nonce: str
    """Its identity: the same in every attempt to carry out what was confirmed."""


class Confirmations:
    """Makes and checks confirmations. They hold in this process only, each once."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._key = secrets.token_bytes(32)
        self._clock = clock
        self._used: dict[str, float] = {}

    def issue(self, shown: Any) -> tuple[str, float]:
        """Return a confirmation of what is shown, and when it ends (seconds since 1970)."""
        end = int(self._clock()) + LIFETIME_SECONDS
        claim = f"{secrets.token_hex(16)}.{end}"
        return f"{claim}.{self._signature(claim, shown)}", end

    def use(self, token: str, shown: Any) -> Confirmed:
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
        return Confirmed(nonce)

    def give_back(self, confirmed: Confirmed) -> None:
        """Let a confirmation be used again: it is not known what became of the call, which its nonce makes safe."""
        self._used.pop(confirmed.nonce, None)

    def _signature(self, claim: str, shown: Any) -> str:
        text = f"{claim}\n{json.dumps(shown, sort_keys=True, ensure_ascii=True)}"
        digest = hmac.new(self._key, text.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
