"""`fusionxpay golive`: what is missing is named, what is there is not, and the exit status tells."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner, Result

from cli.__main__ import app
from stack.stack import Ready
from tests.support.merchant.api import LIVE, Merchant
from tests.support.merchant.receiver import serving

READY = {
    "POSTGRES_PASSWORD": "a" * 32,
    "VALKEY_PASSWORD": "b" * 32,
    "FUSIONXPAY_PLATFORM_MODE": "live",
    "FUSIONXPAY_STRIPE_API_KEY": "rk_live_x",
    "FUSIONXPAY_STRIPE_WEBHOOK_SECRET": "whsec_x",
    "FUSIONXPAY_STRIPE_API_BASE": "",
    "FUSIONXPAY_WEBHOOK_NETWORKS": "stripe=3.18.12.63",
    "FUSIONXPAY_PUBLIC_URL": "https://pay.example.com",
    "FUSIONXPAY_SMTP_HOST": "mail.example.com",
    "FUSIONXPAY_SMTP_SENDER": "pay@example.com",
    "FUSIONXPAY_CONSOLE_FIRST_USERS": '[{"email": "a@example.com"}]',
    **{
        f"FUSIONXPAY_{name}SECRET_KEYS": Fernet.generate_key().decode()
        for name in ("", "IDENTITY_", "ACCOUNT_", "CONSOLE_")
    },
}


def run(*options: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(app, ["golive", *options])


def missing(done: Result) -> list[str]:
    """Return what the command says is to be done now."""
    assert done.exit_code in {0, 1}, done.output
    found = [one["words"] for one in json.loads(done.stdout) if one["serious"]]
    assert bool(found) == (done.exit_code == 1)
    return found


def looked_at(folder: Path, changes: dict[str, str | None]) -> list[str]:
    """Return what is missing of settings that are ready but for changes."""
    variables = {name: value for name, value in (READY | changes).items() if value is not None}
    file = folder / ".env"
    file.write_text("# of a gateway\n" + "".join(f"{name}={value}\n" for name, value in variables.items()))
    file.chmod(0o600)
    return missing(run("--env-file", str(file), "--json"))


def test_settings_that_are_ready_lack_nothing(tmp_path: Path) -> None:
    assert looked_at(tmp_path, {}) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"FUSIONXPAY_PLATFORM_MODE": None}, "the platform's accounts take test payments only"),
        ({"FUSIONXPAY_STRIPE_API_KEY": "sk_test_x"}, "stripe has a key for tests"),
        ({"FUSIONXPAY_STRIPE_WEBHOOK_SECRET": None}, "stripe has no webhook of its own"),
        ({"FUSIONXPAY_STRIPE_WEBHOOK_SECRET": "whsec_sandbox"}, "FUSIONXPAY_STRIPE_WEBHOOK_SECRET is the simulator's"),
        ({"FUSIONXPAY_STRIPE_API_KEY": None}, "no provider has real credentials"),
        ({"FUSIONXPAY_STRIPE_API_BASE": None}, "FUSIONXPAY_STRIPE_API_BASE is left out"),
        (
            {"FUSIONXPAY_STRIPE_API_BASE": "http://sandbox"},
            "FUSIONXPAY_STRIPE_API_BASE leads elsewhere: http://sandbox",
        ),
        ({"FUSIONXPAY_PAYPAL_CLIENT_ID": "x"}, "paypal has no webhook of its own"),
        ({"FUSIONXPAY_BANK_TRANSFER_API_KEY": "x"}, "bank_transfer has no webhook of its own"),
        ({"FUSIONXPAY_SECRET_KEYS": None}, "FUSIONXPAY_SECRET_KEYS is missing"),
        ({"FUSIONXPAY_SECRET_KEYS": "password"}, "FUSIONXPAY_SECRET_KEYS is no Fernet key"),
        ({"FUSIONXPAY_SECRET_KEYS": READY["FUSIONXPAY_ACCOUNT_SECRET_KEYS"]}, "services share a key"),
        ({"POSTGRES_PASSWORD": "postgres"}, "POSTGRES_PASSWORD is short, or missing"),
        ({"FUSIONXPAY_PUBLIC_URL": "https://localhost"}, "the gateway has no public https address"),
        (
            {"FUSIONXPAY_WEBHOOK_ALLOW_NETWORKS": "10.0.0.0/8"},
            "merchants may have inner addresses called: 10.0.0.0/8",
        ),
        (
            {"FUSIONXPAY_ALLOW_HTTP_WEBHOOKS": "true"},
            "events are sent by http, in plain text, where a merchant says so",
        ),
    ],
)
def test_what_is_missing_of_the_settings_is_named(tmp_path: Path, changes: dict[str, str | None], words: str) -> None:
    assert words in looked_at(tmp_path, changes)


def test_another_provider_alone_is_real_too(tmp_path: Path) -> None:
    bank = {f"FUSIONXPAY_BANK_TRANSFER_{name}": "x" for name in ("API_KEY", "WEBHOOK_SECRET")}
    assert looked_at(tmp_path, {"FUSIONXPAY_STRIPE_API_KEY": None} | bank) == []


def test_settings_that_others_can_read_are_told_of(tmp_path: Path) -> None:
    looked_at(tmp_path, {})
    (tmp_path / ".env").chmod(0o644)
    assert missing(run("--env-file", str(tmp_path / ".env"), "--json")) == [
        f"{tmp_path / '.env'} can be read by others"
    ]


def test_settings_of_a_container_are_read_from_files_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in READY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("FUSIONXPAY_STRIPE_API_KEY")
    (tmp_path / "key").write_text("sk_test_x\n")
    monkeypatch.setenv("FUSIONXPAY_STRIPE_API_KEY_FILE", str(tmp_path / "key"))
    assert missing(run("--env-file", "-", "--json")) == ["stripe has a key for tests"]


def test_help_fills_the_width_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = [" ".join(line.split()) for line in run("--help").stdout.splitlines()]
    assert "Exit status: 0 when nothing is missing, 1 when something is (NOW), 2 without" in said
    assert "anything to look at, 69 when the gateway refuses." in said


def test_without_anything_to_look_at_it_says_so(tmp_path: Path) -> None:
    assert run().exit_code == 2
    assert run("--env-file", str(tmp_path / "none")).exit_code == 2


def account(gateway: Ready, merchant: Merchant, *options: str) -> Result:
    """Look at a merchant's account."""
    return run("--gateway", gateway.edge_url, "--api-key", merchant.secret, "--json", *options)


