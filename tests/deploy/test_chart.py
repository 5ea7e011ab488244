"""The Helm chart, rendered by the real Helm, and held against Kubernetes, the processes and the contracts."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from envoy_config.options import EnvoyOptions
from envoy_config.render import options_from, render
from fusionxpay_client.version import VERSION
from mesh.settings import PREFIX, ServiceSettings
from mesh.tls import TRUST_DOMAIN
from mesh.tracing.switch import ENDPOINT, PART
from stack.console import CONSOLE
from stack.databases import DATABASES
from stack.services import OUR_SERVICES
from tests.deploy.test_compose import of_providers, settings_of
from tests.support.paths import ROOT
from tools.chart import callers, rendered
from tools.helm import found

CHART = ROOT / "deploy" / "helm" / "fusionxpay"
ENVIRONMENTS = ("dev", "staging", "production")
NAMES = [*(service.name for service in OUR_SERVICES), CONSOLE.name]
UNKNOWN_TO_KUBERNETES = {
    "Certificate",
    "ExternalSecret",
    "ServiceMonitor",
    "PrometheusRule",
    "ScaledObject",
    "TLSRoute",
}
Manifest = dict[str, Any]
POLICY = "NetworkPolicy"
ALIVE = {"startupProbe": "/livez", "livenessProbe": "/livez"}
needs_helm = pytest.mark.skipif(found() is None, reason="helm is not installed: python -m tools.helm")


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([found() or "helm", *arguments], capture_output=True, text=True, check=False)


@cache
def manifests(environment: str, *options: str) -> list[Manifest]:
    values = str(CHART / f"values-{environment}.yaml")
    run = helm("template", "pay", str(CHART), "--namespace", "pay", "--values", values, *options)
    assert run.returncode == 0, run.stderr
    return [document for document in yaml.safe_load_all(run.stdout) if document]


def of_kind(kind: str, environment: str = "production") -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one for one in manifests(environment) if one["kind"] == kind}


def name_of(process: str) -> str:
    return f"pay-{process.replace('_', '-')}"


def pods(environment: str) -> Iterator[tuple[str, Manifest]]:
    for one in manifests(environment):
        if one["kind"] in {"Deployment", "Job"}:
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]


def containers(pod: Manifest) -> list[Manifest]:
    return [*pod["containers"], *pod.get("initContainers", [])]


def container_of(process: str) -> Manifest:
    pod = of_kind("Deployment")[name_of("envoy" if process == "audit_svc" else process)]["spec"]["template"]["spec"]
    (own,) = [one for one in containers(pod) if one["command"] == ["python", "-m", process]]
    return own


def probes_of(container: Manifest) -> dict[str, str]:
    """What each of a container's probes asks for."""
    return {kind: probe.get("httpGet", {}).get("path") for kind, probe in container.items() if kind.endswith("Probe")}


def egress(process: str, *options: str) -> list[Manifest]:
    policies = {one["metadata"]["name"]: one for one in manifests("production", *options) if one["kind"] == POLICY}
    rules: list[Manifest] = policies[name_of(process)]["spec"]["egress"]
    return rules


def ports_of(process: str, *options: str) -> set[int]:
    """The ports that a process may reach anywhere."""
    return {port["port"] for rule in egress(process, *options) for port in rule["ports"]}


def reached(process: str) -> dict[str, list[int]]:
    """The ports that a process may reach at each of ours."""
    found: dict[str, list[int]] = defaultdict(list)
    for rule in egress(process):
        for peer in rule["to"]:
            labels = peer.get("podSelector", {}).get("matchLabels", {})
            if component := labels.get("app.kubernetes.io/component"):
                found[name_of(component)] += [port["port"] for port in rule["ports"] if port["port"] != 50051]
    return found


def callees(process: str) -> list[str]:
    """Whom a process is told the addresses of."""
    return [callee for callee, allowed in callers().items() if process in allowed and callee != "audit_svc"]


