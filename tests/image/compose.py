"""`docker-compose.yml` as `docker-compose` itself reads it: what each process of ours is given."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet

from tests.image.containers import Image, Mount, Process
from tests.image.host import path
from tests.support.paths import ROOT

SECRETS = ("", "IDENTITY_", "ACCOUNT_", "CONSOLE_")
GRPC_PORT = 50051
HTTP_PORT = 9464


@dataclass(frozen=True)
class Servers:
    """Where the servers are that are not ours."""

    postgres_url: str
    nats_port: int
    redis_url: str

    def moved(self, value: str) -> str:
        """Return a setting with the ports that these servers have here; their names stay."""
        return value.replace("nats:4222", f"nats:{self.nats_port}").replace(
            "valkey:6379", f"valkey:{urlsplit(self.redis_url).port}"
        )


@dataclass
class Compose:
    """The file, and the folders that are its volumes here."""

    services: Mapping[str, Any]
    configs: Mapping[str, Any]
    folder: Path
    servers: Servers
    volumes: dict[str, Path] = field(default_factory=dict)

    @property
    def addresses(self) -> dict[str, str]:
        """Each name's address: all have one loopback, so those that listen at the same port need different ones."""
        outside = dict.fromkeys(("postgres", "nats", "valkey"), "127.0.0.1")
        ours = [name for name in self.services if name not in outside]
        return outside | {name: f"127.0.7.{number}" for number, name in enumerate(ours, 1)}

    def at(self, name: str, port: int = GRPC_PORT) -> str:
        """Return the address and port of a process."""
        return f"{self.addresses[name]}:{port}"

    def process(self, name: str, image: Image) -> Process:
        """Return what compose runs under this name."""
        service = self.services[name]
        env = {key: self.servers.moved(value or "") for key, value in (service.get("environment") or {}).items()}
        for variable, port in {
            "FUSIONXPAY_LISTEN": GRPC_PORT,
            "FUSIONXPAY_METRICS_LISTEN": HTTP_PORT,
            "SANDBOX_LISTEN": 12111,
        }.items():
            if variable in env:
                env[variable] = self.at(name, port)
        if "FUSIONXPAY_POSTGRES_URL" in env:
            env["FUSIONXPAY_POSTGRES_URL"] = self.servers.postgres_url
        mounts = [self._volume(one, image) for one in service.get("volumes") or []]
        mounts += [self._config(one) for one in service.get("configs") or []]
        mounts += [Mount(one.partition(":")[0], writable=True) for one in service.get("tmpfs") or []]
        return Process(name, service["command"], env, mounts)

    def health(self, name: str) -> list[str]:
        """Return the command that tells whether a process is healthy."""
        _, *command = self.services[name]["healthcheck"]["test"]
        return [part.replace(f"127.0.0.1:{HTTP_PORT}", self.at(name, HTTP_PORT)) for part in command]

    def _volume(self, given: Mapping[str, Any], image: Image) -> Mount:
        if given["type"] == "bind":
            return Mount(given["target"], Path(given["source"]), not given.get("read_only"))
        name = given["source"]
        if name not in self.volumes:
            self.volumes[name] = _new_volume(self.folder / name, image.root / given["target"].lstrip("/"))
        source = self.volumes[name] / given.get("volume", {}).get("subpath", "")
        return Mount(given["target"], source, not given.get("read_only"))

    def _config(self, given: Mapping[str, Any]) -> Mount:
        file = self.folder / given["source"]
        file = file.with_suffix(".config")
        file.write_text(self.configs[given["source"]]["content"])
        file.chmod(0o444)
        return Mount(given["target"], file)


def _new_volume(folder: Path, mounted_on: Path) -> Path:
    """Make a volume as Docker does: of the owner, and with the content, of what the image has at that place."""
    folder.mkdir()
    if mounted_on.is_dir():
        shutil.copytree(mounted_on, folder, symlinks=True, dirs_exist_ok=True)
        owner = mounted_on.stat()
        os.chown(folder, owner.st_uid, owner.st_gid)
    return folder


def read(folder: Path, servers: Servers) -> Compose:
    """Have `docker-compose` read the file, for an operator who has set what has to be set."""
    keys = {f"FUSIONXPAY_{name}SECRET_KEYS": Fernet.generate_key().decode() for name in SECRETS}
    password = urlsplit(servers.redis_url).password or ""
    env = os.environ | keys | {"POSTGRES_PASSWORD": "unused", "VALKEY_PASSWORD": password, "PATH": path()}
    argv = ["docker-compose", "--file", str(ROOT / "docker-compose.yml"), "config", "--format", "json"]
    said = subprocess.run(argv, env=env, check=True, stdout=subprocess.PIPE).stdout
    document = json.loads(said)
    folder.mkdir(exist_ok=True)
    return Compose(document["services"], document["configs"], folder, servers)
