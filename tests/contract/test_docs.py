"""What documents and docstrings name is there: files, folders and links."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

READMES = (ROOT / "client" / "README.md", ROOT / "client" / "node" / "README.md")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *READMES])
REFERENCE = ROOT / "docs" / "reference"
"""What the site makes of the contract: `tests/tools/test_site.py` follows the links to it."""

SKIPPED = {"gen", "dist"}


def _walk() -> Iterator[tuple[Path, list[str]]]:
    """Yield each folder of ours with its files; of what is installed, all workers would look at each file."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in {".venv", ".git", ".mypy_cache", "__pycache__"}]
        yield Path(folder), files


TREE = dict(_walk())
SOURCES = sorted(
    folder / name
    for folder, files in TREE.items()
    if not SKIPPED & set(folder.relative_to(ROOT).parts)
    for name in files
    if name.endswith((".py", ".proto", ".yaml"))
)
FOLDERS = {folder.name for folder in TREE}
NAMES = {path.name for path in [*SOURCES, *PAGES]} | FOLDERS
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(r"`([^`\s]+)`")
COMMAND = re.compile(r"`(?:pytest|python|make) ([^`]+)`")
"""A command that names files: its words are looked at one by one."""
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")
PATH = re.compile(r"(?!.*\*\*)[\w.<>*{},-]+(/[\w.<>*{},-]+)+/?|[\w-]+(\.(py|md|proto)|/)")
FILE = re.compile(r".*\.(py|md|proto)|[^/]+/")


def _patterns(path: str) -> Iterator[str]:
    """Yield what a path may stand for: `<name>` is any, `{a,b}` is each."""
    path = re.sub(r"<[^>]*>", "*", path)
    if found := re.search(r"\{([^}]*)\}", path):
        for one in found[1].split(","):
            yield from _patterns(path.replace(found[0], one, 1))
    else:
        yield path


def _names_a_file_of_ours(path: str) -> bool:
    """Whether something in backquotes is a path of the repository, and not of another machine or of a URL."""
    if path.startswith(("dist/", ".data/")):  # what is built, or kept by `make up`, may be there or not
        return False
    return PATH.fullmatch(path) is not None and (
        FILE.fullmatch(path) is not None or (ROOT / path.split("/", 1)[0]).is_dir()
    )


def _is_there(path: str, beside: Path) -> bool:
    """Whether a path is there, from the text's folder or one above it; a name without its folder may be anywhere."""
    if "/" not in path.rstrip("/"):
        return path.rstrip("/") in NAMES
    folders = [folder for folder in (beside, *beside.parents) if folder.is_relative_to(ROOT)]
    return all(any(any(folder.glob(one)) for folder in folders) for one in _patterns(path))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_names_what_is_there(page: Path) -> None:
    text = page.read_text()
    prose = FENCE.sub("", text)
    words = [*QUOTED.findall(prose), *" ".join(COMMAND.findall(prose)).split()]
    named = {path for path in words if _names_a_file_of_ours(path)}
    missing = {path for path in named if not _is_there(path, page.parent)}
    links = {link for link in LINK.findall(text) if not (page.parent / link).resolve().is_relative_to(REFERENCE)}
    missing |= {link for link in links if not (page.parent / link).exists()}
    assert missing == set()


def test_source_names_what_is_there() -> None:
    missing = {
        f"{source.relative_to(ROOT)}: {path}"
        for source in SOURCES
        for path in QUOTED.findall(source.read_text())
        if "/" in path[:-1] and PATH.fullmatch(path) and FILE.fullmatch(path) and not _is_there(path, source.parent)
    }
    assert missing == set()


def test_no_page_has_both_sides_of_a_merge() -> None:
    pages = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")]
    pages += (ROOT / "docs").rglob("*.md")
    torn = [page for page in pages if re.search("^(<{7} |>{7} )", page.read_text(), re.MULTILINE)]
    assert not torn


def test_terms_of_the_glossary_are_in_the_order_of_the_alphabet() -> None:
    for table in (ROOT / "docs" / "glossary.md").read_text().split("\n## ")[1:]:
        terms = re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)[1:]
        assert terms == sorted(terms, key=str.casefold)


def test_every_threat_has_a_test() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    threats, floods = (page.split(f"## {name}\n")[1].split("\n## ")[0] for name in ("Threats", "Floods"))
    rows = [
        line for line in (threats + floods).splitlines() if line.startswith("| ") and not line.startswith("| threat")
    ]
    assert len(rows) > 40
    assert not [row for row in rows if "test_" not in row.rpartition(" | ")[2]]