@needs_helm
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_helm_has_nothing_to_say_of_it(environment: str) -> None:
    run = helm("lint", "--strict", "--values", str(CHART / f"values-{environment}.yaml"), str(CHART))
    assert run.returncode == 0, run.stdout + run.stderr


@needs_helm
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_manifest_is_one_that_kubernetes_knows(environment: str) -> None:
    for one in manifests(environment):
        if one["kind"] not in UNKNOWN_TO_KUBERNETES:
            kubernetes_validate.validate(one, "1.37", strict=True)


@needs_helm
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_pod_satisfies_the_restricted_security_standard(environment: str) -> None:
    """Source: Kubernetes, "Pod Security Standards", restricted."""
    volumes = {"configMap", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
    for name, pod in pods(environment):
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(), name
        assert pod["automountServiceAccountToken"] is False
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] == 65532
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert all((volume.keys() - {"name"}) <= volumes for volume in pod["volumes"])
        for container in containers(pod):
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False, container["name"]
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert own["readOnlyRootFilesystem"] is True
            assert not any("hostPort" in port for port in container.get("ports", []))
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
            assert "memory" in container["resources"]["limits"]


@needs_helm
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_deployment_is_ever_without_a_replica_and_each_drains(environment: str) -> None:
    known = ServiceSettings.model_fields
    for name, deployment in of_kind("Deployment", environment).items():
        spec, pod = deployment["spec"], deployment["spec"]["template"]["spec"]
        assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
        assert name in of_kind("PodDisruptionBudget", environment)
        assert len(pod["topologySpreadConstraints"]) == 2
        for container in containers(pod):
            if container["name"] == "service":
                given = {one["name"]: one.get("value") for one in container["env"]}
                drain = float(given[f"{PREFIX}DRAIN_SECONDS"] or known["drain_seconds"].default)
                grace = float(given[f"{PREFIX}GRACE_SECONDS"] or known["grace_seconds"].default)
                before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
                assert before + drain + 2 * grace < pod["terminationGracePeriodSeconds"]


@needs_helm
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_database_that_is_away_restarts_nothing_and_takes_only_its_own_service_away(environment: str) -> None:
    """A sidecar's readiness is that of its pod. Source: Kubernetes, "Sidecar Containers"."""
    for deployment in of_kind("Deployment", environment).values():
        pod = deployment["spec"]["template"]["spec"]
        for container in pod["containers"]:
            assert probes_of(container).keys() == {"startupProbe", "livenessProbe", "readinessProbe"}
            if container["name"] == "service":
                assert probes_of(container) == ALIVE | {"readinessProbe": "/readyz"}
        for container in pod.get("initContainers", []):
            assert probes_of(container) == (ALIVE if container.get("restartPolicy") == "Always" else {})
    audit = of_kind("Service", environment)[name_of("audit_svc")]["spec"]
    assert audit["publishNotReadyAddresses"] is True


@needs_helm
@pytest.mark.parametrize("name", NAMES)
def test_settings_of_a_process_are_those_that_it_knows_and_complete(name: str) -> None:
    given = {one["name"].removeprefix(PREFIX) for one in container_of(name)["env"]}
    kind = settings_of(name)
    known = {field.upper() for field in kind.model_fields} | of_providers(kind)
    assert given <= known | {f"{field}_FILE" for field in known}
    needed = {field.upper() for field, about in kind.model_fields.items() if about.is_required()}
    assert {field for field in needed if not {field, f"{field}_FILE"} & given} == set()


@needs_helm
def test_clients_find_every_replica_by_a_headless_service() -> None:
    services = of_kind("Service")
    targets = [("payment_svc", "ORDER_TARGET", "order_svc"), ("notify_svc", "IDENTITY_TARGET", "edge")]
    targets += [("console", f"{callee.removesuffix('_svc').upper()}_TARGET", callee) for callee in callees("console")]
    for name, variable, callee in targets:
        given = {one["name"]: one.get("value") for one in container_of(name)["env"]}
        assert given[PREFIX + variable] == f"dns:///{name_of(callee)}:50051"
    assert all(services[name_of(name)]["spec"]["clusterIP"] == "None" for name in NAMES)


