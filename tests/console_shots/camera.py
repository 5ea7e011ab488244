"""Pictures of pages, and what axe and the browser say of each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tests.console_shots.ledger import Ledger
from tests.support.waiting import PATIENCE

SIZES = {"1440": (1440, 900), "390": (390, 844)}
THEMES = ("light", "dark")
LOOKS = {f"{size}-{theme}": (size, theme) for size in SIZES for theme in THEMES}
EXPECTED = ("400", "403", "404", "409")
"""Of pages that show what is not there, or what is refused."""
SERIOUS = ("serious", "critical")
DIALOGS = "() => [...document.querySelectorAll('[data-open]')].map((one) => one.dataset.open)"


@dataclass
class Camera:
    """Takes pictures into a folder, and keeps what is wrong with them."""

    browser: Any
    ledger: Ledger
    into: Path
    axe: str
    found: dict[str, None] = field(default_factory=dict)
    """What is wrong, in the order in which it was seen, each once."""
    pictures: int = 0

    @contextmanager
    def context(self, look: str, who: str) -> Iterator[Any]:
        """Lend a browser that nobody is logged in at."""
        size, theme = LOOKS[look]
        width, height = SIZES[size]
        context = self.browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
        context.set_default_timeout(PATIENCE * 1000)
        self.ledger.watch(context)
        context.on("console", partial(self._note, f"{who}-{look}"))
        context.on("weberror", lambda error: self.wrong(f"{who}-{look}: {error.error}"))
        yield context
        context.close()

    def wrong(self, words: str) -> None:
        """Keep what is wrong."""
        self.found[words] = None

    def _note(self, where: str, message: Any) -> None:
        if message.type == "error" and not set(EXPECTED) & set(message.text.split()):
            self.wrong(f"{where}: {message.text}")

    def shoot(self, page: Any, name: str, look: str, role: str = "") -> None:
        """Take a picture of a page as it is, and have it looked at."""
        label = f"{name}-{look}"
        # what is still being counted loads the page again
        page.wait_for_selector("[data-again]", state="detached")
        page.screenshot(path=self.into / f"{label}.png", full_page=look.startswith("390"))
        self.pictures += 1
        self.ledger.look(page, role, look)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            self.wrong(f"{label}: wider than the window")
        if not self.axe:
            return
        page.evaluate(self.axe)
        for violation in page.evaluate("axe.run().then((found) => found.violations)"):
            if violation["impact"] in SERIOUS:
                node = violation["nodes"][0]["html"][:150]
                self.wrong(f"{label}: {violation['id']}: {violation['help']}: {node} ({len(violation['nodes'])})")

    def shoot_with_dialogs(self, page: Any, name: str, look: str, role: str) -> None:
        """Take a picture of a page, and one of each dialog that it opens."""
        self.shoot(page, name, look, role)
        for dialog in page.evaluate(DIALOGS):
            page.locator(f"[data-open={dialog}]").first.click()
            page.wait_for_selector(f"dialog#{dialog}[open]")
            self.shoot(page, f"{name}-{dialog}", look, role)
            page.keyboard.press("Escape")
            page.wait_for_selector(f"dialog#{dialog}", state="hidden")
