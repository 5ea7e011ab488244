"""Take pictures of the built site, at two widths, light and dark, and have axe look at each page: `make site-shots`.

It needs Chromium and the package playwright. Exit status 1 when axe, the browser or the width found something.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Page, sync_playwright
from starlette.applications import Starlette

from console.api import docs
from console.api.app import WithHeaders
from tests.support.paths import ROOT
from tests.support.waiting import eventually

SIZES = {"1440": (1440, 900), "390": (390, 844)}
PAGES = {
    "home": "index.html",
    "quick-start": "guides/quick-start.html",
    "webhooks": "guides/receive-webhooks.html",
    "test-cards": "guides/test-cards.html",
    "api": "reference/api/index.html",
    "orders": "reference/api/orders.html",
    "types": "reference/api/types.html",
    "cli": "reference/cli.html",
    "errors": "errors.html",
    "runbooks": "runbooks/index.html",
}
SERIOUS = ("serious", "critical")


@contextmanager
def serving(site: Path) -> Iterator[str]:
    """Serve a site on a free port as the console does, with all that it forbids; yield its address."""
    app = WithHeaders(Starlette(routes=docs.routes(site)))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started, "the site to be served")
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}{docs.ROOT}/"
    server.should_exit = True
    thread.join()


def main() -> int:
    """Take the pictures; return 1 when something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", type=Path, default=ROOT / "dist" / "site")
    parser.add_argument("--into", type=Path, default=ROOT / "dist" / "site-shots")
    parser.add_argument("--axe", type=Path, help="axe.min.js of the npm package axe-core")
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    axe = options.axe.read_text() if options.axe else ""
    with serving(options.site) as address, sync_playwright() as play:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        found: list[str] = []
        for size, (width, height) in SIZES.items():
            for theme in ("light", "dark"):
                context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
                page = context.new_page()
                page.on("request", partial(_note_request, found, address))
                page.on("pageerror", partial(_note_error, found))
                page.on("console", partial(_note_words, found))
                for name, path in PAGES.items():
                    page.goto(address + path)
                    label = f"{name}-{size}-{theme}"
                    page.screenshot(path=options.into / f"{label}.png")
                    found += [f"{label}: {words}" for words in _wrong(page, axe)]
                context.close()
        browser.close()
    sys.stdout.writelines(f"{line}\n" for line in dict.fromkeys(found))
    return bool(found)


def _note_request(found: list[str], address: str, request: Any) -> None:
    if not request.url.startswith((address, "data:", "blob:")):
        found.append(f"asks for {request.url}")


def _note_error(found: list[str], error: Any) -> None:
    found.append(f"a script failed: {error}")


def _note_words(found: list[str], message: Any) -> None:
    if message.type == "error":
        found.append(f"the browser says: {message.text}")


def _wrong(page: Page, axe: str) -> Iterator[str]:
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        yield "wider than the window"
    if axe:
        page.evaluate(axe)
        violations = page.evaluate("axe.run().then((found) => found.violations)")
        for violation in (one for one in violations if one["impact"] in SERIOUS):
            node = violation["nodes"][0]["html"][:200]
            yield f"{violation['impact']}: {violation['id']}: {violation['help']}: {node} ({len(violation['nodes'])})"


if __name__ == "__main__":
    sys.exit(main())