@needs_helm
def test_envoy_is_rendered_for_the_release() -> None:
    options = options_from(of_kind("ConfigMap")["pay-envoy"]["data"]["options.yaml"])
    config = yaml.safe_load(render(options))
    addresses = {
        cluster["name"]: cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]
        for cluster in config["static_resources"]["clusters"]
    }
    hosts = {name: address["socket_address"]["address"] for name, address in addresses.items()}
    assert hosts == {
        "order": "pay-order-svc",
        "payment": "pay-payment-svc",
        "notify": "pay-notify-svc",
        "edge": "pay-edge",
        "console": "pay-console",
        "administration": "127.0.0.1",
    }


@needs_helm
def test_console_reaches_the_public_api_within_the_cluster_by_the_name_of_its_certificate() -> None:
    given = {one["name"].removeprefix(PREFIX): one.get("value") for one in container_of("console")["env"]}
    public = of_kind("Certificate")["pay-public"]["spec"]["dnsNames"]
    assert (given["GATEWAY_URL"], [given["GATEWAY_SERVER_NAME"]]) == ("https://pay-envoy", public)
    assert given["PUBLIC_URL"] == f"https://{public[0]}"
    links = {one["name"].removeprefix(PREFIX): one.get("value") for one in container_of("order_svc")["env"]}
    assert links["PUBLIC_URL"] == given["PUBLIC_URL"]
    assert {"pay-envoy": [8443]}.items() <= reached("console").items()


@needs_helm
def test_envoys_own_series_are_scraped_and_not_public() -> None:
    options = options_from(of_kind("ConfigMap")["pay-envoy"]["data"]["options.yaml"])
    (port,) = of_kind("Service")["pay-envoy-metrics"]["spec"]["ports"]
    pod = of_kind("Deployment")["pay-envoy"]["spec"]["template"]["spec"]
    (envoy,) = pod["containers"]
    own = {one["name"]: one["containerPort"] for one in envoy["ports"]}[port["targetPort"]]
    assert options.metrics_listen == f"0.0.0.0:{own}"
    assert port["name"] == of_kind("ServiceMonitor")["pay"]["spec"]["endpoints"][0]["port"]
    public = of_kind("Service")["pay-envoy"]["spec"]["ports"]
    assert {one["targetPort"] for one in public} == {"http", "https"}


@needs_helm
def test_envoy_and_every_process_send_their_spans_to_the_same_place() -> None:
    where = ("--set-json", 'tracing={"endpoint":"http://collector:4317","part":0.5}')
    found = {one["metadata"]["name"]: one for one in manifests("production", *where) if one["kind"] == "Deployment"}
    for name, deployment in found.items():
        pod = deployment["spec"]["template"]["spec"]
        for container in containers(pod):
            given = {one["name"]: one.get("value") for one in container.get("env", [])}
            if given:
                assert (given[ENDPOINT], given[PART]) == ("http://collector:4317", "0.5"), name
    (config,) = [one for one in manifests("production", *where) if one["kind"] == "ConfigMap"]
    options = options_from(config["data"]["options.yaml"])
    assert (options.otlp_endpoint, options.trace_part) == ("http://collector:4317", 0.5)
    assert options_from(of_kind("ConfigMap")["pay-envoy"]["data"]["options.yaml"]).otlp_endpoint == ""
    for process in ("order_svc", "payment_svc", "notify_svc", "edge", "envoy"):
        assert 4317 in ports_of(process, *where)
        assert 4317 not in ports_of(process)


def test_schema_knows_the_options_of_envoy() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    known = schema["properties"]["envoy"]["properties"]["options"]
    assert known["properties"].keys() == {field.name for field in fields(EnvoyOptions)}
    assert known["additionalProperties"] is False


