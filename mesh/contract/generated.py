"""Files that are made of the code and committed: written by `make gen`, compared by `make lint`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

Files = Mapping[Path, str | None]
"""What each file holds; None: it is not to be there."""


def write_or_check(files: Files, *, check: bool) -> int:
    """Write the files that are stale, or with `check` only name them; return the exit status."""
    stale = {file: text for file, text in files.items() if (file.read_text() if file.exists() else None) != text}
    for file, text in stale.items():
        if check:
            sys.stderr.write(f"{file} is stale: run `make gen`\n")
        elif text is None:
            file.unlink()
        else:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
    return int(check and bool(stale))


def main(description: str | None, files: Callable[[], Files]) -> int:
    """Run a generator whose only option is `--check`; return the exit status."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when a file is stale")
    check = parser.parse_args().check
    return write_or_check(files(), check=check)
