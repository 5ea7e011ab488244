"""The code of a page of documentation, run as a reader would run it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from stack.ports import Ports
from tests.support.paths import ROOT

FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
TITLE = re.compile(r'title="([^"]+)"')
INSTALLS = ("make up", "make client", "npm install", ".data/ready.json")
"""What a reader does once, and a test has done: the stack runs, the packages are there, `GATEWAY` and `KEY` are set."""

PORT = "3000"
NODE_PACKAGE = ROOT / "client" / "node"
SECONDS = 120


@dataclass(frozen=True)
class Block:
    """A block of code: its language, its text, and the file that it is when it has a title."""

    language: str
    code: str
    title: str


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page, in its order."""
    found = []
    for fence in FENCE.finditer(page.read_text()):
        title = TITLE.search(fence["info"])
        found.append(Block(fence["info"].split(" ")[0], fence["code"], title[1] if title else ""))
    return found


def programs_of(page: Path) -> dict[str, str]:
    """Return what a page has to run, a program a language: its blocks in order, without files and installation."""
    programs: dict[str, str] = {}
    for block in blocks_of(page):
        if block.language in COMMANDS and not block.title and not any(words in block.code for words in INSTALLS):
            programs[block.language] = programs.get(block.language, "") + block.code + "\n"
    return programs


def run_page(page: Path, language: str, folder: Path, env: dict[str, str]) -> str:
    """Run a page's program of a language in a folder that has the page's files; return what it printed."""
    # another test, or somebody's own server, may have the port that the page names
    with Ports() as ports:
        return _run(page, language, folder, str(ports.take()), env)


def _run(page: Path, language: str, folder: Path, port: str, env: dict[str, str]) -> str:
    for block in blocks_of(page):
        if block.title:
            (folder / block.title).write_text(block.code)
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "fusionxpay").symlink_to(NODE_PACKAGE)
    command, name = COMMANDS[language]
    (folder / name).write_text(programs_of(page)[language].replace(PORT, port))
    here = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*command, name],
        cwd=folder,
        # the packages are found as installed ones are, and a user's own folder is not the test's
        env=os.environ | {"PATH": here, "HOME": str(folder), "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'gen'}"} | env,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


COMMANDS = {
    "sh": (["bash", "-euo", "pipefail"], "page.sh"),
    "python": ([sys.executable], "page.py"),
    "js": ([shutil.which("node") or "node", "--preserve-symlinks"], "page.mjs"),
}
