"""The surface of the package is the contract's."""

from __future__ import annotations

import re
import tomllib

import pytest
from fusionx.type.v1 import access_pb2

from fusionxpay_client import surface
from fusionxpay_client.calls import Call, Export, Listing, Stream
from mesh.rpc.routes import contract_routes
from tests.support.paths import ROOT


def merchants_rpcs() -> set[str]:
    """Return the paths of all RPCs that merchants may call."""
    rpcs = {route.rpc for route in contract_routes()}
    return {
        f"/{rpc.containing_service.full_name}/{rpc.name}"
        for rpc in rpcs
        if rpc.GetOptions().Extensions[access_pb2.access] == access_pb2.ACCESS_MERCHANT
    }


def test_every_rpc_for_merchants_is_there_and_no_other() -> None:
    declared = {one.path for one in vars(surface).values() if isinstance(one, Call | Export | Listing | Stream)}
    assert declared == merchants_rpcs()


@pytest.mark.parametrize("kind", ["", "Async"])
def test_both_clients_have_all_of_it(kind: str) -> None:
    text = (ROOT / "client" / "fusionxpay_client" / "surface.py").read_text()
    index = text.split(f"class {kind}Resources:")[1]
    classes = re.findall(rf"= ({kind}[A-Z]\w+)\(transport\)", index.split("\nclass ")[0])
    called = {name for one in classes for name in re.findall(r"_transport\.\w+\(\s*(_\w+),", class_text(text, one))}
    assert len(called) == len(merchants_rpcs())


def class_text(text: str, name: str) -> str:
    """Return the text of one class."""
    return re.split(rf"\nclass {name}(?:\(.*\))?:", text)[1].split("\nclass ")[0]


def test_package_asks_for_the_runtime_that_the_stubs_need() -> None:
    project = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text())["project"]
    stub = (ROOT / "gen" / "fusionx" / "order" / "v1" / "order_pb2.py").read_text()
    (made_by,) = re.findall(r"Protobuf Python Version: ([\d.]+)", stub)
    assert f"protobuf>={made_by}" in project["dependencies"]


def test_stubs_of_internal_services_stay_at_home() -> None:
    listed = (ROOT / "client" / "contract.txt").read_text().split()
    assert "fusionx/order/v1/order_service.proto" in listed
    assert not [name for name in listed if re.search("identity|audit|mesh|order_payment|provider_service", name)]
