"""Settings of the edge service."""

from __future__ import annotations

from pydantic import Field

from mesh.settings import ServiceSettings


class EdgeSettings(ServiceSettings):
    """What the edge needs beside what all services do."""

    key_cache_seconds: float = Field(
        0.9, gt=0, le=60, description="how long an answer about an API key is kept: the bound on using a revoked one"
    )
    key_cache_size: int = Field(20_000, ge=1, description="how many keys are kept at the most")
