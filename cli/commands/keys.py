"""`fusionxpay key`: the API keys of merchants."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Annotated

import typer
from fusionx.identity.v1 import identity_pb2
from fusionx.identity.v1 import identity_service_pb2 as service
from fusionx.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from rich.console import Console
from rich.table import Table

from cli.commands.merchants import PAGE_SIZE, TIMEOUT_SECONDS
from cli.operator_api import READY_FILE, AsJson, EdgeTarget, Ready, calling
from cli.spans import span
from cli.tables import show_table
from mesh.messages import document

ApiKey = identity_pb2.ApiKey

app = typer.Typer(help="API keys: create, list, change, rotate and revoke them.", no_args_is_help=True)
KeyId = Annotated[str, typer.Argument(help="The key's id, which is not its secret.")]


@app.command("create")
def create(
    merchant: Annotated[str, typer.Option(help="The merchant's id.")],
    live: Annotated[bool, typer.Option("--live", help="For real payments. Default: for tests.")] = False,
    scope: Annotated[
        list[str] | None, typer.Option(help="What it may do, such as orders:read; repeat it. Default: everything.")
    ] = None,
    allow_ip: Annotated[
        list[str] | None, typer.Option(help="A network or address that it may be used from; repeat it. Default: any.")
    ] = None,
    expires_in: Annotated[
        timedelta | None, typer.Option(parser=span, help="How long it works, such as 90d. Default: until revoked.")
    ] = None,
    require_signature: Annotated[
        bool, typer.Option("--require-signature", help="Refuse requests that are not signed.")
    ] = False,
    allow_signature: Annotated[
        bool, typer.Option("--allow-signature", help="Make a signing secret, and do not insist on it.")
    ] = False,
    as_json: AsJson = False,
    target: EdgeTarget = "",
    ready_file: Ready = READY_FILE,
) -> None:
    """Create a key. Its secrets are printed this once."""
    request = service.CreateApiKeyRequest(
        merchant_id=merchant,
        mode=ApiKey.LIVE if live else ApiKey.TEST,
        scopes=scope or [],
        allowed_ips=allow_ip or [],
    )
    if require_signature or allow_signature:
        request.signature = ApiKey.REQUIRED if require_signature else ApiKey.OPTIONAL
    if expires_in:
        request.expire_time.GetCurrentTime()
        request.expire_time.FromDatetime(request.expire_time.ToDatetime() + expires_in)
    with calling("edge", target, ready_file) as channel:
        _show_new(IdentityServiceStub(channel).CreateApiKey(request, timeout=TIMEOUT_SECONDS), as_json)


@app.command("list")
def show_all(
    merchant: Annotated[str, typer.Option(help="The merchant's id.")],
    as_json: AsJson = False,
    target: EdgeTarget = "",
    ready_file: Ready = READY_FILE,
) -> None:
    """List a merchant's keys, newest first, without their secrets."""
    with calling("edge", target, ready_file) as channel:
        _show_all(list(_all(IdentityServiceStub(channel), merchant)), as_json)


@app.command("change")
def change(
    key: KeyId,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="What it may do from now on; repeat it, * is everything. Default: as it was."),
    ] = None,
    allow_ip: Annotated[
        list[str] | None, typer.Option(help="A network that it may be used from now on; repeat it. Default: as it was.")
    ] = None,
    allow_any_ip: Annotated[bool, typer.Option("--allow-any-ip", help="It may be used from anywhere again.")] = False,
    as_json: AsJson = False,
    target: EdgeTarget = "",
    ready_file: Ready = READY_FILE,
) -> None:
    """Change what a key may do and where it may be used from; its secret stays."""
    if allow_ip and allow_any_ip:
        raise typer.BadParameter("--allow-ip and --allow-any-ip are not for one key")
    if not (scope or allow_ip or allow_any_ip):
        raise typer.BadParameter("say what is to be changed: --scope, --allow-ip or --allow-any-ip")
    request = service.UpdateApiKeyRequest(api_key_id=key, scopes=scope or [])
    if allow_ip or allow_any_ip:
        request.networks.SetInParent()
        request.networks.allowed_ips.extend(allow_ip or [])
    with calling("edge", target, ready_file) as channel:
        _show_one(IdentityServiceStub(channel).UpdateApiKey(request, timeout=TIMEOUT_SECONDS), as_json)


@app.command("revoke")
def revoke(key: KeyId, as_json: AsJson = False, target: EdgeTarget = "", ready_file: Ready = READY_FILE) -> None:
    """Revoke a key: within a second it is refused everywhere."""
    with calling("edge", target, ready_file) as channel:
        request = service.RevokeApiKeyRequest(api_key_id=key)
        _show_one(IdentityServiceStub(channel).RevokeApiKey(request, timeout=TIMEOUT_SECONDS), as_json)


@app.command("rotate")
def rotate(
    key: KeyId,
    overlap: Annotated[timedelta, typer.Option(parser=span, help="How long the old key works on.")] = "0s",  # type: ignore[assignment]  # typer parses the default too
    as_json: AsJson = False,
    target: EdgeTarget = "",
    ready_file: Ready = READY_FILE,
) -> None:
    """Replace a key by one that may do the same. The new secrets are printed this once."""
    request = service.RotateApiKeyRequest(api_key_id=key)
    request.overlap.FromTimedelta(overlap)
    with calling("edge", target, ready_file) as channel:
        _show_new(IdentityServiceStub(channel).RotateApiKey(request, timeout=TIMEOUT_SECONDS), as_json)


def _all(stub: IdentityServiceStub, merchant_id: str) -> Iterator[ApiKey]:
    request = service.ListApiKeysRequest(merchant_id=merchant_id, page_size=PAGE_SIZE)
    while True:
        page = stub.ListApiKeys(request, timeout=TIMEOUT_SECONDS)
        yield from page.api_keys
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def _show_new(key: ApiKey, as_json: bool) -> None:
    _show_one(key, as_json)
    if not as_json:
        console = Console()
        # soft-wrapped, so that they survive copying from a narrow terminal
        console.print(f"secret: {key.secret}", highlight=False, soft_wrap=True)
        if key.signing_secret:
            console.print(f"signing secret: {key.signing_secret}", highlight=False, soft_wrap=True)
        console.print("Keep it safe: it cannot be shown again.")


def _show_all(keys: Iterable[ApiKey], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([document(key) for key in keys], indent=2))
    else:
        _print(keys)


def _show_one(key: ApiKey, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(document(key), indent=2))
    else:
        _print([key])


def _print(keys: Iterable[ApiKey]) -> None:
    table = Table("key", "mode", "scopes", "from", "signed", "created", "last used", "ends")
    for key in keys:
        table.add_row(
            key.api_key_id,
            ApiKey.Mode.Name(key.mode).lower(),
            " ".join(key.scopes),
            " ".join(key.allowed_ips) or "anywhere",
            ApiKey.Signature.Name(key.signature).lower() if key.signature else "no",
            key.create_time.ToJsonString(),
            key.last_use_time.ToJsonString() if key.HasField("last_use_time") else "never",
            _end(key),
        )
    show_table(table)


def _end(key: ApiKey) -> str:
    if key.HasField("revoke_time"):
        return f"revoked {key.revoke_time.ToJsonString()}"
    return key.expire_time.ToJsonString() if key.HasField("expire_time") else ""
