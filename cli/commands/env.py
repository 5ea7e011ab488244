"""`fusionxpay env`: what the commands of the runbooks find a running stack by, as a shell takes it."""

from __future__ import annotations

import os
import shlex
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.operator_api import READY_FILE, Ready, ready_document
from stack.databases import DATABASES
from stack.layout import COMPONENTS
from stack.postgres import programs


def env(
    component: Annotated[
        str, typer.Argument(help="The process to look at, as the alert's label `component` names it.")
    ] = "order_svc",
    ready_file: Ready = READY_FILE,
) -> None:
    """Print `export` lines for a component of a stack that runs: `eval "$(fusionxpay env order_svc)"`.

    They are what the runbooks name: COMPONENT, PID, LOG_DIR, DATABASE_URL of its database and PGDATA, the certificate
    FUSIONXPAY_TLS_CERT_FILE, FUSIONXPAY_REDIS_URL, TODAY and YESTERDAY (UTC), and a PATH with this command and psql.
    They contain passwords, as the ready file does. Elsewhere than with `fusionxpay up` the platform has them.
    """
    ready = ready_document(ready_file, "--ready-file")
    if component not in ready["pids"]:
        raise typer.BadParameter(f"the components are {', '.join(ready['pids'])}", param_hint="component")
    for name, value in variables(ready, component).items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def variables(ready: dict[str, Any], component: str) -> dict[str, str]:
    """Return the variables for a component by a ready file; a part that it has not is left out."""
    service = component.partition(".")[0]
    # what has no database of its own is looked at by that of the orders
    database = DATABASES.get(service, DATABASES["order_svc"])
    tls = Path(ready["ca_file"]).parent / (service if service in COMPONENTS else "operator")
    now = datetime.now(UTC)
    found = {
        "COMPONENT": component,
        "PID": str(ready["pids"][component]),
        "LOG_DIR": ready["log_dir"],
        "PGDATA": str(Path(ready["log_dir"]).parent / "postgres" / "data"),
        "DATABASE_URL": ready["database_urls"].get(database, ""),
        "FUSIONXPAY_REDIS_URL": ready["redis_url"],
        "FUSIONXPAY_TLS_CERT_FILE": str(tls / "cert.pem"),
        "TODAY": now.date().isoformat(),
        "YESTERDAY": (now - timedelta(days=1)).date().isoformat(),
        "PATH": os.pathsep.join(
            [str(Path(sys.executable).parent), *map(str, programs()), os.environ.get("PATH", os.defpath)]
        ),
    }
    return {name: value for name, value in found.items() if value}
