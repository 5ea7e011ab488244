"""`fusionxpay merchant`: the businesses that take payments through the gateway."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer
from fusionx.identity.v1 import identity_pb2
from fusionx.identity.v1 import identity_service_pb2 as service
from fusionx.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from rich.table import Table

from cli.operator_api import READY_FILE, AsJson, EdgeTarget, Ready, calling
from cli.tables import show_table
from mesh.messages import document

TIMEOUT_SECONDS = 10.0
PAGE_SIZE = 100

app = typer.Typer(help="Merchants: create them, list them, disable and enable them.", no_args_is_help=True)
MerchantId = Annotated[str, typer.Argument(help="The merchant's id.")]


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="The name that people know it by.")],
    as_json: AsJson = False,
    target: EdgeTarget = "",
    ready_file: Ready = READY_FILE,
) -> None:
    """Create a merchant. It can call once it has a key: `fusionxpay key create`."""
    with calling("edge", target, ready_file) as channel:
        request = service.CreateMerchantRequest(display_name=name)
        _show_one(IdentityServiceStub(channel).CreateMerchant(request, timeout=TIMEOUT_SECONDS), as_json)


@app.command("list")
def show_all(as_json: AsJson = False, target: EdgeTarget = "", ready_file: Ready = READY_FILE) -> None:
    """List all merchants, newest first."""
    with calling("edge", target, ready_file) as channel:
        _show_all(list(_all(IdentityServiceStub(channel))), as_json)


@app.command("disable")
def disable(
    merchant_id: MerchantId, as_json: AsJson = False, target: EdgeTarget = "", ready_file: Ready = READY_FILE
) -> None:
    """Disable a merchant: within a second none of its keys works."""
    with calling("edge", target, ready_file) as channel:
        request = service.DisableMerchantRequest(merchant_id=merchant_id)
        _show_one(IdentityServiceStub(channel).DisableMerchant(request, timeout=TIMEOUT_SECONDS), as_json)


@app.command("enable")
def enable(
    merchant_id: MerchantId, as_json: AsJson = False, target: EdgeTarget = "", ready_file: Ready = READY_FILE
) -> None:
    """Take the disabling back."""
    with calling("edge", target, ready_file) as channel:
        request = service.EnableMerchantRequest(merchant_id=merchant_id)
        _show_one(IdentityServiceStub(channel).EnableMerchant(request, timeout=TIMEOUT_SECONDS), as_json)


def _all(stub: IdentityServiceStub) -> Iterator[identity_pb2.Merchant]:
    request = service.ListMerchantsRequest(page_size=PAGE_SIZE)
    while True:
        page = stub.ListMerchants(request, timeout=TIMEOUT_SECONDS)
        yield from page.merchants
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def _show_all(merchants: Iterable[identity_pb2.Merchant], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([document(merchant) for merchant in merchants], indent=2))
    else:
        _print(merchants)


def _show_one(merchant: identity_pb2.Merchant, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(document(merchant), indent=2))
    else:
        _print([merchant])


def _print(merchants: Iterable[identity_pb2.Merchant]) -> None:
    table = Table("merchant", "name", "created", "disabled")
    for merchant in merchants:
        disabled = merchant.disable_time.ToJsonString() if merchant.HasField("disable_time") else ""
        # people may call themselves what Rich reads as markup
        name = merchant.display_name.replace("[", r"\[")
        table.add_row(merchant.merchant_id, name, merchant.create_time.ToJsonString(), disabled)
    show_table(table)
