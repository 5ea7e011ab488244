"""Composition root of the console: `python -m console`."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import ssl
import time
from datetime import timedelta
from uuid import UUID

import uvicorn
import uvloop

from console.api.app import build
from console.api.checkout import Till
from console.api.federated import CALLBACK
from console.api.web import FOLDER, ROOT, Rooms
from console.clients.checkout_api import CheckoutApi
from console.clients.conditions import Conditions
from console.clients.identity_provider import Client, IdentityProvider
from console.clients.merchant_api import PublicApi
from console.clients.operator_api import OperatorApi
from console.clients.post import Post
from console.clients.request_log import RequestLog
from console.domain import Signer
from console.settings import ConsoleSettings
from console.storage.attempts import Attempts as AttemptStore
from console.storage.credentials import Credentials
from console.storage.people import SECRETS
from console.storage.people import Accounts as Store
from console.storage.people import Views as ViewStore
from console.storage.tickets import Tickets
from console.use_cases.accounts import Accounts
from console.use_cases.attempts import Attempts
from console.use_cases.begun import Begun
from console.use_cases.federation import DomainRule, Federation, Rules
from console.use_cases.invitations import Invitations
from console.use_cases.passkeys import Passkeys, Site
from console.use_cases.passwords import Passwords
from console.use_cases.sessions import Sessions
from console.use_cases.views import Views
from mesh.errors import ApiError
from mesh.metrics import DATABASE_UP
from mesh.probes import Vitals, serve
from mesh.runtime_metrics import RuntimeMetrics, tell_build
from mesh.settings import load
from mesh.storage.database import Database
from mesh.storage.resealing import Resealing
from mesh.storage.revision import head_revision
from mesh.telemetry import get_logger, setup_logging
from mesh.vault import Vault
from mesh.worker import Turn, Worker, together

log = get_logger(__name__)
RENEW_SECONDS = 60.0
PROBE_SECONDS = 1.0
SWEEP_SECONDS = 30.0


async def run(settings: ConsoleSettings, vitals: Vitals) -> None:
    """Serve until SIGTERM or SIGINT."""
    database = Database(settings.database_url, settings.database_pool_size)
    await database.open()
    targets = {
        "edge": settings.edge_target,
        "order_svc": settings.order_target,
        "payment_svc": settings.payment_target,
        "notify_svc": settings.notify_target,
    }
    operators = OperatorApi(targets, settings.tls)
    public_api = PublicApi(settings.gateway_url, settings.gateway_ca_file, settings.gateway_server_name)
    lifetime = timedelta(hours=settings.session_hours)
    store, vault = Store(), Vault(settings.secret_keys)
    sessions = Sessions(database, store, vault, operators, lifetime)
    passwords, tickets, credentials = Passwords(), Tickets(), Credentials()
    accounts = Accounts(database, store, tickets, vault, sessions, passwords)
    invitations = Invitations(database, tickets, store, credentials, sessions, passwords)
    begun = Begun(database, credentials, vault)
    provider = _provider(settings)
    requests = RequestLog(settings.audit_target, settings.tls)
    conditions = Conditions({**targets, "audit_svc": settings.audit_target}, settings.tls)
    signer = Signer([key.strip() for key in settings.secret_keys.get_secret_value().split(",")])
    stores, people = (credentials, store), (accounts, invitations, sessions)
    rooms = Rooms(
        accounts,
        sessions,
        Attempts(database, AttemptStore()),
        invitations,
        Views(database, ViewStore()),
        public_api,
        operators,
        requests,
        Post(settings.mail_server),
        Passkeys(database, stores, begun, accounts, sessions, Site(settings.public_url)),
        Federation(database, stores, provider, people, begun, _rules(settings)) if provider else None,
        settings.oidc_name if provider else "",
        settings.public_url,
        signer,
        conditions,
    )
    checkouts = CheckoutApi(settings.payment_target, settings.tls)
    server = _server(settings, Till(rooms, checkouts), vitals)
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, asked.set)
    # nobody asks any more, so nobody has to notice
    loop.add_signal_handler(signal.SIGINT, server.leave)
    measures = RuntimeMetrics(database, None, settings.tls, vitals.turn)
    health = asyncio.create_task(_keep_health(settings, accounts, database, vitals))
    beside = [
        asyncio.create_task(measures.run()),
        asyncio.create_task(_drain(asked, health, server, vitals, settings.drain_seconds)),
    ]
    workers = [Resealing(database, vault, SECRETS).worker, _sweeper(sessions, begun), _renewal(settings, server.config)]
    for worker in workers:
        worker.start()
    gc.collect()
    gc.freeze()
    await server.serve()
    for worker in workers:
        await worker.stop()
    for task in (health, *beside):
        task.cancel()
    await public_api.close()
    if provider:
        await provider.close()
    await checkouts.close()
    await operators.close()
    await requests.close()
    await conditions.close()
    await database.close()


def _provider(settings: ConsoleSettings) -> IdentityProvider | None:
    if not settings.oidc_issuer:
        return None
    secret = settings.oidc_client_secret.get_secret_value()
    callback = f"{settings.public_url.rstrip('/')}{ROOT}{CALLBACK}"
    return IdentityProvider(Client(settings.oidc_issuer, settings.oidc_client_id, secret, callback))


def _rules(settings: ConsoleSettings) -> Rules:
    domains = [DomainRule(one.domain, one.merchant_id, one.role) for one in settings.oidc_domains]
    return Rules(domains, settings.oidc_roles_claim, settings.oidc_roles)


class Server(uvicorn.Server):
    """Serves until it is told to leave."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._leaves = asyncio.Event()
        # signals are ours, and uvicorn would raise them again at its end
        self.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]

    def leave(self) -> None:
        """Take no new connections, and end once all that is under way has."""
        self.should_exit = True
        self._leaves.set()

    async def main_loop(self) -> None:
        """Wait. uvicorn's own looks ten times a second, to which its date is owed: Envoy sets one as well."""
        await self.on_tick(0)
        await self._leaves.wait()


