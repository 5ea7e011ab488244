from __future__ import annotations

import asyncio
import json
import os
import pwd
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest
import redis

from stack.layout import INFRA, StackLayout
from stack.process import StackError
from stack.settings import StackSettings
from stack.stack import Ready, Stack
from tests.support.paths import ROOT
from tests.support.stack.bus import connected
from tests.support.stack.processes import Parent, alive, family
from tests.support.waiting import eventually

READY_KEYS = [
    "edge_url",
    "edge_https_url",
    "ca_file",
    "operator_tls",
    "edge_grpc",
    "services",
    "metrics",
    "merchant",
    "console",
    "sandbox_url",
    "database_urls",
    "nats_url",
    "redis_url",
    "envoy_admin",
    "envoy_metrics",
    "webhook_secrets",
    "pids",
    "log_dir",
    "control",
    "audit_anchors",
]
ENVOY_CONFIG = """
admin: {{address: {{pipe: {{path: {admin}}}}}}}
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {http}}}}}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: public
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{{match: {{prefix: /}}, direct_response: {{status: 200}}}}]
          http_filters:
          - name: router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
"""


def envoy_config(site: StackLayout) -> Path:
    config = site.data.folder("envoy") / "envoy.yaml"
    config.write_text(ENVOY_CONFIG.format(admin=site.envoy_admin, http=site.ports["envoy"]))
    return config


def listens(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port), 1).close()
    except OSError:
        return False
    return True


def answers(stack: Stack) -> bool:
    """Use each infra server the way a service does."""
    ready = stack.ready
    with psycopg.connect(ready.database_urls["orders"]) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("orders",)
    with redis.Redis.from_url(ready.redis_url) as client:
        assert client.ping()
    publish(ready, stream=f"CHECK_{os.getpid()}")
    return True


def publish(ready: Ready, stream: str) -> int:
    """Put one message into a stream, made if needed, and return how many it holds."""

    async def put() -> int:
        async with connected(ready) as client:
            jetstream = client.jetstream()
            await jetstream.add_stream(name=stream, subjects=[stream.lower()])
            await jetstream.publish(stream.lower(), b"message")
            messages: int = (await jetstream.stream_info(stream)).state.messages
        return messages

    return asyncio.run(put())


def test_servers_are_up_inside_the_block_and_gone_after_it() -> None:
    with Stack(components=INFRA) as stack:
        assert answers(stack)
        assert list(stack.ready.database_urls) == ["orders", "payments", "notify", "identity", "audit", "console"]
        pids, log_dir = family(list(stack.ready.pids.values())), Path(stack.ready.log_dir)
    assert not any(alive(pid) for pid in pids)
    assert not log_dir.parent.exists()


def test_ready_has_the_promised_keys_and_nothing_for_what_does_not_run() -> None:
    with Stack(components=["valkey"]) as stack:
        ready = json.loads(stack.ready.to_json())
    assert list(ready) == READY_KEYS
    assert list(ready["pids"]) == ["valkey"]
    assert not any(ready[key] for key in ("edge_url", "services", "sandbox_url", "database_urls", "nats_url"))


def test_two_stacks_run_side_by_side() -> None:
    with Stack(components=INFRA) as one, Stack(components=INFRA) as other:
        assert answers(one)
        assert answers(other)
        assert not set(one.ready.pids.values()) & set(other.ready.pids.values())


def test_what_was_stored_survives_a_restart_of_the_stack(tmp_path_for_postgres: Path) -> None:
    settings = StackSettings(data_dir=tmp_path_for_postgres)
    with Stack(settings, INFRA) as stack:
        with psycopg.connect(stack.ready.database_urls["payments"]) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        assert publish(stack.ready, "KEPT") == 1
    with Stack(settings, INFRA) as stack:
        with psycopg.connect(stack.ready.database_urls["payments"]) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        assert publish(stack.ready, "KEPT") == 2


def test_what_was_stored_survives_kill_of_every_server(tmp_path_for_postgres: Path) -> None:
    with Stack(StackSettings(data_dir=tmp_path_for_postgres, durable=True), INFRA) as stack:
        with psycopg.connect(stack.ready.database_urls["orders"]) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        assert publish(stack.ready, "KEPT") == 1
        for name in INFRA:
            stack.kill(name)
        for name in INFRA:
            stack.start(name)
        with psycopg.connect(stack.ready.database_urls["orders"]) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        assert publish(stack.ready, "KEPT") == 2


