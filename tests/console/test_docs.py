"""The documentation at `/docs`: for everybody, read only, and words where it was not built."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from console.api import docs
from stack.stack import Ready
from tests.support.paths import ROOT

SCRIPT = "document.title = 'here'"
PAGE = f'<script src="a.js"></script><script id="x" type="application/json">{{}}</script><script>{SCRIPT}</script>'


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A built site, beside something that is not of it."""
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "site"
    (folder / "guides").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "guides" / "refunds.html").write_text("<p>refunds</p>")
    (folder / "reference" / "api").mkdir(parents=True)
    (folder / "reference" / "api" / "index.html").write_text("<p>calls</p>")
    (folder / "out").symlink_to(tmp_path / "secret.txt")
    return folder


def browser(folder: Path | None) -> TestClient:
    """Return who looks at the site of a folder."""
    return TestClient(Starlette(routes=docs.routes(folder)), follow_redirects=False)


def test_pages_are_shown_and_may_be_kept(site: Path) -> None:
    client = browser(site)
    assert (client.get("/docs").status_code, client.get("/docs").headers["location"]) == (308, "/docs/")
    home = client.get("/docs/")
    assert (home.status_code, home.text, home.headers["cache-control"]) == (200, PAGE, docs.CACHE)
    assert client.get("/docs/guides/refunds.html").text == "<p>refunds</p>"
    assert client.head("/docs/").text == ""
    again = client.get("/docs/", headers={"if-none-match": home.headers["etag"]})
    assert again.status_code == 304
    # a browser takes over the headers of this answer
    assert again.headers["content-security-policy"] == home.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("asked", "page"),
    [
        ("guides/refunds", "guides/refunds.html"),
        ("guides/refunds/", "guides/refunds.html"),
        ("reference/api", "reference/api/index.html"),
        ("reference/api/", "reference/api/index.html"),
        ("guides/", "index.html"),
        ("guides", "index.html"),
        ("index", "index.html"),
    ],
)
def test_path_without_its_ending_leads_to_the_page(asked: str, page: str, site: Path) -> None:
    answer = browser(site).get(f"/docs/{asked}")
    assert (answer.status_code, answer.headers["location"]) == (308, f"/docs/{page}")


@pytest.mark.parametrize("asked", ["guides/none", "guides/none/", "none", "//elsewhere.example", "../site", "out/"])
def test_path_of_no_page_leads_nowhere(asked: str, site: Path) -> None:
    assert browser(site).get(f"/docs/{asked}").status_code == 404


def test_page_runs_its_own_scripts_alone(site: Path) -> None:
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    said = browser(site).get("/docs/").headers["content-security-policy"]
    (scripts,) = re.findall("script-src ([^;]*)", said)
    assert f"'sha256-{digest}'" in scripts.split()
    assert "unsafe" not in scripts
    (site / "index.html").write_text("<script>changed()</script>")
    assert digest not in browser(site).get("/docs/").headers["content-security-policy"]


@pytest.mark.parametrize(
    "path", ["../secret.txt", "%2e%2e/secret.txt", "guides/..%2f..%2fsecret.txt", "out", "%00", "x" * 5000]
)
def test_nothing_else_is_shown(path: str, site: Path) -> None:
    answer = browser(site).get(f"/docs/{path}")
    assert (answer.status_code, "secret" in answer.text) == (404, False)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_is_written(method: str, site: Path) -> None:
    assert browser(site).request(method, "/docs/index.html").status_code == 405


@pytest.mark.parametrize("folder", [None, Path("/nowhere/at/all")])
def test_without_a_site_it_says_how_there_is_one(folder: Path | None) -> None:
    assert browser(folder).get("/docs/").status_code == 404
    assert "make site" in docs.missing(folder)[1]


def test_site_that_is_built_meanwhile_is_there_at_once(tmp_path: Path) -> None:
    client = browser(tmp_path / "site")
    assert client.get("/docs/").status_code == 404
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("now")
    assert client.get("/docs/").text == "now"


def test_gateway_shows_it_without_a_key(gateway: Ready) -> None:
    answer = httpx.get(f"{gateway.edge_url}/docs", follow_redirects=True, timeout=60)
    is_built = (ROOT / "dist" / "site" / "index.html").is_file()
    assert answer.status_code == (200 if is_built else 404)
    assert ("FusionXPay for merchants" if is_built else "make site") in answer.text
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "fusionxpay" not in answer.headers.get("set-cookie", "")
    for path in ("/docs/%2e%2e/console/static", "/docs/..%2f..%2fpyproject.toml", "/docs//etc/passwd"):
        assert "root:" not in (got := httpx.get(gateway.edge_url + path, timeout=60)).text
        assert got.status_code in (400, 404)
    assert httpx.post(f"{gateway.edge_url}/docs/", content="x", timeout=60).status_code == 405
