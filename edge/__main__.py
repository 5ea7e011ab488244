"""Composition root of the edge: `python -m edge`."""

from __future__ import annotations

from envoy.service.auth.v3.external_auth_pb2_grpc import add_AuthorizationServicer_to_server
from fusionx.identity.v1 import identity_service_pb2
from fusionx.identity.v1.identity_service_pb2_grpc import add_IdentityServiceServicer_to_server

from edge.authorization import AuthorizationServicer
from edge.identities import Identities, KeyCache
from edge.repository import IdentityRepository
from edge.requests import RequestChecks
from edge.routes import contract_routes
from edge.servicer import IdentityServicer
from edge.settings import EdgeSettings
from mesh import service
from mesh.database import Database
from mesh.service import Registration, Service


def build(settings: EdgeSettings) -> Service:
    """Put the service together."""
    database = Database(settings.database_url, settings.database_pool_size)
    identities = Identities(database, IdentityRepository())
    keys = KeyCache(identities, settings.key_cache_seconds, settings.key_cache_size)
    authorization = AuthorizationServicer(keys, RequestChecks(contract_routes()))
    return Service(
        name="edge",
        settings=settings,
        database=database,
        registrations=[
            Registration(
                add_AuthorizationServicer_to_server, authorization, name="envoy.service.auth.v3.Authorization"
            ),
            Registration(
                add_IdentityServiceServicer_to_server,
                IdentityServicer(identities),
                identity_service_pb2.DESCRIPTOR.services_by_name["IdentityService"],
            ),
        ],
    )


if __name__ == "__main__":
    service.main("edge", EdgeSettings, __file__, build)