@pytest.mark.parametrize("name", INFRA)
def test_restarted_component_has_its_old_address_and_a_new_pid(name: str, tmp_path: Path) -> None:
    with Stack(StackSettings(ready_file=tmp_path / "ready.json"), [name]) as stack:
        before = stack.ready
        stack.restart(name)
        assert stack.ready.pids[name] != before.pids[name]
        assert (stack.ready.nats_url, stack.ready.redis_url) == (before.nats_url, before.redis_url)
        assert stack.ready.database_urls == before.database_urls
        assert json.loads((tmp_path / "ready.json").read_text())["pids"] == stack.ready.pids


def test_killed_component_stays_down_until_it_is_started() -> None:
    with Stack(components=["valkey"]) as stack:
        stack.kill("valkey")
        assert not listens(stack.ready.redis_url)
        assert stack.ready.pids == {}
        assert stack.fallen() == []
        stack.start("valkey")
        assert listens(stack.ready.redis_url)


def test_component_that_ends_by_itself_is_noticed() -> None:
    with Stack(components=["valkey"]) as stack:
        psutil.Process(stack.ready.pids["valkey"]).kill()
        eventually(lambda: stack.fallen() == ["valkey"])


def test_ready_file_is_private_and_exists_only_while_all_is_healthy(tmp_path: Path) -> None:
    ready_file = tmp_path / "ready.json"
    with Stack(StackSettings(ready_file=ready_file), ["valkey"]) as stack:
        assert json.loads(ready_file.read_text()) == json.loads(stack.ready.to_json())
        assert stat.S_IMODE(ready_file.stat().st_mode) == 0o600
    assert not ready_file.exists()


def test_ready_file_of_a_stack_that_was_killed_is_removed_before_the_next_is_ready(tmp_path: Path) -> None:
    ready_file = tmp_path / "ready.json"
    ready_file.write_text("stale")

    def config(site: StackLayout) -> Path:
        assert not ready_file.exists()
        return envoy_config(site)

    with Stack(StackSettings(ready_file=ready_file), ["envoy"], config):
        assert ready_file.exists()


def test_ready_file_that_cannot_be_written_is_reported_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StackError, match=r"ready file .*/file/ready\.json cannot be used"):
        Stack(StackSettings(ready_file=tmp_path / "file" / "ready.json"), ["valkey"]).__enter__()


def test_failed_start_names_the_log_and_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(site: StackLayout) -> Path:
        config = envoy_config(site)
        config.write_text("no_such_field: 1")
        return config

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(StackError, match=r"(?s)envoy ended .*envoy\.log ends with:.*no_such_field"):
        Stack(components=["nats", "valkey", "envoy"], envoy_config=broken).__enter__()
    (folder,) = tmp_path.iterdir()
    assert (folder / "logs" / "envoy.log").exists()
    assert not [one for one in psutil.process_iter(["cmdline"]) if str(folder) in " ".join(one.info["cmdline"] or [])]


def test_envoy_answers_on_the_port_that_was_asked_for() -> None:
    with Stack(components=["envoy"], envoy_config=envoy_config) as stack:
        assert listens(stack.ready.edge_url)
        assert stack.ready.edge_url == f"http://{stack.ready.edge_grpc}"
        port = int(stack.ready.edge_grpc.rsplit(":", 1)[1])
    with Stack(StackSettings(http_port=port), ["envoy"], envoy_config) as stack:
        assert stack.ready.edge_grpc == f"127.0.0.1:{port}"


def test_servers_of_the_environment_take_the_place_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    with Stack(StackSettings(mutual_tls=False), INFRA) as outside:
        monkeypatch.setenv("FUSIONXPAY_POSTGRES_URL", outside.ready.database_urls["orders"].removesuffix("/orders"))
        monkeypatch.setenv("FUSIONXPAY_NATS_URL", outside.ready.nats_url)
        monkeypatch.setenv("FUSIONXPAY_REDIS_URL", outside.ready.redis_url)
        with Stack(components=INFRA) as stack:
            assert stack.ready.pids == {}
            assert stack.ready.nats_url == outside.ready.nats_url
            assert answers(stack)


