"""Fixtures for what starts stacks and commands: nothing gets in from outside, and nothing is left behind."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.stack.processes import Parent


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("FUSIONXPAY_", "OTEL_")):
            monkeypatch.delenv(name)
    # what these stacks store ends with the test
    monkeypatch.setenv("FUSIONXPAY_STACK_DURABLE", "false")


@pytest.fixture
def run_parent(tmp_path: Path) -> Iterator[Callable[..., Parent]]:
    parents: list[Parent] = []

    def run(script: str, **env: str) -> Parent:
        parents.append(Parent(script, tmp_path / f"parent-{len(parents)}.log", env))
        return parents[-1]

    yield run
    for parent in parents:
        parent.process.kill()
        parent.process.wait()


@pytest.fixture
def tmp_path_for_postgres(temporary_folders_of_ours: Path) -> Path:
    """A folder that the user whom PostgreSQL runs as can reach, which pytest's own folders are not."""
    folder = temporary_folders_of_ours / "data"
    folder.mkdir(mode=0o711)
    return folder


@pytest.fixture(autouse=True)
def temporary_folders_of_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Where stacks keep their temporary folders, so that what a killed one leaves goes with the test."""
    # pytest's own folder is chosen before: in ours it would go with the first test
    tmp_path_factory.getbasetemp()
    with TemporaryDirectory(prefix="fusionxpay-test-") as folder:
        Path(folder).chmod(0o711)
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr("tempfile.tempdir", folder)
        yield Path(folder)
