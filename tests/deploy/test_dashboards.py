"""The dashboards: every query names series and labels of the catalogue, and Prometheus can read it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
import yaml

from mesh.metrics import Series
from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.waiting import eventually
from tools import metrics_catalogue
from tools.dashboards.boards import ENVOY, RATE, Panel, boards

FOLDER = Path(__file__).parents[2] / "deploy" / "observability" / "dashboards"
CATALOGUE: dict[str, Series] = {one.name: one for declared in metrics_catalogue.series().values() for one in declared}
PANELS = [
    pytest.param(panel, id=f"{board.uid}: {panel.title}")
    for board in boards()
    for panels in board.rows.values()
    for panel in panels
]
ENVOY_PANELS = [panel for row in ENVOY.rows.values() for panel in row]
OF_THE_SCRAPE = {"component", "instance", "job", "le", "envoy_cluster_name", "envoy_response_code_class"}


@pytest.mark.parametrize("panel", PANELS)
def test_query_names_what_exists(panel: Panel) -> None:
    names = {re.sub(r"_bucket$", "", name) for name in re.findall(r"fusionxpay_[a-z_]+", panel.query)}
    assert names - CATALOGUE.keys() == set()
    known = OF_THE_SCRAPE.union(*(CATALOGUE[name].labels for name in names))
    grouped = {label.strip() for by in re.findall(r"by \(([^)]*)\)", panel.query) for label in by.split(",")}
    assert grouped <= known
    assert set(re.findall(r"{{(\w+)}}", panel.legend)) <= (grouped or known)


def test_every_panel_is_in_a_file_that_grafana_can_import() -> None:
    titles = [
        panel["title"]
        for file in FOLDER.glob("*.json")
        for panel in json.loads(file.read_text())["panels"]
        if panel["type"] != "row"
    ]
    assert len(titles) == len(PANELS)


def test_prometheus_can_read_every_query(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("there is no promtool on the PATH")
    queries = [panel.query.replace(RATE, "1m") for board in boards() for row in board.rows.values() for panel in row]
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))
    checked = subprocess.run([promtool, "check", "rules", "--lint=none", file], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_envoy_tells_its_own_series_and_nothing_else(gateway: Ready, merchant: Merchant) -> None:
    merchant.new_order()
    wanted = {
        name for panel in ENVOY_PANELS for name in re.findall(r"envoy_(?:http|cluster|server)_[a-z_]+", panel.query)
    }
    wanted -= {"envoy_cluster_name", "envoy_http_conn_manager_prefix"}
    page = f"http://{gateway.envoy_metrics}"

    def told() -> bool:
        answer = httpx.get(f"{page}/metrics", trust_env=False)
        assert answer.status_code == 200
        return all(re.search(rf"^{name}[ {{]", answer.text, re.MULTILINE) for name in wanted)

    assert len(wanted) > 6
    eventually(told, f"{wanted} at {page}")
    others = [
        httpx.get(f"{page}{path}", trust_env=False).status_code
        for path in ("/", "/config_dump", "/stats", "/metrics/..")
    ]
    others += [httpx.post(f"{page}{path}", trust_env=False).status_code for path in ("/metrics", "/quitquitquit")]
    assert set(others) == {404}
