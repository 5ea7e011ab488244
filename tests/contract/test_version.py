"""One version: of the gateway, of the client package, and of the changelog."""

from __future__ import annotations

import re
import tomllib

from typer.testing import CliRunner

from cli.__main__ import app
from fusionxpay_client.version import VERSION
from tests.support.paths import ROOT


def test_command_prints_the_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"fusionxpay {VERSION}\n"


def test_gateway_and_client_have_the_version_of_one_file() -> None:
    for folder in (ROOT, ROOT / "client"):
        project = tomllib.loads((folder / "pyproject.toml").read_text())
        assert project["project"]["dynamic"] == ["version"]
        file = folder / project["tool"]["hatch"]["version"]["path"]
        assert file.resolve() == ROOT / "client" / "fusionxpay_client" / "version.py"


def test_newest_release_of_the_changelog_is_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.findall(r"^## \[(\d[^\]]*)\]", changelog, re.MULTILINE)[0] == VERSION
