"""What is checked of a built site, without a network: links lead somewhere, and nothing is loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

LOADS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
NAMES_ONLY = {"canonical", "prev", "next", "edit"}
"""Relations of `link` by which a browser loads nothing."""
HERE = "http://site.invalid/"


class Page(HTMLParser):
    """A page's anchors, what it links to, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take what an element names."""
        values = {name: value or "" for name, value in attrs}
        if "id" in values:
            self.anchors.add(values["id"])
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag in LOADS and values.get(LOADS[tag]) and values.get("rel") not in NAMES_ONLY:
            self.loads.append(values[LOADS[tag]])


def pages_of(site: Path) -> dict[str, Page]:
    """Return a site's pages by their paths; the page of an unknown path is not one of them."""
    files = sorted(site.rglob("*.html"))
    return {str(file.relative_to(site)): Page(file.read_text()) for file in files if file.name != "404.html"}


def broken_links(site: Path) -> Iterator[str]:
    """Yield each link and each thing to load of a page that is not in the site, and each anchor that is not there."""
    pages = pages_of(site)
    for path, page in pages.items():
        for link in [*page.links, *page.loads]:
            target = urlsplit(urljoin(HERE + path, link))
            if target.netloc != urlsplit(HERE).netloc:
                continue
            name = unquote(target.path).lstrip("/")
            name = name + "index.html" if not name or name.endswith("/") else name
            if not (site / name).is_file():
                yield f"{path}: {link} leads nowhere"
            elif target.fragment and name in pages and unquote(target.fragment) not in pages[name].anchors:
                yield f"{path}: {link} names an anchor that is not there"


def foreign_addresses(site: Path) -> Iterator[str]:
    """Yield what a page would load from another server."""
    for path, page in pages_of(site).items():
        for address in page.loads:
            if urlsplit(address).netloc:
                yield f"{path}: loads {address}"
