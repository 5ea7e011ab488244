"""The workflows: they can be read, name targets that there are, and give no job more rights than it needs."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.support.paths import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: str(file.stem))
def test_workflow_is_bounded_and_has_no_rights_that_no_job_asks_for(file: Any) -> None:
    workflow = yaml.safe_load(file.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 100 for job in workflow["jobs"].values())


def test_nightly_runs_targets_of_the_makefile() -> None:
    nightly = yaml.safe_load((ROOT / ".github" / "workflows" / "nightly.yml").read_text())
    targets = nightly["jobs"]["long"]["strategy"]["matrix"]["target"]
    assert {target.split()[0] for target in targets} <= TARGETS
    steps = [step.get("run", "") for job in nightly["jobs"].values() for step in job["steps"]]
    assert {target for run in steps for target in re.findall(r"make ([a-z-]+)", run)} <= TARGETS
