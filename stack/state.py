"""The folder where a stack keeps what it knows: databases, logs, and the secrets made for it."""

from __future__ import annotations

import base64
import fcntl
import hmac
import itertools
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import IO

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import ec

from stack.databases import DATABASES, MIGRATIONS
from stack.orphans import end_writers
from stack.process import StackError

SECRETS_FILE = "secrets.json"
PORTS_FILE = "ports.json"
SOCKETS_LINK = "sockets"
TEMPORARY = "fusionxpay-"
"""How the names of our folders for temporary files begin."""


def _password() -> str:
    # A leading letter, as NATS would read a value such as 12e5 as a number.
    return "p" + secrets.token_hex(16)


def _fernet_key() -> str:
    return Fernet.generate_key().decode()


def _vapid_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return base64.urlsafe_b64encode(key.to_bytes(32)).decode()


@dataclass
class Secrets:
    """Passwords and keys of one stack. `merchant_*` are empty until the demo merchant exists."""

    postgres_password: str = field(default_factory=_password, repr=False)
    database_secret: str = field(default_factory=_password, repr=False)
    """What the passwords of the database's roles are made of."""
    nats_password: str = field(default_factory=_password, repr=False)
    valkey_password: str = field(default_factory=_password, repr=False)
    secret_keys: str = field(default_factory=_fernet_key, repr=False)
    account_keys: str = field(default_factory=_fernet_key, repr=False)
    identity_secret_keys: str = field(default_factory=_fernet_key, repr=False)
    vapid_private_key: str = field(default_factory=_vapid_key, repr=False)
    console_keys: str = field(default_factory=_fernet_key, repr=False)
    console_password: str = field(default_factory=_password, repr=False)
    """Of the first users of the console."""
    merchant_id: str = ""
    merchant_api_key: str = field(default="", repr=False)
    providers: dict[str, str] = field(default_factory=dict, repr=False)
    """Those of simulated providers by their names, each made when it is first asked for."""

    def database_passwords(self) -> dict[str, str]:
        """Return the password of each role of the database."""
        key = self.database_secret.encode()
        return {role: hmac.digest(key, role.encode(), "sha256").hex() for role in (*DATABASES, MIGRATIONS)}


LOG_BYTES = 32 << 20
"""A log that has more is rotated."""
LOGS_KEPT = 2


