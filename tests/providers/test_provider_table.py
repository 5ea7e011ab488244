"""The suite leaves no provider and no capability out, and the documentation says what it proves."""

from __future__ import annotations

from dataclasses import fields

from fusionx.payment.v1.provider_service_pb2 import ListProvidersRequest
from fusionx.payment.v1.provider_service_pb2_grpc import ProviderServiceStub

from payment_svc.providers.base import Capabilities
from payment_svc.providers.registry import discover
from stack.stack import Ready
from tests.providers import table
from tests.providers.cases import CASES, EVERY, REFUSALS
from tests.providers.drivers import DRIVERS
from tests.support.stack.mesh import dial_service
from tests.support.waiting import PATIENCE

# how long a provider takes, and remembers things, and how it names them, is no capability that a merchant could use
INNER = {"key_retention", "page_lifetime", "recalled_after", "listed_after", "works_for", "names_money"}
NAMES = {field.name for field in fields(Capabilities)} - INNER


def test_every_provider_that_is_on_is_in_the_suite(gateway: Ready) -> None:
    with dial_service(gateway, "payment_svc") as channel:
        answer = ProviderServiceStub(channel).ListProviders(ListProvidersRequest(), timeout=PATIENCE)
    assert {provider.name for provider in answer.providers} == set(discover())


def test_every_provider_has_a_driver() -> None:
    assert set(discover()) <= set(DRIVERS)


def test_every_capability_has_a_title_a_case_and_a_refusal() -> None:
    table.render()
    assert table.TITLES.keys() == NAMES == REFUSALS.keys()
    assert all(CASES[name] for name in (*NAMES, EVERY))


def test_table_in_the_documentation_is_the_one_of_today() -> None:
    text = table.FILE.read_text()
    assert table.replaced(text) == text, "run `python -m tests.providers.table`"
