from __future__ import annotations

from pathlib import Path

import pytest

from stack.layout import COMPONENTS, StackLayout, plan_layout
from stack.ports import Ports
from stack.settings import StackSettings
from stack.state import PORTS_FILE, DataDir


def laid_out_in(folder: Path, settings: StackSettings | None = None) -> StackLayout:
    with DataDir(folder) as data, Ports() as ports:
        return plan_layout(settings or StackSettings(), frozenset(COMPONENTS), data, ports)


def test_next_stack_of_a_data_dir_has_the_ports_of_the_last(tmp_path: Path) -> None:
    before = laid_out_in(tmp_path)
    after = laid_out_in(tmp_path)
    assert after.ports == before.ports
    assert after.sandbox_url == before.sandbox_url


def test_only_a_port_that_is_in_use_is_another_one(tmp_path: Path) -> None:
    before = laid_out_in(tmp_path).ports
    with Ports() as others:
        others.take(before["valkey"])
        after = laid_out_in(tmp_path).ports
    assert {name for name, port in after.items() if port != before[name]} == {"valkey"}


def test_new_replica_takes_no_port_of_another_and_a_wanted_port_comes_first(tmp_path: Path) -> None:
    before = laid_out_in(tmp_path).ports
    settings = StackSettings(replicas=2, https_port=before["sandbox"])
    after = laid_out_in(tmp_path, settings).ports
    assert after["envoy_https"] == before["sandbox"]
    assert len(set(after.values())) == len(after)
    assert {name for name in before if after[name] != before[name]} == {"envoy_https", "sandbox"}


@pytest.mark.parametrize("text", ["", "[1]", '"text"', '{"sandbox": 70000, "valkey": "text"}'])
def test_ports_that_cannot_be_read_are_new_ones(tmp_path: Path, text: str) -> None:
    (tmp_path / PORTS_FILE).write_text(text)
    assert laid_out_in(tmp_path).ports["sandbox"]
