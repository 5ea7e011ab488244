"""What is in the image, and what must not be."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

from tests.image.containers import UID, Image

COMPILERS = ("gcc", "cc", "g++", "c++", "clang", "ld", "as", "make", "cargo", "rustc", "go")
PACKAGERS = ("pip", "setuptools", "wheel", "ensurepip")
DEVELOPMENT = ("sandbox", "tests", "bench", "pytest", "mypy", "ruff", "hypothesis")
SBOM = "venv/sbom.cdx.json"


def faults(image: Image) -> list[str]:
    """Name what the image has and should not, or lacks."""
    found = [] if image.user == f"{UID}:{UID}" else [f"the user is {image.user!r}, not {UID}:{UID}"]
    found += [f"{name} is in it" for name in COMPILERS if _program(image.root, name)]
    found += [f"the package {name} is in it" for name in (*PACKAGERS, *DEVELOPMENT) if _package(image.root, name)]
    found += [f"{place} may be written to by all" for place in _open_places(image.root)]
    sources = list(_sources(image.root / "venv"))
    uncompiled = [file for file in sources if not Path(importlib.util.cache_from_source(str(file))).exists()]
    if not sources or len(uncompiled) > len(sources) // 100:
        found.append(
            f"{len(uncompiled)} of {len(sources)} modules are compiled at every start, such as {uncompiled[:3]}"
        )
    return found + _of_sbom(image.root)


def size(image: Image, below: str = "") -> int:
    """Return how many bytes the files of the image, or of a folder of it, have."""
    return sum(file.lstat().st_size for file in (image.root / below).rglob("*") if file.is_file() or file.is_symlink())


def _of_sbom(root: Path) -> list[str]:
    """Compare the bill of materials with what is installed."""
    if not (root / SBOM).is_file():
        return [f"/{SBOM} is missing"]
    document = json.loads((root / SBOM).read_text())
    named = {_plain(part["name"]) for part in document.get("components", [])}
    named.add(_plain(document.get("metadata", {}).get("component", {}).get("name", "")))
    installed = {_plain(one.name.partition("-")[0]) for one in (root / "venv").rglob("*.dist-info")}
    return [f"/{SBOM} does not name {name}" for name in sorted(installed - named)]


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


def _program(root: Path, name: str) -> bool:
    folders = [root / folder for folder in ("venv/bin", "usr/local/bin", "usr/bin", "bin", "usr/sbin")]
    return shutil.which(name, path=":".join(map(str, folders))) is not None


def _package(root: Path, name: str) -> bool:
    libraries = [one for place in ("venv/lib", "usr/lib", "usr/local/lib") for one in (root / place).glob("python3*")]
    folders = [folder for one in libraries for folder in (one, one / "site-packages", one / "dist-packages")]
    return any((folder / name).is_dir() for folder in folders)


def _open_places(root: Path) -> list[str]:
    """Name folders outside /tmp and the like that anybody may write to."""
    usual = {root / "tmp", root / "var/tmp", root / "run/lock"}
    return [
        f"/{folder.relative_to(root)}"
        for folder in root.rglob("*")
        if folder.is_dir() and not folder.is_symlink() and folder.stat().st_mode & 0o002 and folder not in usual
    ]


def _sources(venv: Path) -> list[Path]:
    return list(venv.glob("lib/python3*/**/*.py"))
