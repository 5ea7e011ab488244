"""Each tool is called by the official client, with arguments that are read from the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from assistants.tools import CONFIRMATION, contract_tools
from stack.stack import Ready
from tests.support.assistants import Json, assistant, called, text
from tests.support.merchant.api import Merchant
from tests.support.merchant.everything import call_of, one_of_everything
from tests.support.providers.sandbox import Provider

# what takes a resource away, or out of use, comes after what is done to it
ENDS = ("delete", "cancel")
REFUSED = {
    "cancel_order": "ORDER_NOT_CANCELLABLE",
    "cancel_payment": "PAYMENT_NOT_CANCELLABLE",
    "capture_payment": "PAYMENT_NOT_CAPTURABLE",
    "create_payment": "ORDER_NOT_PAYABLE",
    "create_webhook_endpoint": "ENDPOINT_EXISTS",
}
"""What the gateway does not do with things that are as these are, and for which reason."""


@pytest.fixture
def everything(new_merchant: Callable[..., Merchant], gateway: Ready) -> Iterator[tuple[Merchant, dict[str, str]]]:
    """A merchant of the test's own that has one of each resource, and the fields that name them."""
    merchant, provider = new_merchant(), Provider.of(gateway)
    yield merchant, one_of_everything(merchant, provider)
    provider.close()


def arguments_of(name: str, ids: dict[str, str]) -> Json:
    """Return arguments of a tool that name the merchant's resources."""
    route = contract_tools()[name].route
    call = call_of(route, ids)
    return {variable: ids[variable] for variable in route.variables} | call.query | (call.body or {})


async def test_each_tool_is_called(everything: tuple[Merchant, dict[str, str]], gateway: Ready) -> None:
    """What reads answers; what changes something says first what it would do, and does it with the confirmation."""
    merchant, ids = everything
    tools = contract_tools()
    order = sorted(tools, key=lambda name: (not tools[name].is_read, name.startswith(ENDS)))
    refusals: dict[str, str] = {}
    async with assistant(gateway, merchant.secret) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == set(order)
        for name in order:
            arguments = arguments_of(name, ids)
            answer = await called(client, name, **arguments)
            if tools[name].is_read:
                assert CONFIRMATION not in answer, name
                continue
            assert answer["nothing_done_yet"], name
            done = await client.call_tool(name, {**arguments, CONFIRMATION: answer[CONFIRMATION]})
            if done.is_error:
                refusals[name] = text(done).split()[1].rstrip(":")
    assert refusals == REFUSED
