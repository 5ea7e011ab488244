"""`fusionxpay open`: an address that a person can go to, and a login."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from cli.__main__ import app
from cli.pages import Page
from stack.stack import Ready


@pytest.mark.parametrize("page", Page)
def test_page_is_there(page: Page, gateway: Ready, tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    ready.write_text(json.dumps({"console": gateway.console}))
    done = CliRunner().invoke(app, ["open", page, "--print", "--ready-file", str(ready)])
    assert (done.exit_code, gateway.console["password"] in done.stderr) == (0, page is not Page.DOCS), done.output
    if page is Page.DOCS:
        # built or not: tests/console/test_docs.py looks at both
        assert done.stdout.strip() == f"{gateway.edge_url}/docs"
        return
    # who is not logged in is asked to, and led on afterwards
    answer = httpx.get(done.stdout.strip(), follow_redirects=True, timeout=60)
    assert (answer.status_code, "password" in answer.text) == (200, True)


def test_without_a_stack_it_says_so(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["open", "--ready-file", str(tmp_path / "ready.json")], env={"COLUMNS": "250"})
    assert (done.exit_code, "nothing runs here" in done.output) == (69, True)
