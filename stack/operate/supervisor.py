"""Keeps a stack up: what falls is started again, after pauses that grow, for as long as it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from stack.process import StackError
from stack.stack import Stack

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""A component that has run for as long is forgiven its falls before."""


@dataclass
class _Patient:
    """A component that has fallen: how often in a row, and since when (monotonic seconds) it is what it is.

    It waits for its turn until `due`, or is starting since `begun`, or has been healthy since `since`.
    """

    falls: int = 0
    due: float | None = None
    begun: float = 0.0
    since: float | None = None


class Supervisor:
    """Looks after the components of a stack, one `look` at a time; `say` gets a line for each that falls or is back.

    A component is started without waiting for it, so that one that takes long, or cannot start while another is away,
    keeps no other from its turn. One that does not become ready in time has fallen once more. It never gives up: a disk
    that is full or a server that is away may be mended while the rest serves.
    """

    def __init__(self, stack: Stack, say: Callable[[str], None], now: Callable[[], float] = time.monotonic) -> None:
        self._stack = stack
        self._say = say
        self._now = now
        self._patients: dict[str, _Patient] = {}
        self._unsaid = ""

    def look(self) -> None:
        """See who has fallen, start whose pause is over, and say who is back. Returns within moments."""
        fallen = self._stack.fallen()
        for name in fallen:
            patient = self._patients.setdefault(name, _Patient())
            if patient.due is None:
                self._fell(name, patient)
            elif self._now() >= patient.due:
                self._try(name, patient)
        for name, patient in list(self._patients.items()):
            if name not in fallen:
                self._see(name, patient)
        self._catch_up()

    def _fell(self, name: str, patient: _Patient, why: str = "") -> None:
        pause = min(FIRST_PAUSE_SECONDS * 2**patient.falls, LONGEST_PAUSE_SECONDS)
        patient.falls += 1
        patient.due, patient.since = self._now() + pause, None
        again = f"starting it again in {pause:g} s (log: {self._stack.log(name)})"
        self._say(f"{name} {why or 'ended'}; {again}")

    def _try(self, name: str, patient: _Patient) -> None:
        patient.due, patient.begun = None, self._now()
        try:
            self._stack.begin(name)
        except (StackError, OSError) as error:
            self._fell(name, patient, f"cannot start ({error})")

    def _see(self, name: str, patient: _Patient) -> None:
        """Say when one that was started again is healthy, and forget its falls once it has stayed so."""
        if patient.due is not None:
            # somebody else has started it, or ended it
            patient.due, patient.begun = None, self._now()
        if patient.since is not None:
            if self._now() - patient.since > STEADY_SECONDS:
                del self._patients[name]
            return
        try:
            healthy = self._stack.has_started(name)
        except (StackError, OSError):
            # it has ended once more: the next look sees it fallen, unless it is meant to be down
            patient.begun = self._now()
            return
        if healthy:
            patient.since = self._now()
            self._say(f"{name} is back")
        elif self._now() - patient.begun > self._stack.start_seconds:
            self._stack.abandon(name)
            self._fell(name, patient, f"is not ready after {self._stack.start_seconds:g} s")

    def _catch_up(self) -> None:
        """Write the ready file as soon as it can be, and say so once."""
        if self._stack.unsaid:
            self._stack.publish()
        if self._stack.unsaid != self._unsaid:
            self._unsaid = self._stack.unsaid
            self._say(self._unsaid or "the ready file can be written again")
