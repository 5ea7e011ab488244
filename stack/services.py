"""Our own processes: which there are, and what each is told by its environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stack.layout import Site
from stack.postgres import database_url
from stack.probes import grpc_serving, http_ok
from stack.process import Child, Command
from stack.providers import bank_transfer, paypal
from stack.servers import outside_env

ROOT = Path(__file__).resolve().parent.parent
SMTP_PREFIX = "FUSIONXPAY_SMTP_"
# What our services may not inherit: secrets that belong to one of them, and what is meant for the stack itself.
WITHHELD = (
    "FUSIONXPAY_STACK_",
    "FUSIONXPAY_STRIPE_",
    bank_transfer.PREFIX,
    paypal.PREFIX,
    SMTP_PREFIX,
    "FUSIONXPAY_VAPID_",
    "FUSIONXPAY_POSTGRES_URL",
    "FUSIONXPAY_NATS_URL",
    "FUSIONXPAY_REDIS_URL",
)


@dataclass(frozen=True)
class Service:
    """A gRPC process of ours and the database that it owns; `settings` are the ones that only it needs."""

    name: str
    database: str
    settings: Callable[[Site], dict[str, str]] = lambda _: {}

    def env(self, site: Site) -> dict[str, str]:
        """Return the environment that it runs in."""
        shared = {
            "LISTEN": site.address(self.name),
            "METRICS_LISTEN": site.address(f"{self.name}_metrics"),
            "DATABASE_URL": database_url(site.postgres_url, self.database),
            "NATS_URL": site.nats_url,
            "REDIS_URL": site.redis_url,
            "PUBLIC_URL": site.edge_url,
            "LOG_LEVEL": site.log_level,
        }
        if tls := site.tls(self.name):
            shared |= {"TLS_CERT_FILE": str(tls.cert), "TLS_KEY_FILE": str(tls.key), "TLS_CA_FILE": str(tls.ca)}
        ours = {f"FUSIONXPAY_{name}": value for name, value in (shared | self.settings(site)).items()}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(WITHHELD)}
        return inherited | ours | dict(site.service_env.get(self.name, {}))

    def server(self, site: Site) -> Child:
        """Return the service itself."""
        target, tls = site.address(self.name), site.tls("operator")
        command = self._command(site, self.name)
        return Child(self.name, command, site.log(self.name), ready=lambda: grpc_serving(target, self.name, tls))

    def migration(self, site: Site) -> Child:
        """Return the job that brings its database up to date."""
        name = f"{self.name}.migrate"
        return Child(name, self._command(site, "mesh.storage.migrate", self.name), site.log(name))

    def _command(self, site: Site, *module: str) -> Command:
        return Command([sys.executable, "-m", *module], self.env(site), ROOT)


def _payment_settings(site: Site) -> dict[str, str]:
    settings = {
        "ORDER_TARGET": site.address("order_svc"),
        "STRIPE_API_KEY": site.stripe_api_key,
        "STRIPE_WEBHOOK_SECRET": site.stripe_webhook_secret,
        "SECRET_KEYS": site.data.secrets.account_keys,
    }
    settings |= {"STRIPE_API_BASE": site.sandbox_url} if site.sandbox_url else {}
    return settings | bank_transfer.gateway_settings(site) | paypal.gateway_settings(site)


def _notify_settings(site: Site) -> dict[str, str]:
    # without a mail server there is no e-mail; where there is one, its password is nobody else's
    mail = {name: value for name, value in os.environ.items() if name.startswith(SMTP_PREFIX)}
    return {
        "SECRET_KEYS": site.data.secrets.secret_keys,
        "ALLOW_HTTP_WEBHOOKS": "true",
        "WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8,::1/128",
        "VAPID_PRIVATE_KEY": site.data.secrets.vapid_private_key,
        "VAPID_CONTACT": "mailto:operator@localhost",
        **{name.removeprefix("FUSIONXPAY_"): value for name, value in mail.items()},
    }


def _edge_settings(site: Site) -> dict[str, str]:
    limit = str(site.global_requests_per_second)
    return {"SECRET_KEYS": site.data.secrets.identity_secret_keys, "GLOBAL_REQUESTS_PER_SECOND": limit}


def _audit_settings(site: Site) -> dict[str, str]:
    return {"SPOOL_FILE": str(site.audit_file), "ENVOY_ADMIN_URL": site.envoy_admin_url}


OUR_SERVICES = (
    Service("order_svc", "orders"),
    Service("payment_svc", "payments", _payment_settings),
    Service("notify_svc", "notify", _notify_settings),
    Service("edge", "identity", _edge_settings),
    Service("audit_svc", "audit", _audit_settings),
)


def sandbox(site: Site) -> Child:
    """Return the provider simulator, which keeps its ledger in the data folder."""
    folder = site.data.folder("sandbox")
    env = outside_env() | {
        "SANDBOX_LISTEN": site.address("sandbox"),
        "SANDBOX_PUBLIC_URL": site.sandbox_url,
        "SANDBOX_DATABASE": str(folder / "sandbox.sqlite3"),
        "SANDBOX_STRIPE_API_KEY": site.stripe_api_key,
        # where the gateway is reached by HTTPS only, its certificate has to be trusted
        **({} if site.http == "plain" else {"SSL_CERT_FILE": str(site.authority.ca_file)}),
        "SANDBOX_STRIPE_WEBHOOK_URL": f"{site.edge_url}/v1/webhooks/stripe",
        "SANDBOX_STRIPE_WEBHOOK_SECRET": site.stripe_webhook_secret,
        **bank_transfer.sandbox_settings(site),
        **paypal.sandbox_settings(site),
    }
    command = Command([sys.executable, "-m", "sandbox"], env | dict(site.service_env.get("sandbox", {})), ROOT)
    health = f"{site.sandbox_url}/_sandbox/health"
    return Child("sandbox", command, site.log("sandbox"), ready=lambda: http_ok(health))
