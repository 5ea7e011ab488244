"""The console in an embedded stack: what it is told, and who can log in at first."""

from __future__ import annotations

import json
import sys

from stack.layout import StackLayout
from stack.probes import http_ok
from stack.process import Child, Command
from stack.services import Service

OWNER, OPERATOR = "owner@demo.example", "operator@demo.example"


def login(layout: StackLayout) -> dict[str, str]:
    """Return what a person needs to log in."""
    password = layout.data.secrets.console_password
    return {"url": f"{layout.edge_url}/console", "owner": OWNER, "operator": OPERATOR, "password": password}


def _settings(layout: StackLayout) -> dict[str, str]:
    secrets = layout.data.secrets
    users = [{"email": OPERATOR, "password": secrets.console_password, "role": "operator"}]
    if secrets.merchant_id:
        owner = {"email": OWNER, "password": secrets.console_password, "role": "owner"}
        users.append(owner | {"merchant_id": secrets.merchant_id})
    return {
        "GATEWAY_URL": layout.edge_url,
        **({} if layout.http == "plain" else {"GATEWAY_CA_FILE": str(layout.authority.ca_file)}),
        "EDGE_TARGET": _target(layout, "edge"),
        "ORDER_TARGET": _target(layout, "order_svc"),
        "PAYMENT_TARGET": _target(layout, "payment_svc"),
        "NOTIFY_TARGET": _target(layout, "notify_svc"),
        "AUDIT_TARGET": _target(layout, "audit_svc"),
        # built or not: what `make site` makes meanwhile is shown
        "DOCS_FOLDER": str(layout.code / "dist" / "site"),
        "SECRET_KEYS": secrets.console_keys,
        "FIRST_USERS": json.dumps(users),
    }


def _target(layout: StackLayout, service: str) -> str:
    """Return where a service is, or would be."""
    return layout.target(service) if service in layout.embedded else layout.address(service)


CONSOLE = Service("console", _settings)


def console(layout: StackLayout, instance: str) -> Child:
    """Return a replica of the console."""
    argv, env = [sys.executable, "-m", "console"], CONSOLE.env(layout, instance)
    command = Command(argv, env, layout.code, forks=layout.forks)
    ready = f"http://{layout.address(f'{instance}_metrics')}/readyz"
    return Child(instance, command, layout.log(instance), ready=lambda: http_ok(ready))
