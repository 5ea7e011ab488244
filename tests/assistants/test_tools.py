"""The tools are the contract's RPCs, no more and no fewer, with their comments."""

from __future__ import annotations

import jsonschema
import pytest

from assistants.tools import contract_tools
from mesh.rpc.routes import contract_routes


def test_every_rpc_of_merchants_is_a_tool() -> None:
    rpcs = {route.rpc.name for route in contract_routes() if route.is_authenticated and not route.is_stream}
    assert {tool.route.rpc.name for tool in contract_tools().values()} == rpcs
    assert {"get_payment", "create_refund", "list_orders", "cancel_payment"} <= set(contract_tools())


def test_the_contracts_comments_are_what_an_assistant_reads() -> None:
    for tool in contract_tools().values():
        assert len(tool.description) > 20, tool.name
        assert all(one.get("description") or "$ref" in one for one in tool.schema["properties"].values()), tool.name
    assert contract_tools()["create_refund"].description.startswith("Gives back a captured payment")


@pytest.mark.parametrize("name", sorted(contract_tools()))
def test_schemas_stand_alone(name: str) -> None:
    schema = contract_tools()[name].schema
    jsonschema.Draft202012Validator.check_schema(schema)
    assert "#/components" not in str(schema)


def test_what_changes_something_takes_a_confirmation_and_says_so() -> None:
    for tool in contract_tools().values():
        assert ("confirmation" in tool.schema["properties"]) == (not tool.is_read), tool.name


def test_what_only_reads_says_so_in_the_contract() -> None:
    """A GET that changed something would be called without asking. What asks for much is a POST, and two are."""
    for tool in contract_tools().values():
        level = tool.route.rpc.GetOptions().idempotency_level
        assert tool.is_read == (level == tool.route.rpc.GetOptions().NO_SIDE_EFFECTS), tool.name
        assert tool.is_read or tool.route.method != "GET", tool.name
    reading = {tool.name for tool in contract_tools().values() if tool.is_read and tool.route.method != "GET"}
    assert reading == {"check_provider_account", "preview_route"}


def test_all_that_moves_money_or_takes_away_is_destructive() -> None:
    """Clients that are set to call what is not destructive without asking would refund, cancel and capture."""
    mild = {name for name, tool in contract_tools().items() if not tool.is_read and not tool.is_destructive}
    assert mild == {"create_order", "create_notification_channel", "create_webhook_endpoint"}
    assert not any(tool.is_destructive for tool in contract_tools().values() if tool.is_read)
