from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.helpers import Parent


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("FUSIONXPAY_"):
            monkeypatch.delenv(name)


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
