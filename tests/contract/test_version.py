"""One version: of the gateway, of the client package, and of the changelog, which has one list of each kind."""

from __future__ import annotations

import re
import tomllib

from typer.testing import CliRunner

from cli.__main__ import app
from fusionxpay_client.version import VERSION
from tests.support.paths import ROOT

KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
"""The kinds of change, in the order of Keep a Changelog."""
NOTES = "Before you update from "
"""What the section before all kinds is called, where an operator has something to do."""


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


def test_changelog_has_one_list_of_each_kind_in_a_version() -> None:
    versions = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[1:]
    assert len(versions) > 4
    for version in versions:
        first, *others = re.findall(r"^### (.*)", version, re.MULTILINE)
        kinds = others if first.startswith(NOTES) else [first, *others]
        assert kinds == [kind for kind in KINDS if kind in kinds], version.partition("\n")[0]
        for kind in re.split(r"^### ", version, flags=re.MULTILINE)[1:]:
            areas = re.findall("^#### .*", kind, re.MULTILINE)
            assert len(areas) == len(set(areas)), areas
            head = kind.partition("\n#### ")[0]
            assert not areas or "\n- " not in head, f"of no area: {head}"
