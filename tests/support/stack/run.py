"""One test run: the folder that its processes share, and the one stack that they test.

The first worker that needs the stack starts it, as a process of its own that belongs to no worker; the others attach.
It lives as long as the run, which its keeper recognises by a lock that the kernel takes away however the run ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from stack.demo_merchant import Merchant
from stack.stack import Ready
from tests.support.paths import ROOT
from tests.support.waiting import eventually

VARIABLE = "TEST_RUN_FOLDER"
START_SECONDS = 240.0


class Run:
    """The folder of a test run, and what is agreed in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stack_log = folder / "keeper.log"
        self.stack_folder = folder / "stack"
        self.ready_file = folder / "ready.json"
        self.failed = False
        self._lifeline: IO[str] | None = None

    @classmethod
    def begin(cls) -> Run:
        """Begin a run and make it known to the workers that this process starts."""
        run = cls(Path(tempfile.mkdtemp(prefix="fusionxpay-tests-")))
        run.folder.chmod(0o711)  # as root, PostgreSQL runs as another user, who has to pass through
        run._lifeline = run._locked("alive")
        os.environ[VARIABLE] = str(run.folder)
        return run

    @classmethod
    def current(cls) -> Run:
        """Return the run that this process takes part in."""
        return cls(Path(os.environ[VARIABLE]))

    def end(self) -> None:
        """Wait until the stack has ended, and remove the folder; of a run that `failed` the logs stay."""
        assert self._lifeline
        self._lifeline.close()
        with self.locked("keeper"):
            if self.failed:
                shutil.rmtree(self.stack_folder / "postgres", ignore_errors=True)
            else:
                shutil.rmtree(self.folder, ignore_errors=True)

    def goes_on(self) -> bool:
        """Whether the process that began the run still lives and has not ended it."""
        with (self.folder / "alive").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def shared_stack(self) -> Ready:
        """Return the stack of the run, started if it is not yet there."""
        with self.locked("start"):
            if not self.ready_file.exists():
                self._start_keeper()
            ready = json.loads(self.ready_file.read_text())
        return Ready(**ready | {"merchant": Merchant(**ready["merchant"])})

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Be the only process inside."""
        with self._locked(name):
            yield

    def _start_keeper(self) -> None:
        with self.stack_log.open("wb") as log:
            keeper = subprocess.Popen(
                [sys.executable, "-m", "tests.support.stack.keeper"],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        eventually(
            lambda: self.ready_file.exists() or keeper.poll() is not None, "the shared stack", seconds=START_SECONDS
        )
        assert self.ready_file.exists(), self.stack_log.read_text()

    def _locked(self, name: str) -> IO[str]:
        file = (self.folder / name).open("a")
        fcntl.flock(file, fcntl.LOCK_EX)
        return file
