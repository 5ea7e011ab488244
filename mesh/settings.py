"""Settings that every service shares, read from the environment (prefix `FUSIONXPAY_`)."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from mesh.tls import TlsFiles, read

SettingsT = TypeVar("SettingsT", bound="ServiceSettings")
EX_CONFIG = 78
LIBPQ = "PG"
PREFIX = "FUSIONXPAY_"
MAX_RETRIES = 30
"""How many pauses may be between attempts at an event."""
MAX_PAUSE_SECONDS = 3600
LOOK_SECONDS = 2.0
"""How often Envoy asks a replica that is well whether it still is, as `envoy_config` renders it."""
NOTICE_SECONDS = LOOK_SECONDS + 0.5
"""After which it has noticed that a replica is about to end."""
RedisUrl = Annotated[str, StringConstraints(pattern=r"^((rediss?|unix)://.+)?$")]
"""A setting: a Redis or Valkey, by TCP, TLS or a socket; empty: none."""


class UnreadableFileError(Exception):
    """A file that should hold a setting cannot be read. No ValueError: it is never taken for a wrong value."""


class FileSource(PydanticBaseSettingsSource):
    """Settings from files: `FUSIONXPAY_<NAME>_FILE` names the file that holds the value.

    Containers are given secrets so: an environment is seen by whoever may look at the process or its container, a file
    that is mounted by the process only.
    """

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the value of one setting, None where no file is named for it."""
        variable = f"{self.config.get('env_prefix', PREFIX)}{field_name.upper()}_FILE"
        path = os.environ.get(variable)
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text().strip(), field_name, False
        except (OSError, UnicodeDecodeError):
            raise UnreadableFileError(f"{variable}: the file cannot be read") from None

    def __call__(self) -> dict[str, Any]:
        """Return what the files say."""
        values = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in values.items() if value is not None}


class EnvironmentSettings(BaseSettings):
    """Settings from the environment, or from the files that it names, under the prefix of the class."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", hide_input_in_errors=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Look at arguments first, then at the environment, then at the files that it names."""
        return init_settings, env_settings, FileSource(settings_cls)


class ServiceSettings(EnvironmentSettings):
    """What each service needs to know of its surroundings. Every part is replaceable by a URL."""

    listen: str = Field("127.0.0.1:0", pattern=r"^[^\s:]+:\d{1,5}$", description="host:port of the gRPC server")
    metrics_listen: str = Field(
        "127.0.0.1:0", pattern=r"^[^\s:]+:\d{1,5}$", description="host:port of the Prometheus endpoint"
    )
    database_url: str = Field(pattern=r"^postgres(ql)?://", description="PostgreSQL URL of the service's own database")
    tls_cert_file: Path | None = Field(None, description="the process's certificate, PEM; with the next two, or none")
    tls_key_file: Path | None = Field(None, description="the key of that certificate, PEM")
    tls_ca_file: Path | None = Field(None, description="the CA whose certificates the mesh accepts, PEM")
    log_level: str = Field("INFO", pattern=r"^(DEBUG|INFO|WARNING|ERROR)$", description="lowest level that is logged")
    database_pool_size: int = Field(12, ge=2, le=200, description="connections held to the database at the most")
    max_concurrent_rpcs: int = Field(
        1000, ge=1, description="RPCs in flight before new ones are refused as UNAVAILABLE"
    )
    max_concurrent_streams: int = Field(
        1000, ge=1, description="streams open at once, beside the RPCs, before new ones are refused as UNAVAILABLE"
    )
    default_deadline_seconds: float = Field(15.0, gt=0, description="deadline of calls that bring none")
    max_connection_age_seconds: float = Field(
        1800.0, ge=1, description="after which a client connects anew, and so finds replicas that came meanwhile"
    )
    drain_seconds: float = Field(
        NOTICE_SECONDS, ge=0, description="pause between NOT_SERVING and the end of new calls: until Envoy has noticed"
    )
    grace_seconds: float = Field(7.0, ge=0, description="how long all that is under way may take to end at shutdown")

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


class BusSettings(ServiceSettings):
    """What a service that publishes or consumes events needs beside what all services do."""

    nats_url: str = Field(
        "nats://127.0.0.1:4222", pattern=r"^(nats|tls)://", description="NATS URL; of several nodes, by comma"
    )
    nats_replicas: int = Field(
        1, ge=1, le=5, description="on how many nodes a stream is kept, where this service makes it"
    )
    nats_server_name: str = Field(
        "", description="name in NATS' certificate where it is of the mesh's CA; empty: NATS is not of the mesh"
    )


def _are_pauses(value: str) -> str:
    try:
        pauses = [float(part) for part in value.split(",")]
    except ValueError:
        pauses = []
    if not 1 <= len(pauses) <= MAX_RETRIES or not all(0 < pause <= MAX_PAUSE_SECONDS for pause in pauses):
        raise ValueError(f"must be a comma list of 1 to {MAX_RETRIES} numbers of seconds, up to {MAX_PAUSE_SECONDS}")
    return value


class ConsumerSettings(BusSettings):
    """What a service that consumes events needs beside those that only publish."""

    event_signatures_from: Annotated[AwareDatetime | None, BeforeValidator(lambda given: given or None)] = Field(
        None, description="events that were published before need no signature, RFC 3339; empty: all need one"
    )
    event_retry_seconds: Annotated[str, AfterValidator(_are_pauses)] = Field(
        "0.1,0.5,2,5,10,20,30",
        description="comma list of the pauses between attempts at an event that fails; then it is a dead letter",
    )

    @property
    def event_retry_delays(self) -> tuple[float, ...]:
        """The pauses between attempts, in seconds."""
        return tuple(float(part) for part in self.event_retry_seconds.split(","))


def forget_libpq_variables() -> None:
    """Take the variables of PostgreSQL's own tools out of this process: only its settings say where databases are.

    libpq fills in from `PGHOST`, `PGSSLMODE`, `PGOPTIONS` and others whatever a URL does not say.
    """
    for name in [name for name in os.environ if name.startswith(LIBPQ)]:
        del os.environ[name]


def load(kind: type[SettingsT]) -> SettingsT:
    """Read the settings, or end the process with status 78 and the name of each setting that is wrong.

    Values are never printed: a wrong setting may hold a secret.
    """
    forget_libpq_variables()
    try:
        return kind()
    except (SettingsError, UnreadableFileError) as error:
        sys.stderr.write(f"wrong setting {error}\n")
        raise SystemExit(EX_CONFIG) from None
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            name = PREFIX + "_".join(str(part) for part in problem["loc"]).upper()
            sys.stderr.write(f"wrong setting {name}: {problem['msg']}\n")
        raise SystemExit(EX_CONFIG) from None
