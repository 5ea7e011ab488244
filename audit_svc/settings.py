"""Settings of the audit service."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from mesh.settings import ServiceSettings


class AuditSettings(ServiceSettings):
    """Where the lines of an Envoy are, and when its file is changed for a new one."""

    spool_file: Path = Field(description="the file that Envoy writes its audit lines to")
    spool_name: str = Field("envoy", min_length=1, max_length=200, description="name of that Envoy, its own among all")
    spool_rotate_bytes: int = Field(64 << 20, ge=1, description="size at which a new file is begun")
    spool_alert_bytes: int = Field(256 << 20, ge=1, description="an alert is raised when more waits to be taken over")
    unidentified_per_second: float = Field(
        10.0, gt=0, description="refused requests without a valid key that are kept one by one; more are counted"
    )
    envoy_admin_url: str = Field(
        "",
        pattern=r"^(https?://.+|unix:/.+)?$",
        description="Envoy's administration, or unix: and its socket, to begin a new file; empty: none is begun",
    )
    anchor_folder: Path | None = Field(
        None, description="where the chain is anchored, outside of the database; with a certificate; none: only logged"
    )
    anchor_seconds: float = Field(60.0, gt=0, description="how often at the most, while the chain grows slowly")
    anchor_entries: int = Field(10_000, ge=1, description="after how many entries at the latest")
