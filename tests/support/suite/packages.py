"""What examples need from a registry, beside what is here; a test that cannot have it is skipped."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

INSTALL_SECONDS = 120


def install(command: list[str], folder: Path, what: str) -> None:
    """Run a command that installs something into a folder."""
    try:
        done = subprocess.run(command, cwd=folder, check=False, capture_output=True, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{what} cannot be had here")
    if done.returncode:
        pytest.skip(f"{what} cannot be had here")


def node_with(folder: Path, package: str) -> str:
    """Install a package of Node's into a folder, and return what runs a program there."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        pytest.skip("there is no Node here")
    quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=0"]
    install([npm, "install", *quiet, package], folder, package)
    return node
