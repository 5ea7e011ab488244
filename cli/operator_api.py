"""What the operators' commands share: where the services are, and how a call that fails is reported."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import grpc
import typer

from cli.endings import failed
from mesh.rpc.dial import dial, tls_of, tls_of_environment
from stack.state import has_owner

READY_FILE = Path(".data/ready.json")

PaymentTarget = Annotated[
    str, typer.Option("--target", envvar="FUSIONXPAY_PAYMENT_TARGET", help="host:port of the payment service.")
]
EdgeTarget = Annotated[
    str, typer.Option("--target", envvar="FUSIONXPAY_EDGE_TARGET", help="host:port of the edge service.")
]
AnyTarget = Annotated[
    str, typer.Option("--target", help="host:port of the service. Default: FUSIONXPAY_<ORDER|PAYMENT|NOTIFY>_TARGET.")
]
ServiceName = Annotated[str, typer.Option("--service", help="Only this service, such as order_svc. Default: all.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Ready = Annotated[Path, typer.Option("--ready-file", help="Where `fusionxpay up` wrote the address, without --target.")]


@contextmanager
def calling(service: str, target: str, ready_file: Path) -> Iterator[grpc.Channel]:
    """Open a channel to a service for the block; what it refuses ends the command with status 69 and its words."""
    address = target or str(_ready(ready_file, service)["services"][service])
    tls = tls_of_environment() or (None if target else tls_of(_ready(ready_file, service)["operator_tls"]))
    try:
        opened = dial(address, service, tls)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"the certificate cannot be used: {error}") from None
    try:
        with opened as channel:
            yield channel
    except grpc.RpcError as error:
        raise failed(f"{service} at {address}: {said_by(error)}") from None


def said_by(error: grpc.RpcError) -> str:
    """Return the words of a failed call."""
    # every error of a unary call is also the call itself, which knows what the server said
    return (error.details() if isinstance(error, grpc.Call) else str(error)) or ""


def places(services: Sequence[str], only: str, target: str) -> dict[str, str]:
    """Return the services to ask and what is known of their addresses: all, or the one that was named.

    Raises typer.BadParameter for a service that is none of them, and for an address that could be of any.
    """
    if only and only not in services:
        raise typer.BadParameter(f"--service is one of {', '.join(services)}")
    if target and not only:
        raise typer.BadParameter("--target needs a --service")
    asked = [only] if only else services
    return {name: target or os.environ.get(variable_of(name), "") for name in asked}


def variable_of(service: str) -> str:
    """Return the environment variable that says where a service is."""
    return f"FUSIONXPAY_{service.removesuffix('_svc').upper()}_TARGET"


def ready_document(ready_file: Path, option: str = "--metrics") -> dict[str, Any]:
    """Return what `fusionxpay up` has written. Without it the command ends with status 69, and says why."""
    try:
        said: dict[str, Any] = json.loads(ready_file.read_text())
    except (OSError, ValueError):
        if has_owner(ready_file):
            why = f"the gateway of {ready_file} starts, or ends: try again in a moment"
        else:
            other = "" if option == "--ready-file" else f" or {option}"
            why = f"nothing runs here, as there is no {ready_file}: `make up`, or say --ready-file{other}"
        raise failed(why) from None
    return said


def gone(ready_file: Path, ready: Mapping[str, Any]) -> bool:
    """Tell whether the stack that wrote a ready file was killed and has left it: its processes went with it."""
    owned = has_owner(ready_file)
    pids = (ready.get("pids") or {}).values()
    if owned is not None:
        return not owned
    return bool(pids) and not any(Path(f"/proc/{pid}").exists() for pid in pids)


def _ready(ready_file: Path, service: str) -> dict[str, Any]:
    """Return what `fusionxpay up` has written, if it names the service."""
    said = ready_document(ready_file, "--target")
    if service not in said["services"]:
        raise typer.BadParameter(f"say --target: {ready_file} does not name {service}")
    return said
