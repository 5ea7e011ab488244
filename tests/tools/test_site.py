"""The site is whole: each page is reached, each link leads somewhere, and nothing is loaded from elsewhere."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tools.site import reference
from tools.site.checks import broken_links, foreign_addresses
from tools.site.staging import ASSETS, FENCE, LINK, linked, navigation, pages

PAGES = pages()
DOCUMENT = json.loads((ROOT / "docs" / "openapi.json").read_text())
HEADING = re.compile(r"^#+ (.*?)(?: \{ #([\w-]+) \})?$", re.MULTILINE)


def anchors_of(text: str) -> set[str]:
    """Return the anchors of a page's headings."""
    headings = HEADING.findall(FENCE.sub("", text))
    slugs = {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", words.lower()).strip()) for words, _ in headings}
    return slugs | {name for _, name in headings if name}


@pytest.mark.parametrize("path", PAGES)
def test_links_of_a_page_lead_to_pages_and_headings(path: str) -> None:
    for words, target in LINK.findall(FENCE.sub("", PAGES[path])):
        name, _, anchor = target.partition("#")
        page = os.path.normpath(Path(path).parent / name) if name else path
        assert page in PAGES or page in ASSETS, (words, target)
        assert not anchor or anchor in anchors_of(PAGES[page]), (words, target)


def test_navigation_names_every_guide_and_every_page_of_the_reference() -> None:
    named = set(navigation())
    assert named <= set(PAGES)
    guides = {f"guides/{page.name}" for page in ROOT.glob("docs/guides/*.md")}
    assert guides | set(reference.pages(DOCUMENT)) <= named


def test_every_call_is_in_the_reference_with_its_fields() -> None:
    text = "".join(page for path, page in PAGES.items() if path.startswith(reference.BASE))
    for method, path, operation in reference.operations(DOCUMENT):
        if operation["tags"][0] != reference.FOR_PROVIDERS:
            assert f"\n`{method} {path}`\n" in text
            assert f"{{ #{operation['operationId'].lower()} }}" in text
    assert "| `capture_method` |" in text
    assert "| `amount` *required* | [MoneyInput](types.md#moneyinput) |" in text


def test_every_writing_call_is_shown_with_a_body_that_the_contract_takes() -> None:
    """Without a body and its type the gateway takes none of them."""
    schemas = DOCUMENT["components"]["schemas"]
    seen = 0
    for method, path, operation in reference.operations(DOCUMENT):
        if method not in ("POST", "PUT", "PATCH") or operation["tags"][0] == reference.FOR_PROVIDERS:
            continue
        content = operation["requestBody"]["content"]["application/json"]
        schema = schemas[content["schema"]["$ref"].rsplit("/", 1)[-1]]
        example = content["example"]
        assert set(schema.get("required", [])) <= set(example) <= set(schema["properties"]), path
        page = PAGES[f"{reference.BASE}/{reference.slug(operation['tags'][0])}.md"]
        shown = page.split(f"\n`{method} {path}`\n")[1].split("```sh\n")[1].split("```")[0]
        assert '-H "Content-Type: application/json"' in shown, path
        assert json.loads(re.findall(r"-d '(.*)'\n", shown)[0]) == example, path
        seen += 1
    assert seen > 20


def test_link_to_what_the_site_does_not_have_is_words(tmp_path: Path) -> None:
    page = ROOT / "docs" / "guides" / "refunds.md"
    paths = {"docs/payments.md": "payments.md"}
    text = "see [in full](../payments.md#refunds), [code](../../Makefile), `docs/payments.md`, [web](https://a.example)"
    copy = tmp_path / "page.md"
    copy.write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(page), "read_text", lambda _: text)
        said = linked("guides/refunds.md", page, paths)
    assert said == ("see [in full](../payments.md#refunds), code, [payments](../payments.md), [web](https://a.example)")


def test_what_is_wrong_with_a_built_site_is_found(tmp_path: Path) -> None:
    (tmp_path / "guides").mkdir()
    (tmp_path / "index.html").write_text(
        '<h1 id="top">A</h1><a href="guides/">b</a><a href="gone.html">c</a><a href="guides/#none">d</a>'
        '<a href="https://elsewhere.example">e</a><script src="https://cdn.example/x.js"></script>'
    )
    (tmp_path / "guides" / "index.html").write_text('<a href="../#top">up</a>')
    assert list(broken_links(tmp_path)) == [
        "index.html: gone.html leads nowhere",
        "index.html: guides/#none names an anchor that is not there",
    ]
    assert list(foreign_addresses(tmp_path)) == ["index.html: loads https://cdn.example/x.js"]
