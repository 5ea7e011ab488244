"""`fusionxpay trigger`: each event that it offers happens."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from cli.__main__ import app
from cli.commands.trigger import RECIPES
from notify_svc.contract.event_types import PUBLIC_TYPES
from stack.stack import Ready
from tests.support.merchant.api import Merchant

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(gateway: Ready, merchant: Merchant) -> Invoke:
    """Run a command as the test's merchant."""

    def run(*arguments: str, **env: str) -> Result:
        known = {"COLUMNS": "250", "FUSIONXPAY_GATEWAY": gateway.edge_url, "FUSIONXPAY_API_KEY": merchant.secret}
        return CliRunner().invoke(app, list(arguments), env=known | env)

    return run


@pytest.mark.parametrize("event_type", RECIPES)
def test_event_happens(event_type: str, invoke: Invoke, merchant: Merchant) -> None:
    result = invoke("trigger", event_type)
    assert result.exit_code == 0, result.output
    name, *made = result.output.split()
    ids = dict(pair.split("=") for pair in made)
    event = merchant.get(f"/v1/events/{ids['event_id']}")
    assert event["type"] == name == event_type
    kind = event_type.partition(".")[0]
    if kind != "ping":
        assert event["data"][kind][f"{kind}_id"] == ids[f"{kind}_id"]
        assert event["order_id"] == ids["order_id"]


def test_several_happen_in_their_order(invoke: Invoke) -> None:
    result = invoke("trigger", "order.cancelled", "order.created")
    assert [line.split()[0] for line in result.output.splitlines()] == ["order.cancelled", "order.created"]


def test_list_has_all_types_but_those_that_take_somebody_else_who_fails(invoke: Invoke) -> None:
    listed = invoke("trigger", "--list", FUSIONXPAY_API_KEY="").output.split()
    assert set(PUBLIC_TYPES) - set(listed) == {
        *("payment.needs_review", "refund.needs_review", "endpoint.disabled"),
        *("payment.requires_action", "payment.surplus_captured", "payment.surplus_refunded"),
    }
    assert set(listed) <= set(PUBLIC_TYPES)


@pytest.mark.parametrize(
    ("arguments", "env", "status", "said"),
    [
        (["order.canceled"], {}, 2, "order.cancelled"),
        (["payment.succeded", "order.created"], {}, 2, "payment.succeeded"),
        (["seven"], {}, 2, "--list"),
        ([], {}, 2, "--list"),
        (["order.created"], {"FUSIONXPAY_API_KEY": ""}, 2, "FUSIONXPAY_API_KEY"),
        (["order.created"], {"FUSIONXPAY_API_KEY": "sk_live_x"}, 2, "test key"),
        (["order.created"], {"FUSIONXPAY_API_KEY": "sk_test_x"}, 69, "API_KEY_INVALID"),
        (["order.created"], {"FUSIONXPAY_GATEWAY": "http://127.0.0.1:9"}, 69, "does not answer"),
        (["order.created"], {"FUSIONXPAY_GATEWAY": "seven"}, 2, "cannot be used"),
    ],
)
def test_what_cannot_happen_is_told(
    arguments: list[str], env: dict[str, str], status: int, said: str, invoke: Invoke, merchant: Merchant
) -> None:
    result = invoke("trigger", *arguments, **env)
    assert result.exit_code == status, result.output
    assert said in result.output
    assert merchant.get("/v1/orders")["orders"] == []
