"""`fusionxpay mcp`: the gateway's API for assistants."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistants.gateway import Gateway
from cli.merchant_api import DEFAULT_GATEWAY, ApiKey, http_url
from cli.merchant_api import Gateway as GatewayUrl

if TYPE_CHECKING:
    from assistants.server import AssistantServer

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def mcp(
    listen: Annotated[
        str, typer.Option(help="Serve by HTTP at this host:port, path /mcp. Default: standard input and output.")
    ] = "",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="A name that HTTP clients may call it by, beside this machine's; repeat it."),
    ] = None,
    gateway: GatewayUrl = DEFAULT_GATEWAY,
    api_key: ApiKey = "",
) -> None:
    """Serve the API as tools for an assistant, by the Model Context Protocol.

    Which tools there are follows from the key's scopes. By HTTP each client brings its own, `Authorization: Bearer …`.
    """
    http_url(gateway, "--gateway or FUSIONXPAY_GATEWAY")
    try:
        from assistants.server import AssistantServer
    except ImportError:
        raise typer.BadParameter("the MCP SDK is not installed: pip install 'fusionxpay[assistants]'") from None
    if listen:
        host, _, port = listen.rpartition(":")
        if not host or not port.isdecimal():
            raise typer.BadParameter("--listen is host:port, such as 127.0.0.1:8765")
        _serve_http(AssistantServer(Gateway(gateway), _key_of_request), host, int(port), allow_host or [])
        return
    if not api_key:
        raise typer.BadParameter("say which API key to use: FUSIONXPAY_API_KEY, or --api-key")
    asyncio.run(_serve_stdio(AssistantServer(Gateway(gateway), lambda _: api_key)))


def _key_of_request(context: Any) -> str:
    """Return the API key of an HTTP request, empty when there is none."""
    scheme, _, key = context.request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


async def _serve_stdio(server: AssistantServer) -> None:
    from mcp.server.stdio import stdio_server

    async with stdio_server() as (read, write):
        await server.mcp.run(read, write, server.mcp.create_initialization_options())


def _serve_http(server: AssistantServer, host: str, port: int, names: list[str]) -> None:
    import uvicorn
    from mcp.server.transport_security import TransportSecuritySettings

    # a web page that a browser shows must not reach it under another name (DNS rebinding)
    allowed = [form for name in (*LOOPBACK, host, *names) for form in (name, f"{name}:*")]
    security = TransportSecuritySettings(
        allowed_hosts=allowed, allowed_origins=[f"http://{name}:*" for name in LOOPBACK]
    )
    app = server.mcp.streamable_http_app(json_response=True, stateless_http=True, transport_security=security)
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False)