class DataDir:
    """A folder that one stack at a time owns: a given one that stays, or a temporary one that goes at the end."""

    def __init__(self, path: Path | None) -> None:
        """Open the folder, and make it if needed.

        Raises:
            StackError: another stack runs on it, or it cannot be used.
        """
        self.temporary = path is None
        self.path = Path(tempfile.mkdtemp(prefix=TEMPORARY)) if path is None else path.expanduser().resolve()
        try:
            self._make()
            self._lock = self._take_lock()
            end_writers(self.logs)
            self._forget_sockets()
            self._put_old_logs_aside()
            self.secrets = self._load_secrets()
            self.save_secrets()
        except OSError as error:
            raise StackError(f"data dir {self.path} cannot be used: {error}") from error

    @property
    def logs(self) -> Path:
        """The folder of the log files."""
        return self.path / "logs"

    def log(self, name: str) -> Path:
        """Return the log file of a component."""
        return self.logs / f"{name}.log"

    def rotate_logs(self) -> None:
        """Put what is in logs that have grown large into numbered files, of which few are kept.

        Their writers go on in the file that they have open. What one writes in the moment between copy and truncation
        is lost: logs of development, which nobody collects. Where there is no room for a copy, there is none.
        """
        for log in self.logs.glob("*.log"):
            with suppress(OSError):
                self._rotate(log)

    def _rotate(self, log: Path) -> None:
        if log.stat().st_size < LOG_BYTES:
            return
        older = [log.with_suffix(f".log.{number}") for number in range(LOGS_KEPT, 0, -1)]
        for to, one in itertools.pairwise(older):
            if one.exists():
                one.replace(to)
        try:
            shutil.copyfile(log, older[-1])
        except OSError:
            older[-1].unlink(missing_ok=True)
        os.truncate(log, 0)

    def folder(self, name: str) -> Path:
        """Return a private folder for a component's files, made if needed."""
        folder = self.path / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    @cached_property
    def sockets(self) -> Path:
        """A private folder for sockets, gone at the end: their paths may have 107 bytes, and a data folder is deep."""
        folder = Path(tempfile.mkdtemp(prefix=TEMPORARY))
        # by which the next one finds it, where this one is killed
        (self.path / SOCKETS_LINK).symlink_to(folder)
        return folder

    def _forget_sockets(self) -> None:
        """Remove the folder of the sockets: ours, or that of a stack that was killed."""
        link = self.path / SOCKETS_LINK
        if link.is_symlink():
            folder = link.readlink()
            if folder.parent == Path(tempfile.gettempdir()) and folder.name.startswith(TEMPORARY):
                shutil.rmtree(folder, ignore_errors=True)
            link.unlink()

    def provider_secret(self, name: str, make: Callable[[], str]) -> str:
        """Return a secret of a simulated provider, made and kept when it is first asked for."""
        if name not in self.secrets.providers:
            self.secrets.providers[name] = make()
            self.save_secrets()
        return self.secrets.providers[name]

    def save_secrets(self) -> None:
        """Write the secrets, readable by us alone."""
        ours = asdict(self.secrets)
        text = json.dumps(ours.pop("providers") | ours, indent=2)
        write_private(self.path / SECRETS_FILE, text)

    def ports(self) -> dict[str, int]:
        """Return the ports that its last stack had, by their names; none where that cannot be read."""
        try:
            stored = dict(json.loads((self.path / PORTS_FILE).read_text()))
        except (OSError, ValueError, TypeError):
            return {}
        return {name: port for name, port in stored.items() if isinstance(port, int) and 0 < port < 1 << 16}

    def keep_ports(self, ports: Mapping[str, int]) -> None:
        """Write the ports for the next stack, so that addresses that were given out hold. Raises StackError."""
        try:
            write_private(self.path / PORTS_FILE, json.dumps(dict(ports), indent=2))
        except OSError as error:
            raise StackError(f"data dir {self.path} cannot be used: {error}") from error

    def __enter__(self) -> DataDir:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Let go of the folder and remove a temporary one; after an error its logs stay."""
        with suppress(OSError):
            self._forget_sockets()
        self._lock.close()
        if not self.temporary:
            return
        if kind is None or not issubclass(kind, Exception):
            shutil.rmtree(self.path, ignore_errors=True)
            return
        for entry in self.path.iterdir():
            if entry.is_file():
                entry.unlink()
            elif entry != self.logs:
                shutil.rmtree(entry, ignore_errors=True)

    def _make(self) -> None:
        if self.temporary or not self.path.exists():
            # PostgreSQL refuses to run as root, so as root the user it runs as has to pass through, not look in.
            mode = 0o711 if os.geteuid() == 0 else 0o700
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.chmod(mode)
        self.logs.mkdir(mode=0o700, exist_ok=True)

    def _put_old_logs_aside(self) -> None:
        for log in self.logs.glob("*.log"):
            log.replace(log.with_suffix(".log.1"))

    def _take_lock(self) -> IO[str]:
        return _locked(self.path / "lock", f"another stack runs on data dir {self.path}")

    def _load_secrets(self) -> Secrets:
        path = self.path / SECRETS_FILE
        stored = json.loads(path.read_text()) if path.exists() else {}
        known = {entry.name for entry in fields(Secrets)} - {"providers"}
        ours = {name: value for name, value in stored.items() if name in known}
        return Secrets(**ours, providers={name: value for name, value in stored.items() if name not in known})


class ReadyFile:
    """The file that says where everything is while all is healthy. One stack at a time owns it; None: there is none."""

    def __init__(self, path: Path | None) -> None:
        """Own the file, and remove what a stack that was killed left of it.

        Raises:
            StackError: another stack has it, or it cannot be used.
        """
        self._path = path
        self._lock: IO[str] | None = None
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(_lock_of(path), f"another stack runs with ready file {path}")
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StackError(f"ready file {path} cannot be used: {error}") from error

    def write(self, text: str) -> None:
        """Replace what it says. Raises OSError: it says what it said before."""
        if self._path is not None:
            write_private(self._path, text)

    def remove(self) -> None:
        """Say no more, whatever has become of its folder."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink()

    def __enter__(self) -> ReadyFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Leave the file to others."""
        if self._lock is not None:
            self._lock.close()


def _lock_of(ready_file: Path) -> Path:
    return ready_file.with_name(f".{ready_file.name}.lock")


def has_owner(ready_file: Path) -> bool | None:
    """Tell whether a stack owns a ready file: it starts, runs or ends. None: this cannot be told here.

    The kernel's list is read, as whoever tries the lock might have a stack that starts just then find it taken.
    """
    try:
        inode = _lock_of(ready_file).stat().st_ino
        locks = Path("/proc/locks").read_text()
    except OSError:
        return None
    return any(" FLOCK " in line and f":{inode} " in line for line in locks.splitlines())


def _locked(path: Path, otherwise: str) -> IO[str]:
    """Return the file with an exclusive lock on it, which ends with us; raises StackError where another has it."""
    lock = path.open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise StackError(otherwise) from None
    return lock


def write_private(path: Path, text: str) -> None:
    """Write a file that only we can read, all of it or nothing."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
