"""`fusionxpay merchant` and `fusionxpay key`, against the service that they ask."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from cli.__main__ import app
from stack.stack import Ready
from tests.support.stack.mesh import operator_environment
from tests.support.waiting import PATIENCE, eventually

Run = Callable[..., Any]
NOBODY = str(uuid.UUID(int=0))


@pytest.fixture
def invoke(gateway: Ready) -> Callable[..., Result]:
    """Run a command that asks the shared stack."""

    def run(*arguments: str) -> Result:
        env = {"COLUMNS": "250", "FUSIONXPAY_EDGE_TARGET": gateway.services["edge"]} | operator_environment(gateway)
        return CliRunner().invoke(app, list(arguments), env=env)

    return run


@pytest.fixture
def run(invoke: Callable[..., Result]) -> Run:
    """Run a command and return the JSON that it prints."""

    def run(*arguments: str) -> Any:
        result = invoke(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.output)

    return run


@pytest.fixture
def merchant_id(run: Run) -> str:
    """The test's own merchant."""
    return str(run("merchant", "create", "A [shop]")["merchant_id"])


def status(gateway: Ready, secret: str) -> int:
    headers = {"authorization": f"Bearer {secret}"}
    return httpx.get(f"{gateway.edge_url}/v1/orders", headers=headers, timeout=PATIENCE).status_code


def test_merchant_is_created_listed_disabled_and_enabled(
    run: Run, invoke: Callable[..., Result], merchant_id: str
) -> None:
    def listed() -> dict[str, Any]:
        (found,) = (one for one in run("merchant", "list") if one["merchant_id"] == merchant_id)
        return dict(found)

    assert listed()["display_name"] == "A [shop]"
    assert "disable_time" not in listed()
    disabled = run("merchant", "disable", merchant_id)
    assert disabled["disable_time"]
    assert run("merchant", "disable", merchant_id) == listed() == disabled
    assert "disable_time" not in run("merchant", "enable", merchant_id)
    assert "A [shop]" in invoke("merchant", "list").output


def test_key_is_printed_once_and_works(
    run: Run, invoke: Callable[..., Result], merchant_id: str, gateway: Ready
) -> None:
    created = invoke("key", "create", "--merchant", merchant_id, "--require-signature", "--live")
    (secret,) = re.findall(r"sk_live_[\w-]{43}\b", created.output)
    (signing_secret,) = re.findall(r"sig_[\w-]{43}\b", created.output)
    listed = invoke("key", "list", "--merchant", merchant_id)
    assert secret not in listed.output
    assert signing_secret not in listed.output
    assert "required" in listed.output
    assert status(gateway, secret) == 401
    (key,) = run("key", "list", "--merchant", merchant_id)
    assert (key["mode"], key["secret"], key["signing_secret"]) == ("LIVE", "", "")


def test_key_is_what_was_asked_for(run: Run, merchant_id: str) -> None:
    asked = ["--scope", "orders:read", "--scope", "payments:read", "--allow-ip", "10.0.0.0/8", "--allow-ip", "::1"]
    key = run("key", "create", "--merchant", merchant_id, *asked, "--expires-in", "90d", "--allow-signature")
    assert key["scopes"] == ["orders:read", "payments:read"]
    assert key["allowed_ips"] == ["10.0.0.0/8", "::1/128"]
    assert (key["mode"], key["signature"]) == ("TEST", "OPTIONAL")
    lifetime = datetime.fromisoformat(key["expire_time"]) - datetime.fromisoformat(key["create_time"])
    assert abs(lifetime - timedelta(days=90)) < timedelta(minutes=1)


def test_key_is_rotated_and_revoked(run: Run, merchant_id: str, gateway: Ready) -> None:
    old = run("key", "create", "--merchant", merchant_id)
    assert old["scopes"] == ["*"]
    new = run("key", "rotate", old["api_key_id"], "--overlap", "1h")
    assert [status(gateway, key["secret"]) for key in (old, new)] == [200, 200]
    assert run("key", "revoke", old["api_key_id"])["revoke_time"]
    eventually(lambda: status(gateway, old["secret"]) == 401, "401")
    assert status(gateway, new["secret"]) == 200
    assert [key["api_key_id"] for key in run("key", "list", "--merchant", merchant_id)] == [
        new["api_key_id"],
        old["api_key_id"],
    ]


def test_key_is_changed(run: Run, invoke: Callable[..., Result], merchant_id: str) -> None:
    key = run("key", "create", "--merchant", merchant_id, "--scope", "orders:read", "--allow-ip", "10.0.0.0/8")
    identity = key["api_key_id"]
    changed = run("key", "change", identity, "--allow-ip", "203.0.113.7")
    assert (changed["allowed_ips"], changed["scopes"]) == (["203.0.113.7/32"], ["orders:read"])
    changed = run("key", "change", identity, "--scope", "payments:read", "--scope", "orders:read", "--allow-any-ip")
    assert (changed["allowed_ips"], changed["scopes"]) == ([], ["payments:read", "orders:read"])
    (kept,) = run("key", "list", "--merchant", merchant_id)
    assert (kept["allowed_ips"], kept["scopes"]) == ([], ["payments:read", "orders:read"])
    for arguments in ([], ["--allow-ip", "10.0.0.0/8", "--allow-any-ip"]):
        assert invoke("key", "change", identity, *arguments).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["merchant", "disable", NOBODY], "no such merchant"),
        (["key", "change", NOBODY, "--scope", "orders:steal"], "no such api key"),
        (["key", "create", "--merchant", NOBODY], "no such merchant"),
        (["key", "create", "--merchant", NOBODY, "--scope", "orders:steal"], "is not a scope"),
        (["key", "revoke", NOBODY], "no such api key"),
        (["key", "rotate", "seven"], "api_key_id"),
    ],
)
def test_what_the_service_refuses_is_told(arguments: list[str], said: str, invoke: Callable[..., Result]) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 69
    assert said in result.output


def test_span_that_is_none_is_refused(invoke: Callable[..., Result]) -> None:
    result = invoke("key", "rotate", NOBODY, "--overlap", "soon")
    assert result.exit_code == 2
    assert "90s, 15m, 25h or 1d6h" in " ".join(result.output.replace("│", "").split())