@needs_helm
def test_only_the_callers_of_the_contracts_get_through_the_network() -> None:
    policies = of_kind(POLICY)
    everything = policies["pay-default-deny"]["spec"]
    assert everything["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in everything
    assert "egress" not in everything
    for process, allowed in callers().items():
        policy = policies[name_of("envoy" if process == "audit_svc" else process)]["spec"]
        through = {
            peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
            for rule in policy["ingress"]
            if rule["ports"] == [{"protocol": "TCP", "port": 50051}]
            for peer in rule["from"]
        }
        assert through == set(allowed), process


@needs_helm
def test_certificates_have_the_names_that_the_mesh_goes_by() -> None:
    issued = {
        uri.removeprefix(TRUST_DOMAIN): one["spec"]["dnsNames"]
        for one in of_kind("Certificate").values()
        for uri in one["spec"].get("uris", [])
    }
    assert issued == {name: [name] for name in (*NAMES, "envoy", "operator")}
    secrets = {one["spec"]["secretName"] for one in of_kind("Certificate").values()}
    mounted = {
        source["secret"]["name"]
        for _, pod in pods("production")
        for volume in pod["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
    }
    assert mounted == secrets - {"pay-operator-tls"}


@needs_helm
def test_console_reaches_a_mail_server_and_a_provider_of_identities_when_told_of_one() -> None:
    outside = {443, 465, 587}
    assert not outside & ports_of("console")
    for option in ("SMTP_HOST=mail.example", "OIDC_ISSUER=https://login.example"):
        assert outside <= ports_of("console", "--set", f"services.console.env.{option}")
        assert not outside & ports_of("order_svc", "--set", f"services.console.env.{option}")


@needs_helm
def test_databases_are_migrated_before_an_update() -> None:
    job = of_kind("Job")["pay-migration"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    command = job["spec"]["template"]["spec"]["containers"][0]["command"]
    assert command[2:] == [
        "mesh.storage.migrate",
        *(f"{name}={base}" for name, base in DATABASES.items()),
    ]


@needs_helm
def test_consumers_are_scaled_by_what_waits_and_the_rest_by_load() -> None:
    assert set(of_kind("ScaledObject")) == {"pay-order-svc", "pay-notify-svc"}
    assert set(of_kind("HorizontalPodAutoscaler")) == {"pay-payment-svc", "pay-edge", "pay-envoy"}
    fixed = {name: one["spec"]["replicas"] for name, one in of_kind("Deployment").items() if "replicas" in one["spec"]}
    assert fixed == {"pay-console": 2}


@needs_helm
@pytest.mark.parametrize(
    ("option", "named"),
    [
        ("services.order_svc.replicas=0", "/services/order_svc/replicas"),
        ("services.order_svc.replica=2", "replica"),
        ("image.digest=latest", "/image/digest"),
        ("secrets.mode=none", "/secrets/mode"),
        ("certificates.duration=soon", "/certificates/duration"),
        ("envoy.service.type=Host", "/envoy/service/type"),
        ("envoy.options.otlp_endpoint=collector:4317", "/envoy/options/otlp_endpoint"),
        ("envoy.options.metrics_listen=9465", "/envoy/options/metrics_listen"),
        ("envoy.options.trusted_hop=1", "trusted_hop"),
        ("tracing.endpoint=collector:4317", "/tracing/endpoint"),
        ("tracing.part=2", "/tracing/part"),
    ],
)
def test_wrong_value_is_refused_by_its_name(option: str, named: str) -> None:
    run = helm("template", "pay", str(CHART), "--set", option)
    assert run.returncode != 0
    assert named in run.stderr


def test_what_the_chart_takes_from_elsewhere_is_as_there() -> None:
    for file, text in rendered().items():
        assert file.read_text() == text, f"{file} is stale: run `make gen`"


def test_chart_has_the_version_of_the_gateway() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (VERSION, VERSION)


def test_values_of_each_environment_change_only_what_there_is() -> None:
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    for environment in ENVIRONMENTS:
        _known(yaml.safe_load((CHART / f"values-{environment}.yaml").read_text()), defaults, Path(environment))


def _known(given: Manifest, defaults: Manifest, where: Path) -> None:
    for key, value in given.items():
        assert key in defaults, where / key
        # what has no keys of its own takes any
        if isinstance(value, dict) and defaults[key]:
            _known(value, defaults[key], where / key)
