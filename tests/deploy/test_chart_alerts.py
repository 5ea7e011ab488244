"""What the chart has Prometheus look at: that a release without a pod is missed, whatever else there is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.test_chart import NAMES, manifests, needs_helm, of_kind

PARTS = [*NAMES, "envoy"]
UP = """
rule_files: [alerts.yaml]
evaluation_interval: 15s
tests:
  - interval: 15s
    input_series: %s
    alert_rule_test:
      - eval_time: 1m
        alertname: ServiceDown
        exp_alerts: %s
"""
OURS = {"namespace": "pay", "release": "pay", "job": "fusionxpay"}


@needs_helm
@pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool (Debian: the package prometheus)")
@pytest.mark.parametrize("gone", ["notify_svc", "envoy"])
def test_a_part_without_any_pod_is_missed_though_another_release_has_one(gone: str, tmp_path: Path) -> None:
    (tmp_path / "alerts.yaml").write_text(yaml.safe_dump(of_kind("PrometheusRule")["pay"]["spec"]))
    there = [OURS | {"component": part} for part in PARTS if part != gone]
    there += [OURS | {"namespace": "other", "component": part} for part in PARTS]
    series = [{"series": f"up{_selector(one)}", "values": "1x8"} for one in there]
    about = {"summary": f"{gone} does not answer", "runbook": "docs/runbooks/ServiceDown.md"}
    missed = [{"exp_labels": OURS | {"component": gone, "severity": "page"}, "exp_annotations": about}]
    (tmp_path / "up_test.yaml").write_text(UP % (yaml.safe_dump(series, default_flow_style=True), missed))
    done = subprocess.run(
        ["promtool", "test", "rules", "up_test.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _selector(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


@needs_helm
def test_every_target_has_the_labels_that_the_rules_go_by() -> None:
    (endpoint,) = of_kind("ServiceMonitor")["pay"]["spec"]["endpoints"]
    found = {one["targetLabel"]: one.get("sourceLabels") for one in endpoint["relabelings"]}
    assert found == {
        "component": ["__meta_kubernetes_service_label_app_kubernetes_io_component"],
        "namespace": ["__meta_kubernetes_namespace"],
        "release": ["__meta_kubernetes_service_label_app_kubernetes_io_instance"],
        "job": None,
    }


@needs_helm
def test_what_scales_a_release_is_what_waits_before_that_one() -> None:
    queries = [
        trigger["metadata"]["query"]
        for one in manifests("production")
        if one["kind"] == "ScaledObject"
        for trigger in one["spec"]["triggers"]
        if trigger["type"] == "prometheus"
    ]
    assert sorted(queries) == [
        f'max(fusionxpay_consumer_waiting{{namespace="pay",release="pay",component="{component}"}})'
        for component in ("notify_svc", "order_svc")
    ]
