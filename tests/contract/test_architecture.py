"""`docs/architecture.md` names every use case, and draws the steps that the code allows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from enum import StrEnum

import pytest

from order_svc.domain import TRANSITIONS as ORDER
from payment_svc.domain.payment import TRANSITIONS as PAYMENT
from payment_svc.domain.refund import REFUND_TRANSITIONS as REFUND
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text()
DIAGRAMS = re.findall(r"```mermaid\nstateDiagram-v2\n(.*?)```", PAGE, re.DOTALL)


def test_every_use_case_is_named() -> None:
    modules = {
        f"{found.relative_to(ROOT)}{'/' if found.is_dir() else ''}"
        for found in ROOT.glob("*/use_cases/*")
        if not found.name.startswith("__")
    }
    assert len(modules) > 40
    assert modules - set(re.findall("`([^`]+)`", PAGE)) == set()


@pytest.mark.parametrize(
    ("at", "transitions"), [(0, ORDER), (1, PAYMENT), (2, REFUND)], ids=("order", "payment", "refund")
)
def test_states_are_drawn_as_they_are(at: int, transitions: Mapping[StrEnum, Set[StrEnum]]) -> None:
    drawn = re.findall(r"^  ([A-Z_]+) --> ([A-Z_]+)", DIAGRAMS[at], re.MULTILINE)
    assert sorted(drawn) == sorted((str(start), str(end)) for start, ends in transitions.items() for end in ends)
