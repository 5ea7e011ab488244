"""The site's sources: the pages of `docs/` that its navigation names, and those made from contracts and code."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer.main
from typer.cli import get_docs_for_click

from cli.__main__ import app
from tools.site import reference

ROOT = Path(__file__).resolve().parent.parent.parent
CONFIG = Path(__file__).resolve().parent / "zensical.toml"
DOCS = ROOT / "docs"
ELSEWHERE = {
    "reference/python.md": "client/README.md",
    "reference/node.md": "client/node/README.md",
    "changelog.md": "CHANGELOG.md",
    "security-policy.md": "SECURITY.md",
}
"""Pages of the site whose sources stand outside of `docs/`."""
COMMAND_LINE = "reference/cli.md"
ASSETS = ("openapi.json", "site.css", "site.js")
CUT = re.compile(r"^(\* `\S+`): .*\.\.\.$", re.MULTILINE)
"""What typer says of a command where it lists it, cut off in its middle; the whole stands at the command."""
LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|mailto:)([^)\s]*)\)")
QUOTED = re.compile(r"(?<!\[)`(?:docs/)?([\w/-]+\.md)`(?!\])")
FENCE = re.compile(r"^(```.*?^```)$", re.MULTILINE | re.DOTALL)


def pages() -> dict[str, str]:
    """Return every page of the site by its path, as Markdown whose links lead to other pages of the site."""
    made = made_pages()
    sources = {path: source_of(path) for path in navigation() if path not in made}
    sources |= {f"runbooks/{page.name}": page for page in sorted((DOCS / "runbooks").glob("*.md"))}
    paths = {str(source.relative_to(ROOT)): path for path, source in sources.items()}
    copied = {path: linked(path, source, paths) for path, source in sources.items()}
    return copied | made


def made_pages() -> dict[str, str]:
    """Return the pages that no file holds: the API's reference and the command line's."""
    document = json.loads((DOCS / "openapi.json").read_text())
    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="fusionxpay")
    words = get_docs_for_click(obj=command, ctx=context, name="fusionxpay", title="The command line")
    return reference.pages(document) | {COMMAND_LINE: CUT.sub(r"\1", words)}


def navigation() -> Iterator[str]:
    """Yield the pages that the navigation names, in its order."""

    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, str):
            yield node
        else:
            for one in node.values() if isinstance(node, dict) else node:
                yield from walk(one)

    yield from walk(tomllib.loads(CONFIG.read_text())["project"]["nav"])


def source_of(path: str) -> Path:
    """Return the file that a page of the site is copied from."""
    return ROOT / ELSEWHERE[path] if path in ELSEWHERE else DOCS / path


def linked(path: str, source: Path, paths: dict[str, str]) -> str:
    """Return a page's text with its links to files as links to pages; what the site does not have is no link."""

    def to(target: str, beside: Path) -> str | None:
        name, mark, anchor = target.partition("#")
        if not name:
            return target
        file = os.path.relpath((beside / name).resolve(), ROOT)
        page = paths.get(file) or (file.removeprefix("docs/") if _is_made(file) else None)
        return os.path.relpath(page, os.path.dirname(path) or ".") + mark + anchor if page else None

    def link(found: re.Match[str]) -> str:
        target = to(found[2], source.parent)
        return f"[{found[1]}]({target})" if target else found[1]

    def quoted(found: re.Match[str]) -> str:
        target = to(found[1], DOCS)
        return f"[{Path(found[1]).stem}]({target})" if target and paths.get(f"docs/{found[1]}") != path else found[0]

    return _outside_of_code(source.read_text(), lambda text: QUOTED.sub(quoted, LINK.sub(link, text)))


def _is_made(file: str) -> bool:
    """Whether the site has a file that is no page of `docs/` of its own."""
    name = file.removeprefix("docs/")
    return name in ASSETS or name == COMMAND_LINE or name.startswith(f"{reference.BASE}/")


def _outside_of_code(text: str, change: Callable[[str], str]) -> str:
    parts = FENCE.split(text)
    return "".join(part if part.startswith("```") else change(part) for part in parts)
