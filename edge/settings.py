"""Settings of the edge service."""

from __future__ import annotations

from pydantic import Field

from mesh.settings import RedisUrl, ServiceSettings
from mesh.vault import BindSecrets, VaultKeys


class EdgeSettings(ServiceSettings):
    """What the edge needs beside what all services do."""

    secret_keys: VaultKeys = Field(
        description="comma list of Fernet keys that encrypt signing secrets at rest; the first encrypts, all decrypt"
    )
    bind_secrets: BindSecrets = False
    key_cache_seconds: float = Field(
        0.9, gt=0, le=60, description="how old an answer about an API key may be: the bound on using a revoked one"
    )
    key_cache_size: int = Field(20_000, ge=1, description="how many keys are kept in memory at the most")
    accept_signature_v1: bool = Field(
        True, description="whether requests may still be signed as `v1`, which does not cover the Idempotency-Key"
    )
    last_use_seconds: float = Field(10.0, gt=0, description="how often the last uses of keys are written")
    redis_url: RedisUrl = Field(
        "", description="Redis or Valkey where the limits of all Envoys together are counted; empty: nowhere"
    )
    global_requests_per_second: int = Field(
        0, ge=0, description="what all Envoys together take of one merchant; 0: not limited"
    )
    global_key_requests_per_second: int = Field(
        0, ge=0, description="what all Envoys together take with one API key; 0: not limited"
    )
    cells: str = Field(
        "",
        pattern=r"^([a-z][a-z0-9-]*=postgres(ql)?://[^,]+(,|$))*$",
        description="where several cells are behind one address: NAME=URL of each one's database of identities, by "
        "comma; the first takes what belongs to nobody. For edges that an Envoy before the cells asks",
    )

    def cell_databases(self) -> dict[str, str]:
        """Return the database of each cell's identities, by its name."""
        pairs = (one.partition("=") for one in self.cells.split(",") if one)
        return {name: url for name, _, url in pairs}
