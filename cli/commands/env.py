"""`fusionxpay env`: what the commands of the runbooks find a running stack by, as a shell takes it."""

from __future__ import annotations

import os
import shlex
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.endings import failed
from cli.operator_api import READY_FILE, Ready, gone, ready_document
from stack.databases import DATABASES
from stack.postgres import programs


def env(
    component: Annotated[
        str, typer.Argument(help="The process to look at, as the alert's label `component` names it.")
    ] = "order_svc",
    ready_file: Ready = READY_FILE,
) -> None:
    """Print `export` lines for a component of a stack that runs: `eval "$(fusionxpay env order_svc)"`.

    They are what the runbooks name: COMPONENT, PID, LOG_DIR, DATABASE_URL of its database and PGDATA, the certificate
    FUSIONXPAY_TLS_CERT_FILE, FUSIONXPAY_REDIS_URL, TODAY, YESTERDAY and TOMORROW (UTC), and a PATH with this command
    and psql. What has no database or no certificate of its own has none of those. They contain passwords, as the ready
    file does. Elsewhere than with `fusionxpay up` the platform has them. Exit status 69 when `up` runs no more.
    """
    ready = ready_document(ready_file, "--ready-file")
    if gone(ready_file, ready):
        raise failed(f"`fusionxpay up` is not running any more: {ready_file} is what it left")
    if component not in ready["pids"]:
        raise typer.BadParameter(f"the components are {', '.join(ready['pids'])}", param_hint="component")
    for name, value in variables(ready, component).items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def variables(ready: dict[str, Any], component: str) -> dict[str, str]:
    """Return the variables for a component by a ready file; a part that it has not is left out."""
    service = component.partition(".")[0]
    # PostgreSQL itself is looked at by any of its databases
    database = DATABASES.get(service, DATABASES["order_svc"] if service == "postgres" else "")
    certificate = Path(ready["ca_file"]).parent / service / "cert.pem"
    now = datetime.now(UTC)
    found = {
        "COMPONENT": component,
        "PID": str(ready["pids"][component]),
        "LOG_DIR": ready["log_dir"],
        "PGDATA": str(Path(ready["log_dir"]).parent / "postgres" / "data"),
        "DATABASE_URL": ready["database_urls"].get(database, ""),
        "FUSIONXPAY_REDIS_URL": ready["redis_url"],
        "FUSIONXPAY_TLS_CERT_FILE": str(certificate) if certificate.exists() else "",
        "TODAY": now.date().isoformat(),
        "YESTERDAY": (now - timedelta(days=1)).date().isoformat(),
        "TOMORROW": (now + timedelta(days=1)).date().isoformat(),
        "PATH": os.pathsep.join(
            [str(Path(sys.executable).parent), *map(str, programs()), os.environ.get("PATH", os.defpath)]
        ),
    }
    return {name: value for name, value in found.items() if value}
