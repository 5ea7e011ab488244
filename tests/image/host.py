"""What this machine needs to run containers of its own, and the room that they get: no network but the loopback."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys

PROGRAMS = ("buildah", "crun", "unshare", "docker-compose")
INSIDE = "FUSIONXPAY_IMAGE_CHECK_INSIDE"
SIOCSIFFLAGS = 0x8914
IFF_UP_RUNNING = 0x41


def path() -> str:
    """Return where programs are looked for: also among what `make install` brings."""
    return os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)])


def missing(*images: str) -> list[str]:
    """Name what is not here: programs, rights and images."""
    lacking = [name for name in PROGRAMS if shutil.which(name, path=path()) is None]
    if os.geteuid() != 0:
        lacking.append("root, which makes containers of another user")
    if "buildah" not in lacking:
        lacking += [f"image {image}" for image in images if not _has(image)]
    return lacking


def _has(image: str) -> bool:
    return subprocess.run(["buildah", "inspect", "--type", "image", image], capture_output=True).returncode == 0


def isolate() -> None:
    """Go on in namespaces of our own, where nothing is reached but ourselves, and all that we mount goes with us."""
    if os.environ.get(INSIDE) != "1":
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, "-m", "tests.image", *sys.argv[1:]])
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP_RUNNING))
    # crun refuses a machine that has both versions of cgroups; ours are not used
    subprocess.run(["mount", "-t", "cgroup2", "none", "/sys/fs/cgroup"], check=True)
