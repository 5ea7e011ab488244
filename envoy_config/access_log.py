"""What Envoy writes of every request for the audit: one JSON line, to a file that `audit_svc` follows.

A file and not Envoy's gRPC access log service, which loses what it sends while nobody answers (`docs/decisions.md`).
The fields are read by `audit_svc/domain/lines.py`. Source: Envoy documentation, "Access logging".
"""

from __future__ import annotations

from envoy_config.config import Config
from mesh.rpc.headers import CONSOLE_USER, DENIED_KEY, DENIED_MERCHANT, DENIED_MODE

FORMAT_VERSION = 1
_NAMESPACE = "fusionxpay"
_REFUSAL = "envoy.filters.http.ext_authz"
"""Where Envoy keeps what the edge service says beside its answer."""
_FIELDS = {
    # sorts first, so that the beginning of a line can be found after what a killed Envoy has left
    "audit": str(FORMAT_VERSION),
    "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%6f+00:00)%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "traceparent": "%REQ(TRACEPARENT)%",
    "merchant_id": "%REQ(X-MERCHANT-ID)%",
    "key_id": "%REQ(X-MERCHANT-KEY)%",
    "mode": "%REQ(X-MERCHANT-MODE)%",
    # the headers are set on what goes on alone
    "denied_merchant": f"%DYNAMIC_METADATA({_REFUSAL}:{DENIED_MERCHANT})%",
    "denied_key": f"%DYNAMIC_METADATA({_REFUSAL}:{DENIED_KEY})%",
    "denied_mode": f"%DYNAMIC_METADATA({_REFUSAL}:{DENIED_MODE})%",
    "method": "%REQ(X-ENVOY-ORIGINAL-METHOD?:METHOD)%",
    # never the query string: its values may be anything
    "path": "%PATH(NQ:ORIG_OR_PATH)%",
    # what the transcoder has made of it
    "target": "%PATH(NQ:PATH)%",
    "http_status": "%RESPONSE_CODE%",
    "grpc_status": "%GRPC_STATUS_NUMBER%",
    "grpc_failure": f"%DYNAMIC_METADATA({_NAMESPACE}:grpc_status)%",
    "flags": "%RESPONSE_FLAGS%",
    "detail": "%RESPONSE_CODE_DETAILS%",
    "duration_us": "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "idempotency_key": "%REQ(IDEMPOTENCY-KEY)%",
    "user_agent": "%REQ(USER-AGENT)%",
    # who is logged in, as the console says beside its pages
    "user": f"%RESP({CONSOLE_USER})%",
    "source": "%ROUTE_NAME%",
}


def audit_log(file: str) -> Config:
    """Return the access log that writes to a file: by a thread of its own, so that no request waits for the disk."""
    return {
        "name": "audit",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": file,
            "log_format": {"json_format": _FIELDS},
        },
    }


def status_note() -> Config:
    """Return the filter that notes a service's gRPC status before the transcoder makes an HTTP status of it.

    Afterwards Envoy can only guess: it takes every 404 for UNIMPLEMENTED. A failure has its status in the headers.
    """
    note = {"metadata_namespace": _NAMESPACE, "key": "grpc_status", "type": "STRING"}
    return {
        "name": "status_note",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config",
            "response_rules": [{"header": "grpc-status", "on_header_present": note}],
        },
    }
