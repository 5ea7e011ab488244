"""A stack that is broken and healed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psutil

from stack.layout import COMPONENTS, StackLayout
from stack.ports import HOST
from stack.process import Child, Command
from stack.settings import StackSettings
from stack.stack import Ready, Stack
from tests.support.net.holding import HoldingProxy, holding
from tests.support.paths import ROOT
from tests.support.stack.edges import with_addresses
from tests.support.waiting import eventually

LISTS = ("/v1/orders", "/v1/payments", "/v1/webhook_endpoints")
"""One of each service's, so that each has found out which of its connections have ended."""


class ChaosStack:
    """A stack, and a second replica of the order service that Envoy knows of, for when one is not enough."""

    def __init__(self, settings: StackSettings, replica_port: int) -> None:
        self._replica_address = f"{HOST}:{replica_port}"
        self.stack = Stack(settings, envoy_config=self._with_replica)

    @property
    def ready(self) -> Ready:
        """Addresses and pids as of now."""
        return self.stack.ready

    def heal(self) -> None:
        """Start what is down, and wait until the gateway answers again; what went down by itself is an error."""
        fallen = self.stack.fallen()
        for name in set(COMPONENTS) - set(self.ready.pids):
            self.stack.start(name)
        eventually(self._answers, "answers of all services")
        assert not fallen, f"ended by themselves: {', '.join(fallen)}"

    def _answers(self) -> bool:
        key = {"authorization": f"Bearer {self.ready.merchant.api_key}"}
        with httpx.Client(base_url=self.ready.edge_url, headers=key, timeout=30) as client:
            return all(client.get(path).is_success for path in LISTS)

    @contextmanager
    def second_order_service(self) -> Iterator[Child]:
        """Run the second replica: the same program with the same settings, at another address."""
        env = psutil.Process(self.ready.pids["order_svc"]).environ() | {
            "FUSIONXPAY_LISTEN": self._replica_address,
            "FUSIONXPAY_METRICS_LISTEN": f"{HOST}:0",
        }
        argv = psutil.Process(self.ready.pids["order_svc"]).cmdline()
        log = Path(self.ready.log_dir) / "order_svc.2.log"
        replica = Child("order_svc.2", Command(argv, env, ROOT), log, ready=lambda: True)
        replica.start()
        try:
            yield replica
        finally:
            replica.stop(grace=20)

    @contextmanager
    def standing_in(self, name: str, **settings: str) -> Iterator[Child]:
        """Run a service with other settings, in place of the one that is there; it need not become ready."""
        process = psutil.Process(self.ready.pids[name])
        argv, env = process.cmdline(), process.environ()
        env["FUSIONXPAY_LISTEN"] = self.ready.services[name]
        env |= {f"FUSIONXPAY_{setting}": value for setting, value in settings.items()}
        self.stack.stop(name)
        log = Path(self.ready.log_dir) / f"{name}.stand-in.log"
        child = Child(f"{name}.stand-in", Command(argv, env, ROOT), log, ready=lambda: True)
        try:
            child.start()
            yield child
        finally:
            child.stop(grace=20)
            self.stack.start(name)

    @contextmanager
    def silenced(self, names: Sequence[str]) -> Iterator[HoldingProxy]:
        """Run services behind a proxy before their databases, in place of those that are there."""
        with ExitStack() as undo:
            proxy = undo.enter_context(holding(next(iter(self.ready.database_urls.values()))))
            for name in names:
                url = psutil.Process(self.ready.pids[name]).environ()["FUSIONXPAY_DATABASE_URL"]
                undo.enter_context(self.standing_in(name, DATABASE_URL=proxy.instead_of(url)))
            yield proxy

    def _with_replica(self, site: StackLayout) -> Path:
        """Render Envoy's configuration, and add the replica to the order service's addresses."""
        return with_addresses(site, {"order": self._replica_address})
