"""Composition root of the audit service: `python -m audit_svc`, one beside each Envoy."""

from __future__ import annotations

from fusionx.audit.v1 import (
    audit_service_pb2,
    audit_service_pb2_grpc,
    request_log_service_pb2,
    request_log_service_pb2_grpc,
)

from audit_svc.anchoring import Anchoring
from audit_svc.api import AuditServicer, RequestLogServicer
from audit_svc.domain.condensing import Condenser
from audit_svc.intake import Intake, Rotation
from audit_svc.settings import AuditSettings
from audit_svc.spool import Spool
from audit_svc.storage import AuditRepository
from audit_svc.use_cases import Audit
from mesh import service
from mesh.rpc.registration import Registration
from mesh.service import Service
from mesh.storage.database import Database


def build(settings: AuditSettings) -> Service:
    """Put the service together."""
    database = Database(settings.database_url, settings.database_pool_size)
    store = AuditRepository()
    spool = Spool(settings.spool_file)
    condenser = Condenser(settings.unidentified_per_second)
    intake = Intake(database, store, spool, settings.spool_name, condenser, alert_bytes=settings.spool_alert_bytes)
    audit = Audit(database, store)
    rotation = Rotation(spool, settings.spool_rotate_bytes, settings.envoy_admin_url)
    anchoring = _anchoring(settings, database, store)
    return Service(
        name="audit_svc",
        settings=settings,
        database=database,
        workers=[intake.worker, rotation.worker, *(one.worker for one in anchoring)],
        on_close=[rotation.close, *(one.close for one in anchoring)],
        registrations=[
            Registration.of(audit_service_pb2, audit_service_pb2_grpc, AuditServicer(audit)),
            Registration.of(request_log_service_pb2, request_log_service_pb2_grpc, RequestLogServicer(audit)),
        ],
    )


def _anchoring(settings: AuditSettings, database: Database, store: AuditRepository) -> list[Anchoring]:
    """Return what anchors the chain; none where nobody has a certificate to sign with."""
    folder, files = settings.anchor_folder, settings.tls
    if not folder or not files:
        return []
    seconds, entries = settings.anchor_seconds, settings.anchor_entries
    return [Anchoring(database, store, folder, files, seconds=seconds, entries=entries)]


if __name__ == "__main__":
    service.main("audit_svc", AuditSettings, __file__, build)
