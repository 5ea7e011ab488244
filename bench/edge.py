"""What the edge costs the order rate: authentication, limits and audit, turned on one by one."""

from __future__ import annotations

import copy
import statistics
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import uvloop
import yaml
from rich.console import Console
from rich.table import Table

from bench.load import create_orders
from stack.ports import HOST, Ports
from stack.probes import http_ok
from stack.process import Child, Command
from stack.servers import outside_env
from stack.stack import Ready

Config = dict[str, Any]
ROUNDS = 3
AUTHENTICATION, LIMITS = "ext_authz", ("rate_limit", "limit")


@dataclass(frozen=True)
class Step:
    """How much of the edge is on, and the order rates that were measured."""

    name: str
    rates: tuple[float, ...]

    @property
    def rate(self) -> float:
        """The median."""
        return statistics.median(self.rates)


def cost(ready: Ready, connections: int, seconds: float) -> list[Step]:
    """Measure orders at edges that do more and more, turn about."""
    whole = _running_config(ready)
    edges = {
        "nothing: the merchant is taken on trust": _without(whole, auth=False, limits=False, audit=False),
        "authentication": _without(whole, auth=True, limits=False, audit=False),
        "authentication, limits": _without(whole, auth=True, limits=True, audit=False),
        "authentication, limits, audit": whole,
    }
    with ExitStack() as undo:
        addresses = {name: undo.enter_context(_envoy(config)) for name, config in edges.items()}
        rates: dict[str, list[float]] = {name: [] for name in edges}
        for _ in range(ROUNDS):
            for name, address in addresses.items():
                at_edge = replace(ready, edge_grpc=address)
                made = uvloop.run(create_orders(at_edge, connections, seconds))
                if made.errors:
                    raise RuntimeError(f"orders failed at the edge: {made.errors}")
                rates[name].append(made.rate)
    return [Step(name, tuple(found)) for name, found in rates.items()]


def report(console: Console, steps: Sequence[Step]) -> None:
    """Print what each step leaves of the rate."""
    table = Table("the edge does", "orders/s", "of nothing", title="What the edge costs")
    for step in steps:
        table.add_row(step.name, f"{step.rate:.0f}", f"{step.rate / steps[0].rate:.0%}")
    console.print(table)


def _running_config(ready: Ready) -> Config:
    argv = psutil.Process(ready.pids["envoy"]).cmdline()
    config: Config = yaml.safe_load(Path(argv[argv.index("-c") + 1]).read_text())
    return config


def _manager(config: Config) -> Config:
    chain = config["static_resources"]["listeners"][0]["filter_chains"][0]
    manager: Config = chain["filters"][0]["typed_config"]
    return manager


def _without(whole: Config, *, auth: bool, limits: bool, audit: bool) -> Config:
    """Return the configuration without some of what it does; the merchant is then said by the configuration itself."""
    config = copy.deepcopy(whole)
    manager = _manager(config)

    def keep(name: str) -> bool:
        return (auth or name != AUTHENTICATION) and (limits or not name.startswith(LIMITS))

    manager["http_filters"] = [one for one in manager["http_filters"] if keep(one["name"])]
    for host in manager["route_config"]["virtual_hosts"]:
        for route in host["routes"]:
            settings = route.get("typed_per_filter_config", {})
            route["typed_per_filter_config"] = {name: value for name, value in settings.items() if keep(name)}
        if not auth:
            trusted = {"x-merchant-id": str(uuid.uuid4()), "x-merchant-mode": "test", "x-merchant-scopes": "*"}
            host["request_headers_to_add"] = [
                {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
                for key, value in trusted.items()
            ]
    if not audit:
        manager["access_log"] = [log for log in manager["access_log"] if "stream" in log["typed_config"]["@type"]]
    return config


@contextmanager
def _envoy(config: Config) -> Iterator[str]:
    """Run an Envoy with the configuration at other ports, and yield its address."""
    with ExitStack() as undo:
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="fusionxpay-bench-")))
        ports = undo.enter_context(Ports())
        port, admin = ports.take(), ports.take()
        config["static_resources"]["listeners"] = config["static_resources"]["listeners"][:1]
        config["static_resources"]["listeners"][0]["address"] = _socket(port)
        config["admin"]["address"] = _socket(admin)
        path = folder / "envoy.yaml"
        path.write_text(yaml.safe_dump(config))
        argv: list[str | Path] = [Path(sys.executable).with_name("envoy"), "-c", path, "--disable-hot-restart"]
        health = f"http://{HOST}:{admin}/ready"
        child = Child("envoy", Command(argv, outside_env(), folder), folder / "log", ready=lambda: http_ok(health))
        child.start()
        undo.callback(child.kill)
        child.wait_ready(30)
        yield f"{HOST}:{port}"


def _socket(port: int) -> Config:
    return {"socket_address": {"address": HOST, "port_value": port}}
