"""What is installed is what has the hash that is written down, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.paths import ROOT

LISTS = [
    ROOT / "constraints.txt",
    ROOT / "deploy" / "sbom-requirements.txt",
    ROOT / "tools" / "site" / "requirements.txt",
]
FROM_AN_INDEX = re.compile(r"pip\)? (?:--?[\w-]+ )*(?:install|download) (?P<options>.*--requirement \S+)")


@pytest.mark.parametrize("file", [ROOT / "Makefile", ROOT / "deploy" / "Dockerfile"], ids=lambda file: file.name)
def test_nothing_is_installed_without_its_hash(file: Path) -> None:
    found = [one["options"] for one in FROM_AN_INDEX.finditer(file.read_text().replace("$(PIP)", "pip"))]
    assert found
    for options in found:
        assert "--require-hashes" in options, options


@pytest.mark.parametrize("file", LISTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_package_has_a_version_and_a_hash(file: Path) -> None:
    entries = re.sub(r"\\\n", " ", file.read_text()).splitlines()
    named = [entry for entry in entries if entry.strip() and not entry.startswith(("#", "-"))]
    assert named
    for entry in named:
        assert re.fullmatch(r"\S+==\S+( *;[^#]*?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*", entry), entry
