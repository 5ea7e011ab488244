"""Asserts of all tests are rewritten once, before workers begin: else each does it, and all at the same time."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path

import pytest
from _pytest.assertion import rewrite


def rewrite_once(config: pytest.Config, folder: Path) -> None:
    """Leave what pytest makes of a folder's tests where each worker looks for it, unless it is there."""
    files = [file for pattern in ("test_*.py", "conftest.py") for file in folder.rglob(pattern) if not is_cached(file)]
    if sys.dont_write_bytecode:
        return
    shares = (files[share :: os.cpu_count() or 1] for share in range(os.cpu_count() or 1))
    processes = [get_context("fork").Process(target=_rewrite, args=(config, share)) for share in shares if share]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def is_cached(file: Path) -> bool:
    """Whether a file was rewritten since it was changed."""
    return rewrite._read_pyc(file, _cache(file)) is not None


def _rewrite(config: pytest.Config, files: Sequence[Path]) -> None:
    for file in files:
        source, code = rewrite._rewrite_test(file, config)
        _cache(file).parent.mkdir(exist_ok=True)
        rewrite._write_pyc(config.stash[rewrite.assertstate_key], code, source, _cache(file))


def _cache(file: Path) -> Path:
    return rewrite.get_cache_dir(file) / f"{file.stem}{rewrite.PYC_TAIL}"
