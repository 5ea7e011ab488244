"""`fusionxpay certificates`: a CA and a certificate for every process, where no platform issues them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stack.authority import PUBLIC_HOSTS, Authority


def certificates(
    folder: Annotated[Path, typer.Option(help="Where the CA is, or is made; a folder for each process is put there.")],
    renew: Annotated[bool, typer.Option(help="Issue all anew, not only those that end within 30 days.")] = False,
    host: Annotated[
        list[str] | None, typer.Option(help="Name or address of the public API; again for more. Default: localhost.")
    ] = None,
) -> None:
    """Issue certificates for the mesh and the public API, for 90 days each.

    Running processes take them over by themselves, Envoy among them.
    """
    authority = Authority(folder, host or PUBLIC_HOSTS)
    for name in authority.issue_all(renew=renew):
        typer.echo(f"{name}: {authority.files(name).cert}")
