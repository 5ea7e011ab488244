"""Settings that every service shares, read from the environment (prefix `FUSIONXPAY_`)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Self, TypeVar

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from mesh.tls import TlsFiles, read

SettingsT = TypeVar("SettingsT", bound="ServiceSettings")
EX_CONFIG = 78


class ServiceSettings(BaseSettings):
    """What each service needs to know of its surroundings. Every part is replaceable by a URL."""

    model_config = SettingsConfigDict(env_prefix="FUSIONXPAY_", extra="ignore")

    listen: str = Field("127.0.0.1:0", pattern=r"^[^\s:]+:\d{1,5}$", description="host:port of the gRPC server")
    metrics_listen: str = Field(
        "127.0.0.1:0", pattern=r"^[^\s:]+:\d{1,5}$", description="host:port of the Prometheus endpoint"
    )
    database_url: str = Field(pattern=r"^postgres(ql)?://", description="PostgreSQL URL of the service's own database")
    nats_url: str = Field("nats://127.0.0.1:4222", pattern=r"^(nats|tls)://", description="NATS URL")
    tls_cert_file: Path | None = Field(None, description="the process's certificate, PEM; with the next two, or none")
    tls_key_file: Path | None = Field(None, description="the key of that certificate, PEM")
    tls_ca_file: Path | None = Field(None, description="the CA whose certificates the mesh accepts, PEM")
    log_level: str = Field("INFO", pattern=r"^(DEBUG|INFO|WARNING|ERROR)$", description="lowest level that is logged")
    database_pool_size: int = Field(12, ge=2, le=200, description="connections held to the database at the most")
    max_concurrent_rpcs: int = Field(
        1000, ge=1, description="RPCs in flight before new ones are refused as UNAVAILABLE"
    )
    default_deadline_seconds: float = Field(15.0, gt=0, description="deadline of calls that bring none")
    drain_seconds: float = Field(1.0, ge=0, description="pause between NOT_SERVING and the end of new calls")
    grace_seconds: float = Field(10.0, ge=0, description="how long calls under way may take to end at shutdown")

    @property
    def tls(self) -> TlsFiles | None:
        """The files of mutual TLS; None when the mesh speaks in plain text."""
        if self.tls_cert_file and self.tls_key_file and self.tls_ca_file:
            return TlsFiles(self.tls_cert_file, self.tls_key_file, self.tls_ca_file)
        return None

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        given = [self.tls_cert_file, self.tls_key_file, self.tls_ca_file]
        if any(given) and not all(given):
            raise ValueError("TLS_CERT_FILE, TLS_KEY_FILE and TLS_CA_FILE come together")
        if self.tls:
            try:
                read(self.tls)
            except OSError as error:
                raise ValueError(f"TLS file {error.filename} cannot be read: {error.strerror}") from None
        return self


def load(kind: type[SettingsT]) -> SettingsT:
    """Read the settings, or end the process with status 78 and the name of each setting that is wrong.

    Values are never printed: a wrong setting may hold a secret.
    """
    try:
        return kind()
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            name = "FUSIONXPAY_" + "_".join(str(part) for part in problem["loc"]).upper()
            sys.stderr.write(f"wrong setting {name}: {problem['msg']}\n")
        raise SystemExit(EX_CONFIG) from None
