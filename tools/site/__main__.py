"""Build the site: `python -m tools.site [--into dist/site]`. Exit status 1 when a link leads nowhere.

It needs the packages in `tools/site/requirements.txt`, which `make site` installs.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from tools.site.checks import broken_links, foreign_addresses
from tools.site.staging import ASSETS, CONFIG, DOCS, ROOT, pages

SOURCES = ROOT / "dist" / "site-sources"


def main() -> int:
    """Write the sources, have them built, and check what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=ROOT / "dist" / "site")
    into = parser.parse_args().into
    shutil.rmtree(SOURCES, ignore_errors=True)
    docs = SOURCES / "docs"
    for path, text in pages().items():
        page = docs / path
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text)
    for name in ASSETS:
        shutil.copyfile(DOCS / name, docs / name)
    shutil.copyfile(CONFIG, SOURCES / "zensical.toml")
    # what builds the site caches by its folder, and its words are only of use when it fails
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict", "--config-file", "zensical.toml"]
    done = subprocess.run(command, cwd=SOURCES, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout + done.stderr)
        return 1
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(SOURCES / "site", into)
    found = [*broken_links(into), *foreign_addresses(into)]
    print("\n".join(found) or f"{into}: {len(list(into.rglob('*.html')))} pages, every link leads somewhere")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
