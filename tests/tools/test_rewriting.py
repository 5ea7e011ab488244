"""What workers find of the tests when they begin."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.suite.rewriting import is_cached, rewrite_once


def test_tests_are_rewritten_before_workers_begin_and_again_when_they_change(
    pytestconfig: pytest.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    files = [tmp_path / "conftest.py", tmp_path / "folder" / "test_one.py"]
    files[1].parent.mkdir()
    for file in files:
        file.write_text("def test() -> None:\n    assert True\n")
    assert not any(map(is_cached, files))
    rewrite_once(pytestconfig, tmp_path)
    assert all(map(is_cached, files))
    files[0].write_text("def test_another() -> None:\n    assert True\n")
    assert [is_cached(file) for file in files] == [False, True]
    rewrite_once(pytestconfig, tmp_path)
    assert all(map(is_cached, files))
