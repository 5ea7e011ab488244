"""The settings of a stack: by keyword, or by the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from mesh.settings import RedisUrl
from mesh.tracing.switch import ENDPOINT, PART


class StackSettings(BaseSettings):
    """Settings of the embedded stack, read from `FUSIONXPAY_STACK_*`.

    The servers that a stack brings are each replaced by a URL. What its providers need is in `stack/providers/`.
    """

    model_config = SettingsConfigDict(
        env_prefix="FUSIONXPAY_STACK_", populate_by_name=True, extra="ignore", hide_input_in_errors=True
    )

    data_dir: Path | None = Field(None, description="folder that keeps the state between runs; none: a temporary one")
    ready_file: Path | None = Field(None, description="file that holds addresses and pids while all is healthy")
    http_port: int = Field(0, ge=0, le=65535, description="port of the public API; 0 takes a free one")
    https_port: int = Field(0, ge=0, le=65535, description="port of the public API by HTTPS; 0 takes a free one")
    http: Literal["plain", "redirect", "off"] = Field(
        "plain", description="what the public API does by HTTP: answer, send to HTTPS (308), or nothing"
    )
    mutual_tls: bool = Field(True, description="whether the mesh speaks mutual TLS; without it, only in plain text")
    durable: bool = Field(
        True,
        description="whether what is stored is on the disk before it is acknowledged; without it starts are faster",
    )
    log_level: str = Field("INFO", pattern=r"^(DEBUG|INFO|WARNING|ERROR)$", description="lowest level that is logged")
    requests_per_second: int = Field(1000, ge=1, description="what the gateway takes of one merchant")
    key_requests_per_second: int = Field(1000, ge=1, description="what the gateway takes with one API key")
    global_requests_per_second: int = Field(
        0, ge=0, description="what all gateways together take of one merchant, counted in Redis; 0: not counted"
    )
    trusted_hops: int = Field(0, ge=0, le=10, description="how many proxies of ours are before the gateway")
    replicas: int = Field(1, ge=1, le=5, description="how many of each service run behind the edge")
    nats_nodes: Literal[1, 3] = Field(1, description="how many NATS servers keep the events; for a new data folder")
    movable: bool = Field(
        False, description="whether PostgreSQL writes what it takes to move a merchant to another cell"
    )
    start_seconds: float = Field(180, gt=0, description="how long all parts together may take to become ready")
    grace_seconds: float = Field(
        25, ge=0, description="how long a part may take to end: longer than a service's own drain"
    )
    service_env: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="extra environment by component, such as shorter timeouts for a test"
    )
    otlp_endpoint: str = Field(
        "",
        validation_alias=ENDPOINT,
        pattern=r"^(https?://[^/]+/?)?$",
        description="collector of spans, OTLP over gRPC; empty: no spans are made",
    )
    trace_part: float = Field(
        1.0, validation_alias=PART, ge=0, le=1, description="which part of all requests is traced; failures always are"
    )
    postgres_url: str = Field(
        "",
        validation_alias="FUSIONXPAY_POSTGRES_URL",
        pattern=r"^(postgres(ql)?://.+)?$",
        description="PostgreSQL server to use, with a user that may create databases; empty: an embedded one",
    )
    nats_url: str = Field(
        "",
        validation_alias="FUSIONXPAY_NATS_URL",
        pattern=r"^((nats|tls)://.+)?$",
        description="NATS server with JetStream to use; empty: an embedded one",
    )
    redis_url: RedisUrl = Field(
        "",
        validation_alias="FUSIONXPAY_REDIS_URL",
        description="Redis or Valkey server to use; empty: an embedded one",
    )
