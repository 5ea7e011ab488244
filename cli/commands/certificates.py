"""`fusionxpay certificates`: a CA and a certificate for every process, where no platform issues them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stack.authority import PUBLIC, Authority


def certificates(
    folder: Annotated[Path, typer.Option(help="Where the CA is, or is made; a folder for each process is put there.")],
    renew: Annotated[bool, typer.Option(help="Issue all anew, not only those that end within 30 days.")] = False,
    host: Annotated[
        list[str] | None,
        typer.Option(help="Name or address of the public API; again for more. Default: those it has, else localhost."),
    ] = None,
) -> None:
    """Issue certificates for the mesh and the public API, for 90 days each.

    Running processes take them over by themselves, Envoy among them; NATS does at a SIGHUP. A public certificate of
    another CA stays as it is.
    """
    if renew and not (folder / "ca.key").exists():
        raise typer.BadParameter(f"there is no CA in {folder}, so nothing of its to renew", param_hint="--folder")
    authority = Authority(folder, host or ())
    if authority.has_foreign_public():
        typer.echo(f"{PUBLIC}: stays, as another CA has issued it", err=True)
    for name in authority.issue_all(renew=renew):
        typer.echo(f"{name}: {authority.files(name).cert}")