def test_real_stripe_takes_the_place_of_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSIONXPAY_STRIPE_API_KEY", "sk_test_real")
    monkeypatch.setenv("FUSIONXPAY_STRIPE_WEBHOOK_SECRET", "whsec_real")
    with Stack(components=["sandbox"]) as stack:
        assert stack.ready.sandbox_url == ""
        assert stack.ready.pids == {}
        assert stack.ready.webhook_secrets == {"stripe": "whsec_real"}


def test_database_server_that_is_not_there_is_reported_by_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSIONXPAY_POSTGRES_URL", "postgresql://user:secret@127.0.0.1:9")
    with pytest.raises(StackError, match="FUSIONXPAY_POSTGRES_URL") as caught:
        Stack(components=["postgres"]).__enter__()
    assert "secret" not in str(caught.value)


@pytest.fixture(scope="module")
def servers() -> Iterator[Ready]:
    """A stack of servers that is only looked at."""
    with Stack(components=INFRA) as stack:
        yield stack.ready


def test_passwords_are_not_on_any_command_line(servers: Ready) -> None:
    passwords = [urlsplit(url).password for url in (servers.database_urls["orders"], servers.redis_url)]
    assert not urlsplit(servers.nats_url).password
    lines = [" ".join(psutil.Process(pid).cmdline()) for pid in family(list(servers.pids.values()))]
    assert all(passwords)
    assert not [line for line in lines if any(str(password) in line for password in passwords)]


def test_servers_refuse_a_client_without_the_password(servers: Ready) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(servers.database_urls["orders"], password="x")
    with redis.Redis(port=urlsplit(servers.redis_url).port or 0) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_unknown_component_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown components: postgre"):
        Stack(components=["postgre"])


RUN_UNTIL_KILLED = """
import pathlib, sys, time
from stack.settings import StackSettings
from stack.layout import INFRA
from stack.stack import Ready, Stack
with Stack(StackSettings(), INFRA):
    time.sleep(600)
"""


def test_no_process_outlives_a_parent_that_is_killed_and_the_data_can_be_used_again(
    tmp_path: Path, tmp_path_for_postgres: Path, run_parent: Callable[..., Parent]
) -> None:
    data_dir, ready_file = tmp_path_for_postgres, tmp_path / "ready.json"
    parent = run_parent(
        RUN_UNTIL_KILLED, FUSIONXPAY_STACK_DATA_DIR=str(data_dir), FUSIONXPAY_STACK_READY_FILE=str(ready_file)
    )
    pids = family(list(parent.wait_for(ready_file)["pids"].values()))
    parent.process.kill()
    parent.process.wait()
    # At once, while PostgreSQL is still about to end: the next stack has to wait for it.
    with Stack(StackSettings(data_dir=data_dir), INFRA) as stack:
        assert answers(stack)
        assert not any(alive(pid) for pid in pids)


RUN_AS_ORDINARY_USER = """
import encodings.idna, os, sys
import psycopg
from stack.process import StackError
from stack.settings import StackSettings
from stack.layout import INFRA
from stack.stack import Ready, Stack
if os.geteuid() == 0:  # everything is loaded by now: the user may not be able to reach the interpreter's files
    os.setgroups([])
    os.setgid({gid})
    os.setuid({uid})
with Stack(StackSettings(), INFRA) as stack:
    with psycopg.connect(stack.ready.database_urls["orders"]) as connection:
        print(os.geteuid(), connection.execute("SELECT 'works'").fetchone()[0])
"""


def test_ordinary_user_needs_no_privilege(tmp_path_for_postgres: Path) -> None:
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    if not all(folder.stat().st_mode & stat.S_IXOTH for folder in (ROOT, *ROOT.parents)) and os.geteuid() == 0:
        pytest.skip(f"{user.pw_name} may not look into {ROOT}: programs of the packages cannot be run from there")
    os.chown(tmp_path_for_postgres, user.pw_uid, user.pw_gid)
    script = RUN_AS_ORDINARY_USER.format(uid=user.pw_uid, gid=user.pw_gid)
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path_for_postgres), "TMPDIR": str(tmp_path_for_postgres)}
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert run.stdout == f"{user.pw_uid} works\n", run.stderr
