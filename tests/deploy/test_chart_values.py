"""What an operator may change about a release: whom it trusts, how long things may take, what scales."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.test_chart import CHART, Manifest, manifests, needs_helm, of_kind
from tools.helm import found

ENVOY = "pay-envoy"


def envoy(*options: str, environment: str = "production") -> Manifest:
    (one,) = [
        one
        for one in manifests(environment, *options)
        if one["kind"] == "Deployment" and one["metadata"]["name"] == ENVOY
    ]
    pod: Manifest = one["spec"]["template"]["spec"]
    return pod


def cas(*options: str) -> set[tuple[str, str, str]]:
    """Where each pod's trusted CAs come from: the kind, the name where it is no secret of its own, and the key."""
    return {
        (kind, source["name"] if not source["name"].endswith("-tls") else "", item["key"])
        for one in manifests("production", *options)
        if one["kind"] == "Deployment"
        for volume in one["spec"]["template"]["spec"]["volumes"]
        for part in volume.get("projected", {}).get("sources", [])
        for kind, source in part.items()
        for item in source["items"]
        if item["path"] == "ca.pem"
    }


@needs_helm
def test_trust_of_every_process_can_be_more_than_its_certificates_own_ca() -> None:
    assert cas() == {("secret", "", "ca.crt")}
    bundle = ("--set", "certificates.trust.configMap=both", "--set", "certificates.trust.key=bundle.pem")
    assert cas(*bundle) == {("configMap", "both", "bundle.pem")}
    assert cas("--set", "certificates.trust.secret=both") == {("secret", "both", "ca.crt")}


@needs_helm
def test_what_the_audit_has_not_taken_over_evicts_nobody_and_has_time_at_the_end() -> None:
    (spool,) = [volume for volume in envoy()["volumes"] if volume["name"] == "spool"]
    assert spool["ephemeral"]["volumeClaimTemplate"]["spec"]["accessModes"] == ["ReadWriteOnce"]
    (spool,) = [volume for volume in envoy(environment="staging")["volumes"] if volume["name"] == "spool"]
    assert spool["emptyDir"]["sizeLimit"]
    for grace in ("60", "300"):
        pod = envoy("--set", f"envoy.audit.grace={grace}")
        (audit,) = [one for one in pod["initContainers"] if one["name"] == "audit"]
        given = {one["name"]: one.get("value") for one in audit["env"]}
        assert given["FUSIONXPAY_GRACE_SECONDS"] == grace
        before, own = 35, float(given["FUSIONXPAY_DRAIN_SECONDS"] or 0) + float(grace) + 2
        assert pod["terminationGracePeriodSeconds"] >= before + own


@needs_helm
def test_migration_has_the_time_that_it_is_given() -> None:
    assert of_kind("Job")["pay-migration"]["spec"]["activeDeadlineSeconds"] == 1800
    (job,) = [one for one in manifests("production", "--set", "migration.deadline=7200") if one["kind"] == "Job"]
    assert job["spec"]["activeDeadlineSeconds"] == 7200


OWNED = {
    "labels": {"app.kubernetes.io/managed-by": "Helm"},
    "annotations": {"meta.helm.sh/release-name": "pay", "meta.helm.sh/release-namespace": "pay"},
}


def _discovery() -> dict[str, dict[str, Any]]:
    """What an API says of the kinds that the chart has."""
    kinds = sorted({(one["apiVersion"], one["kind"]) for one in manifests("production")})
    found: dict[str, dict[str, Any]] = {
        "/version": {"major": "1", "minor": "37", "gitVersion": "v1.37.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "groups": []},
    }
    for version, kind in kinds:
        group, _, number = version.rpartition("/")
        named = {"groupVersion": version, "version": number}
        path = f"/apis/{version}" if group else "/api/v1"
        if path not in found:
            found[path] = {"kind": "APIResourceList", "groupVersion": version, "resources": []}
            if group:
                found["/apis"]["groups"].append({"name": group, "versions": [named], "preferredVersion": named})
        plural = f"{kind.lower()[:-1]}ies" if kind.endswith("y") else f"{kind.lower()}s"
        found[path]["resources"].append({"name": plural, "namespaced": True, "kind": kind, "verbs": ["get"]})
    return found


@contextmanager
def cluster(replicas: int) -> Iterator[str]:
    """A Kubernetes API that knows of Deployments, each with so many replicas, and of nothing else."""

    discovery = _discovery()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            found = discovery.get(path)
            if "/deployments/" in path:
                found = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": replicas}}
                found["metadata"] = {"name": path.rpartition("/")[2], "namespace": "pay"} | OWNED
            body = json.dumps(found or {"kind": "Status", "status": "Failure", "code": 404}).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@needs_helm
def test_scaling_that_is_switched_on_takes_no_replica_away(tmp_path: Path) -> None:
    """A field that a manifest had and has no more is set to its default by an update: one replica."""
    with cluster(7) as url:
        run = subprocess.run(
            [found() or "helm", "template", "pay", str(CHART), "--namespace", "pay", "--dry-run=server",
             "--disable-openapi-validation", "--kube-apiserver", url,
             "--values", str(CHART / "values-production.yaml")],
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert run.returncode == 0, run.stderr
    documents = [one for one in yaml.safe_load_all(run.stdout) if one and one["kind"] == "Deployment"]
    kept = {one["metadata"]["name"]: one["spec"].get("replicas") for one in documents}
    assert kept == dict.fromkeys(kept, 7) | {"pay-console": 2}
