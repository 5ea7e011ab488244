"""Rolling update of a stack that runs: each process is replaced by one that runs the code as it is now.

First the databases are migrated, which only expands them, so that the version before goes on. Then one replica after
the other drains, ends and is started again, while its siblings serve. Envoy hands its sockets over to its successor.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from stack.envoy import UPSTREAMS
from stack.layout import REPLICATED
from stack.probes import healthy_replicas
from stack.process import StackError
from stack.settings import StackSettings
from stack.stack import Stack

ROLLED = ("notify_svc", *(name for name in REPLICATED if name != "notify_svc"), "envoy")
"""What can be rolled, in the order in which it is; the rest keeps state, and is of one.

Who takes all others' events comes first, so that it knows a new type before anybody publishes one.
"""
SETTLE_SECONDS = 2.0
"""How long a replica serves before the next one ends: clients have connected to it by then."""
TURN_SECONDS = 0.1
"""How long it waits between two looks."""
_CLUSTERS = {service: cluster for cluster, service in UPSTREAMS.items()} | {"console": "console"}


class Roller:
    """Replaces the processes of a stack. While it waits it calls `tick`, so that whatever falls is looked after."""

    def __init__(
        self, stack: Stack, settings: StackSettings, say: Callable[[str], None], tick: Callable[[], None]
    ) -> None:
        self._stack = stack
        self._settings = settings
        self._say = say
        self._tick = tick

    def roll(self, wanted: Sequence[str] = ()) -> None:
        """Replace the named services, or all.

        Raises:
            StackError: one is unknown or has no second replica, before anything is changed; or one does not come back.
        """
        names = [name for name in ROLLED if name in wanted or not wanted]
        self._check(wanted, names)
        self._say("migrating the databases")
        job = self._stack.migrate()
        self._wait(job.poll_ready, "migration")
        for name in names:
            if name == "envoy":
                self._envoy()
            else:
                self._service(name)

    def _check(self, wanted: Sequence[str], names: Sequence[str]) -> None:
        if unknown := sorted(set(wanted) - set(ROLLED)):
            raise StackError(f"no such service: {', '.join(unknown)}; there are {', '.join(ROLLED)}")
        alone = [name for name in names if name in _CLUSTERS and len(self._stack.replicas(name)) == 1]
        if alone:
            raise StackError(f"{', '.join(alone)} would be away: start the stack with --replicas 2")

    def _service(self, name: str) -> None:
        replicas = self._stack.replicas(name)
        for replica in replicas:
            # a sibling may have fallen at any time: whoever ends the last one that serves ends the service
            if not self._all_serve(name):
                self._say(f"waiting until every replica of {name} is healthy")
                self._wait(partial(self._all_serve, name), f"{name} behind Envoy")
            self._say(f"replacing {replica}")
            self._end(replica)
            self._stack.begin(replica)
            self._wait(partial(self._stack.has_started, replica), replica)
            self._wait(partial(self._all_serve, name), f"{name} behind Envoy")
            if name in _CLUSTERS:
                self._pause(SETTLE_SECONDS)

    def _end(self, replica: str) -> None:
        self._stack.terminate(replica)
        deadline = time.monotonic() + self._settings.grace_seconds
        while replica in self._stack.ready.pids:
            if time.monotonic() > deadline:
                self._stack.kill(replica)
            self._turn()

    def _envoy(self) -> None:
        self._say("replacing envoy")
        heir = self._stack.begin_heir()
        try:
            self._wait(heir.poll_ready, "the next Envoy")
        except BaseException:
            self._stack.disown(heir)
            raise
        before = self._stack.inherit(heir)
        self._wait(lambda: before.pid is None, "the end of the Envoy before")

    def _all_serve(self, name: str) -> bool:
        """Whether all replicas of a service are healthy, and Envoy sends requests to them; one that gets none is."""
        if name not in _CLUSTERS:
            return True
        replicas = self._stack.replicas(name)
        healthy = healthy_replicas(self._stack.ready.envoy_admin, _CLUSTERS[name])
        # Envoy finds out late who has fallen
        return healthy == len(replicas) and all(map(self._stack.serves, replicas))

    def _wait(self, until: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + self._settings.start_seconds
        while not until():
            if time.monotonic() > deadline:
                raise StackError(f"{what}: not done after {self._settings.start_seconds:g} s")
            self._turn()

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._turn()

    def _turn(self) -> None:
        self._tick()
        time.sleep(TURN_SECONDS)
