"""What strangers share by where they come from: who has one address takes nothing from all others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


class Shares:
    """How many places the networks have that somebody is in; each may have so many, and all together."""

    def __init__(self, of_each: Sequence[int], most: int) -> None:
        """Take how many one network has, the narrowest first, and how many there are."""
        self._of_each = of_each
        self._most = most
        self._taken: Counter[str] = Counter()
        self._all = 0

    def take(self, networks: Sequence[str]) -> bool:
        """Take a place for who is in these networks, the narrowest first; return False when there is none."""
        limits = zip(networks, self._of_each, strict=False)
        if self._all >= self._most or any(self._taken[one] >= most for one, most in limits):
            return False
        self._taken.update(networks)
        self._all += 1
        return True

    def give_back(self, networks: Sequence[str]) -> None:
        """Give a place back."""
        self._taken.subtract(networks)
        for one in networks:
            if not self._taken[one]:
                del self._taken[one]
        self._all -= 1
