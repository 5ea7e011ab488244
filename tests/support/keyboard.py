"""A person at a page of Chromium who has no mouse: Tab, Enter, Space and letters, and it has to show where one is."""

from __future__ import annotations

from typing import Any

MOST_STEPS = 250
SHOWS = """selector => {
  const at = document.activeElement;
  if (!at || !at.matches(selector)) return "";
  const style = getComputedStyle(at);
  return at.matches(":focus-visible") && style.outlineStyle !== "none" ? "seen" : "unseen";
}"""
"""Whether the focus is on what fits a selector, and whether a person sees that it is."""


class Hands:
    """Works a page by keyboard alone."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def to(self, selector: str) -> None:
        """Press Tab until the focus is on what fits a selector, which has to show."""
        # a page whose figures are counted loads itself again, and the focus is gone
        self.page.wait_for_selector("[data-again]", state="detached")
        if self.page.evaluate(SHOWS, selector) == "seen":
            return
        for _ in range(MOST_STEPS):
            self.page.keyboard.press("Tab")
            if shown := self.page.evaluate(SHOWS, selector):
                assert shown == "seen", f"nobody sees that the focus is on {selector}"
                return
        raise AssertionError(f"{selector} is not reached in {MOST_STEPS} steps, at {self.page.url}")

    def press(self, selector: str) -> None:
        """Press what fits a selector."""
        self.to(selector)
        self.page.keyboard.press("Enter")

    def go(self, selector: str) -> None:
        """Press what leads to another page, and wait for that."""
        self.to(selector)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def write(self, selector: str, text: str) -> None:
        """Write into a field, in place of what it has."""
        self.to(selector)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def choose(self, selector: str, label: str) -> None:
        """Choose of a list by the letters of the label."""
        self.to(selector)
        self.page.keyboard.type(label)

    def tick(self, selector: str) -> None:
        """Tick a box."""
        self.to(selector)
        self.page.keyboard.press("Space")
