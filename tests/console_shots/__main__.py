"""Take pictures of every page of a stack's console, at two widths, light and dark, and have axe look at each.

`make console-shots` starts a stack of its own; `--ready-file` takes one that runs.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, ConsoleMessage, Error, Page, sync_playwright

from stack.demo_merchant import Merchant
from stack.stack import Ready, Stack
from tests.console_shots.links import walk
from tests.console_shots.world import demo_merchant, furnish

SIZES = {"1440": (1440, 900), "390": (390, 844)}
OWNER_PAGES = {
    "overview": "/",
    "payments": "/payments",
    "payments-filtered": "/payments?status=SUCCESS&min=20&currency=EUR",
    "payments-refused": "/payments?min=20",
    "search": "/search?q=89.95",
    "payment": "/payments/{payment}",
    "payment-held": "/payments/{held}",
    "orders": "/orders",
    "order": "/orders/{order}",
    "links": "/payment_links",
    "link": "/payment_links/{link}",
    "refunds": "/refunds",
    "disputes": "/disputes",
    "webhooks": "/webhooks",
    "events": "/events",
    "event": "/events/{event}",
    "live": "/live",
    "requests": "/requests",
    "keys": "/keys",
    "routing": "/routing",
    "team": "/users",
    "account": "/account",
    "missing": "/payments/00000000-0000-7000-8000-000000000000",
}
OPERATOR_PAGES = {
    "platform": "/platform",
    "reviews": "/platform/reviews",
    "letters": "/platform/dead_letters",
    "merchants": "/platform/merchants",
    "operators": "/platform/users",
    "reconciliation": "/platform/reconciliation?provider=stripe&days=1",
}
EXPECTED = ("404", "400")
"""Of pages that show what is not there, or what is refused."""
SERIOUS = ("serious", "critical")


def main() -> int:
    """Take the pictures; return 1 when axe or the browser found something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ready-file", type=Path)
    parser.add_argument("--into", type=Path, default=Path("dist/console"))
    parser.add_argument("--axe", type=Path, help="axe.min.js of the npm package axe-core")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    with _gateway(options.ready_file) as gateway, sync_playwright() as play:
        made = furnish(demo_merchant(gateway))
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        axe = options.axe.read_text() if options.axe else ""
        found = list(_all(browser, gateway, made, axe, options.into, options.only))
        browser.close()
    sys.stdout.writelines(f"{line}\n" for line in found)
    return bool(found)


@contextmanager
def _gateway(ready_file: Path | None) -> Iterator[Ready]:
    if ready_file is None:
        with Stack() as stack:
            yield stack.ready
        return
    said = json.loads(ready_file.read_text())
    yield Ready(**{**said, "merchant": Merchant(**said["merchant"])})


def _all(browser: Browser, gateway: Ready, made: dict[str, Any], axe: str, into: Path, only: str) -> Iterator[str]:
    for size, (width, height) in SIZES.items():
        for theme in ("light", "dark"):
            for who, pages in (("owner", OWNER_PAGES), ("operator", OPERATOR_PAGES)):
                context = browser.new_context(
                    viewport={"width": width, "height": height}, color_scheme=theme, bypass_csp=False
                )
                page = context.new_page()
                said: list[str] = []
                page.on("console", partial(_note, said))
                page.on("pageerror", partial(_note_error, said))
                url = gateway.console["url"]
                page.goto(f"{url}/login")
                if who == "owner" and (not only or only in "login"):
                    page.screenshot(path=into / f"login-{size}-{theme}.png")
                    yield from _axe(page, axe, f"login-{size}-{theme}")
                page.fill("#email", gateway.console[who])
                page.fill("#password", gateway.console["password"])
                page.click("button.primary")
                for name, path in pages.items():
                    if only and name not in only.split(","):
                        continue
                    page.goto(url + path.format(**made))
                    label = f"{name}-{size}-{theme}"
                    page.screenshot(path=into / f"{label}.png", full_page=size == "390")
                    yield from _axe(page, axe, label)
                    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                        yield f"{label}: wider than the window"
                yield from dict.fromkeys(
                    f"{who}-{size}-{theme}: {text}" for text in said if not set(EXPECTED) & set(text.split())
                )
                context.close()
            if not only or only == "pay":
                yield from _customers(browser, gateway, axe, into, (size, theme))


def _customers(
    browser: Browser, gateway: Ready, axe: str, into: Path, look: tuple[str, Literal["light", "dark"]]
) -> Iterator[str]:
    """Take the pictures of what customers see of payment links."""
    size, theme = look
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme, bypass_csp=False)
    said: list[str] = []
    context.on("console", partial(_note, said))

    def shoot(page: Page, name: str) -> Iterator[str]:
        label = f"{name}-{size}-{theme}"
        page.screenshot(path=into / f"{label}.png", full_page=size == "390")
        yield from _axe(page, axe, label)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            yield f"{label}: wider than the window"

    yield from walk(context, demo_merchant(gateway), shoot)
    yield from dict.fromkeys(f"pay-{size}-{theme}: {text}" for text in said if not set(EXPECTED) & set(text.split()))
    context.close()


def _note(said: list[str], message: ConsoleMessage) -> None:
    """Keep what the browser complains of."""
    if message.type == "error":
        said.append(message.text)


def _note_error(said: list[str], error: Error) -> None:
    """Keep what failed in a script."""
    said.append(str(error))


def _axe(page: Page, axe: str, label: str) -> Iterator[str]:
    if not axe:
        return
    page.evaluate(axe)
    for violation in page.evaluate("axe.run().then((found) => found.violations)"):
        if violation["impact"] in SERIOUS:
            node = violation["nodes"][0]
            yield f"{label}: {violation['id']}: {violation['help']}: {node['html'][:150]} ({len(violation['nodes'])})"


if __name__ == "__main__":
    sys.exit(main())
