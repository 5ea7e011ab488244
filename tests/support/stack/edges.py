"""Further replicas: of the front door with settings of its own, and of services for Envoy to know."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import psutil

from envoy_config.options import EnvoyOptions
from envoy_config.render import configuration
from envoy_config.tls import PEERS
from mesh.contract.descriptors import DESCRIPTORS
from mesh.rpc.dial import tls_of
from stack.envoy import render_envoy
from stack.layout import StackLayout
from stack.ports import HOST, Ports
from stack.probes import grpc_serving, http_ok
from stack.process import Child, Command
from stack.servers import outside_env
from stack.stack import Ready
from tests.support.forks import service_command
from tests.support.waiting import eventually


class Edges:
    """Starts replicas, and ends them with the test."""

    def __init__(self, stack: Ready, folder: Path, undo: ExitStack) -> None:
        self._stack = stack
        self._folder = folder
        self._undo = undo
        self._ports = undo.enter_context(Ports())

    def service(self, **settings: str) -> tuple[str, str]:
        """Run the edge service, with the shared one's settings but for the named; return its address and metrics'."""
        address, metrics = (f"{HOST}:{self._ports.take()}" for _ in range(2))
        shared = psutil.Process(self._stack.pids["edge"])
        env = shared.environ() | {"FUSIONXPAY_LISTEN": address, "FUSIONXPAY_METRICS_LISTEN": metrics} | settings
        tls = tls_of(self._stack.operator_tls)
        self._run("edge", service_command("edge", env), lambda: grpc_serving(address, "edge", tls))
        return address, f"http://{metrics}/metrics"

    def envoy(self, edge: str = "", **fields: object) -> str:
        """Run an Envoy, which asks the edge service at the address, or the shared one; return its URL."""
        port, admin_port = self._ports.take(), self._ports.take()
        return self._envoy(edge, port, admin_port, https_listen="", **fields)

    def console(self, **settings: str) -> Ready:
        """Run a console behind an Envoy of its own, with the shared one's settings but for the named.

        Return the stack as it is with that console; its users and sessions are the shared one's.
        """
        address, metrics = (f"{HOST}:{self._ports.take()}" for _ in range(2))
        url = self.envoy(console=address)
        shared = psutil.Process(self._stack.pids["console"])
        own = {"LISTEN": address, "METRICS_LISTEN": metrics, "PUBLIC_URL": url} | settings
        env = shared.environ() | {f"FUSIONXPAY_{name}": value for name, value in own.items()}
        self._run("console", service_command("console", env), lambda: http_ok(f"http://{metrics}/readyz"))
        return replace(self._stack, edge_url=url, console=self._stack.console | {"url": f"{url}/console"})

    def redirecting_envoy(self, **fields: object) -> tuple[str, str]:
        """Run an Envoy whose HTTP leads to its HTTPS, as in production; return the URLs of both."""
        port, admin_port, https = (self._ports.take() for _ in range(3))
        plain = self._envoy(
            "", port, admin_port, https_listen=f"{HOST}:{https}", http="redirect", public_https_port=https, **fields
        )
        return plain, f"https://{HOST}:{https}"

    def _envoy(self, edge: str, port: int, admin_port: int, **fields: object) -> str:
        services = {
            upstream: self._stack.services[name] for upstream, name in PEERS.items() if name in self._stack.services
        }
        gateway = EnvoyOptions(
            listen=f"{HOST}:{port}",
            admin_port=admin_port,
            metrics_listen="",
            sds_folder=str(Path(self._stack.ca_file).parents[1] / "envoy"),
            audit_file=str(self._folder / f"audit-{port}.jsonl"),
            descriptors=str(DESCRIPTORS),
            upstreams=services | ({"edge": edge} if edge else {}),
            **fields,  # type: ignore[arg-type]  # the test knows them
        )
        config = self._folder / f"envoy-{port}.json"
        config.write_text(json.dumps(configuration(gateway)))
        program = Path(sys.executable).with_name("envoy")
        argv: list[str | Path] = [program, "-c", config, "--concurrency", "1", "--disable-hot-restart"]
        command = Command(argv, outside_env(), self._folder)
        self._run(f"envoy-{port}", command, lambda: http_ok(f"http://{HOST}:{admin_port}/ready"))
        return f"http://{HOST}:{port}"

    def _run(self, name: str, command: Command, ready: Callable[[], bool]) -> None:
        child = Child(name, command, self._folder / f"{name}.log", ready=lambda: True)
        child.start()
        self._undo.callback(child.kill)
        eventually(ready, f"{name} to be ready")


@contextmanager
def edges_of(stack: Ready, folder: Path) -> Iterator[Edges]:
    """Lend what starts replicas for the block."""
    with ExitStack() as undo:
        yield Edges(stack, folder, undo)


def stat_of(folder: Path, name: str) -> int:
    """Return what the one Envoy of a folder has counted under a name."""
    return int(stats_of(folder, name).rpartition(":")[2])


def stats_of(folder: Path, name: str) -> str:
    """Return what it says under a name, of a histogram the quantiles."""
    (config,) = folder.glob("envoy-*.json")
    admin = json.loads(config.read_text())["admin"]["address"]["socket_address"]
    url = f"http://{admin['address']}:{admin['port_value']}/stats"
    return httpx.get(url, params={"filter": f"^{name}$"}).text


def with_addresses(site: StackLayout, further: Mapping[str, str]) -> Path:
    """Render Envoy's configuration with a further address of each of these clusters, and return the file."""
    path = render_envoy(site)
    config = json.loads(path.read_text())
    clusters = {cluster["name"]: cluster for cluster in config["static_resources"]["clusters"]}
    for cluster, listen in further.items():
        host, _, port = listen.rpartition(":")
        address = {"socket_address": {"address": host, "port_value": int(port)}}
        endpoints = clusters[cluster]["load_assignment"]["endpoints"][0]["lb_endpoints"]
        endpoints.append({"endpoint": {"address": address}})
    path.write_text(json.dumps(config))
    return path
