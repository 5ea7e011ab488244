"""Composition root of the edge: `python -m edge`."""

from __future__ import annotations

from envoy.service.auth.v3.external_auth_pb2_grpc import add_AuthorizationServicer_to_server
from envoy.service.ratelimit.v3.rls_pb2_grpc import add_RateLimitServiceServicer_to_server
from fusionx.identity.v1 import (
    identity_service_pb2,
    identity_service_pb2_grpc,
    key_watch_service_pb2,
    key_watch_service_pb2_grpc,
)

from edge.api.authorization import AuthorizationServicer
from edge.api.cells import CellAnswers
from edge.api.global_rate_limit import GlobalLimits, RateLimitServicer
from edge.api.identity import IdentityServicer, KeyWatchServicer
from edge.api.reflection import public_reflection, serve_reflection
from edge.settings import EdgeSettings
from edge.storage.identities import SECRETS, IdentityRepository
from edge.storage.key_usage import LastUses
from edge.storage.keys import StoredKeys
from edge.storage.nonces import Nonces
from edge.storage.places import CellIdentities
from edge.use_cases.identities import Identities
from edge.use_cases.keys import KeyCache
from edge.use_cases.places import Places
from edge.use_cases.request_checks import RequestChecks
from mesh import service
from mesh.rpc.registration import Registration
from mesh.rpc.routes import REFLECTION, contract_routes, scopes_of
from mesh.service import Service
from mesh.storage.database import Database
from mesh.storage.resealing import Resealing
from mesh.vault import Vault


def build(settings: EdgeSettings) -> Service:
    """Put the service together."""
    database = Database(settings.database_url, settings.database_pool_size)
    vault = Vault(settings.secret_keys, binds=settings.bind_secrets)
    routes = contract_routes()
    identities = Identities(database, IdentityRepository(), vault, scopes_of(routes))
    stored = StoredKeys(database, vault)
    keys = KeyCache(stored, settings.key_cache_seconds, settings.key_cache_size)
    database.when_another(keys.forget)
    nonces = Nonces(database)
    uses = LastUses(database, settings.last_use_seconds)
    limits = GlobalLimits(
        settings.redis_url,
        {"merchant": settings.global_requests_per_second, "key": settings.global_key_requests_per_second},
    )
    cells = {name: CellIdentities(Database(url, 4)) for name, url in settings.cell_databases().items()}
    places = Places(cells)
    return Service(
        name="edge",
        settings=settings,
        database=database,
        workers=[
            keys.watcher,
            uses.worker,
            nonces.janitor,
            Resealing(database, vault, SECRETS).worker,
            *places.watchers,
        ],
        on_close=[uses.flush, limits.close, stored.close, *(cell.close for cell in cells.values())],
        registrations=[
            Registration(
                add_AuthorizationServicer_to_server,
                AuthorizationServicer(
                    keys,
                    nonces,
                    RequestChecks(routes),
                    uses.note,
                    accepts_v1=settings.accept_signature_v1,
                    cells=CellAnswers(places) if cells else None,
                ),
                name="envoy.service.auth.v3.Authorization",
            ),
            Registration(
                add_RateLimitServiceServicer_to_server,
                RateLimitServicer(limits),
                name="envoy.service.ratelimit.v3.RateLimitService",
            ),
            Registration(serve_reflection, public_reflection(routes), name=REFLECTION),
            Registration.of(identity_service_pb2, identity_service_pb2_grpc, IdentityServicer(identities)),
            Registration.of(key_watch_service_pb2, key_watch_service_pb2_grpc, KeyWatchServicer(identities)),
        ],
    )


if __name__ == "__main__":
    service.main("edge", EdgeSettings, __file__, build)
