"""Containers by crun, each as compose and the chart have it: uid 65532, no rights, only volumes to write to."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

UID = 65532
CAPABILITIES = ("bounding", "effective", "inheritable", "permitted", "ambient")
NAMESPACES = ("pid", "mount", "ipc", "uts")


@dataclass(frozen=True)
class Mount:
    """A folder or file of ours in a container, or where it has no source an empty one in memory."""

    target: str
    source: Path | None = None
    writable: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as the runtime specification has it."""
        if self.source is None:
            options = ["nosuid", "nodev", "mode=0755", f"uid={UID}", f"gid={UID}"]
            return {"destination": self.target, "type": "tmpfs", "source": "tmpfs", "options": options}
        options = ["rbind", "rw" if self.writable else "ro"]
        return {"destination": self.target, "type": "bind", "source": str(self.source), "options": options}


@dataclass(frozen=True)
class Image:
    """An image whose files are mounted."""

    root: Path
    env: Mapping[str, str]
    folder: str
    user: str


@dataclass(frozen=True)
class Process:
    """What runs in a container."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    mounts: Sequence[Mount] = ()


class Container:
    """A container that runs."""

    def __init__(self, runtime: Sequence[str], name: str, log: Path, process: subprocess.Popen[bytes]) -> None:
        self._runtime = runtime
        self._process = process
        self.name = name
        self.log = log
        self.began = time.monotonic()

    def executes(self, argv: Sequence[str]) -> bool:
        """Tell whether a command in the container, as its user, ends well."""
        return subprocess.run([*self._runtime, "exec", self.name, *argv], capture_output=True).returncode == 0

    @property
    def status(self) -> int | None:
        """What it ended with; None while it runs."""
        return self._process.poll()

    def stop(self, seconds: float) -> int:
        """Ask it to end, and return its status; -9 where it had to be killed."""
        if self._process.poll() is None:
            subprocess.run([*self._runtime, "kill", self.name, "TERM"], capture_output=True)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            subprocess.run([*self._runtime, "delete", "--force", self.name], capture_output=True)
            self._process.wait()
            return -signal.SIGKILL


class Runtime:
    """Where containers run; their bundles and logs are in a folder."""

    def __init__(self, folder: Path, hosts: Mapping[str, str]) -> None:
        self._folder = folder
        self._command = ["crun", "--root", str(folder / "crun"), "--cgroup-manager=disabled"]
        self._hosts = folder / "hosts"
        self._hosts.write_text("".join(f"{address} {name}\n" for name, address in hosts.items()))

    def start(self, image: Image, process: Process) -> Container:
        """Run a process of an image."""
        log = self._folder / f"{process.name}.log"
        with log.open("ab") as output:
            return Container(self._command, process.name, log, self._run(image, process, output, output))

    def run(self, image: Image, process: Process) -> str:
        """Run a process to its end, and return what it printed.

        Raises:
            AssertionError: it failed; the message has what it said.
        """
        running = self._run(image, process, subprocess.PIPE, subprocess.PIPE)
        output, errors = running.communicate()
        assert running.returncode == 0, f"{process.name}: {(output + errors).decode(errors='replace')[-3000:]}"
        return output.decode()

    def _run(
        self, image: Image, process: Process, output: IO[bytes] | int, errors: IO[bytes] | int
    ) -> subprocess.Popen[bytes]:
        bundle = self._folder / "bundles" / process.name
        bundle.mkdir(parents=True, exist_ok=True)
        config = _config(image, process, [Mount("/etc/hosts", self._hosts), *process.mounts])
        (bundle / "config.json").write_text(json.dumps(config))
        argv = [*self._command, "run", "--bundle", str(bundle), process.name]
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)


def _config(image: Image, process: Process, mounts: Sequence[Mount]) -> dict[str, Any]:
    """Return the configuration of a bundle: https://github.com/opencontainers/runtime-spec/blob/main/config.md."""
    uid, _, gid = image.user.partition(":")
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": int(uid), "gid": int(gid)},
            "args": [*process.argv],
            "env": [f"{name}={value}" for name, value in {**image.env, **process.env}.items()],
            "cwd": image.folder,
            "capabilities": {kind: [] for kind in CAPABILITIES},
            "noNewPrivileges": True,
        },
        "root": {"path": str(image.root), "readonly": True},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            _memory("/dev", "mode=755", "size=65536k"),
            _memory("/dev/shm", "noexec", "nodev", "mode=1777", "size=65536k"),
            *(mount.as_json() for mount in mounts),
        ],
        "linux": {"namespaces": [{"type": one} for one in NAMESPACES]},
    }


def _memory(target: str, *options: str) -> dict[str, Any]:
    return {"destination": target, "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", *options]}