def test_account_of_a_new_merchant_lacks_what_a_shop_needs(
    gateway: Ready, new_merchant: Callable[..., Merchant]
) -> None:
    shop = new_merchant(mode=LIVE)
    assert missing(account(gateway, shop)) == [
        f"{gateway.edge_url} is no https",
        "no webhook endpoint hears of order.succeeded",
        "no payment has succeeded yet",
        "no refund has succeeded yet",
    ]


def test_endpoint_is_verified_by_a_ping_that_it_takes(gateway: Ready, new_merchant: Callable[..., Merchant]) -> None:
    shop = new_merchant(mode=LIVE)
    with serving() as receiver:
        body = {"url": receiver.url, "event_types": ["order.*"]}
        receiver.secret = shop.post("/v1/webhook_endpoints", body)["secret"]
        found: list[dict[str, Any]] = json.loads(account(gateway, shop).stdout)
        said = {one["words"]: one["serious"] for one in found}
        assert [event["type"] for event in receiver.events()] == ["ping"]
        assert any(words.startswith(f"{receiver.url} took a signed ping") for words in said)
        assert said["the key may do everything"] is False
        assert "nobody is told of dispute.opened and endpoint.disabled" in said
        receiver.fail_next(1)
        assert f"{receiver.url} did not take a ping: STATUS_NOT_2XX 500" in missing(account(gateway, shop))
        receiver.requests.clear()
        missing(account(gateway, shop, "--no-ping"))
        assert receiver.requests == []


def test_key_for_tests_is_told_of(gateway: Ready, merchant: Merchant) -> None:
    assert "this is a key for tests, which sees nothing of what is live" in missing(account(gateway, merchant))