def _server(settings: ConsoleSettings, till: Till, vitals: Vitals) -> Server:
    host, _, port = settings.listen.rpartition(":")
    tls = settings.tls
    config = uvicorn.Config(
        build(till, lambda: vitals.is_ready, settings.docs_folder),
        host=host,
        port=int(port),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=round(settings.grace_seconds),
        # only Envoy, and whoever else has a certificate of the mesh, gets as far as HTTP
        ssl_certfile=str(tls.cert) if tls else None,
        ssl_keyfile=str(tls.key) if tls else None,
        ssl_ca_certs=str(tls.ca) if tls else None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if tls else ssl.CERT_NONE,
    )
    return Server(config)


async def _keep_health(settings: ConsoleSettings, accounts: Accounts, database: Database, vitals: Vitals) -> None:
    """Make the first users, then keep readiness true: the database answers."""
    begun = False
    while True:
        try:
            if not begun:
                await _add_first_users(settings, accounts)
                log.info("listening", address=settings.listen)
                begun = True
            if vitals.is_ready:
                async with Turn(), database.session(2 * PROBE_SECONDS) as session:
                    await session.ping()
            else:
                await accounts.users(UUID(int=0))
            vitals.is_ready = True
        except (ApiError, OSError) as error:
            log.warning("not ready", error=str(error))
            vitals.is_ready = False
        DATABASE_UP.set(vitals.is_ready)
        await asyncio.sleep(together(time.monotonic(), PROBE_SECONDS) if vitals.is_ready else PROBE_SECONDS / 5)


async def _drain(
    asked: asyncio.Event, health: asyncio.Task[None], server: Server, vitals: Vitals, seconds: float
) -> None:
    """Once the end is asked for say that pages are better had elsewhere, and go on until that is known."""
    await asked.wait()
    log.info("draining")
    health.cancel()
    vitals.is_ready = False
    await asyncio.sleep(seconds)
    server.leave()


def _sweeper(sessions: Sessions, begun: Begun) -> Worker:
    """Return what finishes what could not be when a session ended."""

    async def sweep() -> bool:
        is_more = await sessions.sweep()
        await begun.sweep()
        return is_more

    return Worker("session-sweeper", sweep, SWEEP_SECONDS)


async def _add_first_users(settings: ConsoleSettings, accounts: Accounts) -> None:
    for user in settings.first_users:
        merchant_id = UUID(user.merchant_id) if user.merchant_id else None
        password = user.password.get_secret_value()
        await accounts.add(user.email, user.email.partition("@")[0].title(), password, user.role, merchant_id)


def _renewal(settings: ConsoleSettings, config: uvicorn.Config) -> Worker:
    """Return what takes over a certificate that was renewed: new connections have it."""

    async def renew() -> bool:
        if settings.tls and config.ssl:
            config.ssl.load_cert_chain(str(settings.tls.cert), str(settings.tls.key))
        return False

    return Worker("certificate-renewal", renew, RENEW_SECONDS)


def main() -> None:
    """Run the console."""
    settings = load(ConsoleSettings)
    setup_logging("console", settings.log_level)
    tell_build("console", head_revision(FOLDER / "migrations"))
    vitals = Vitals()
    log.info("metrics served", address=serve(settings.metrics_listen, vitals))
    uvloop.run(run(settings, vitals))


if __name__ == "__main__":
    main()
