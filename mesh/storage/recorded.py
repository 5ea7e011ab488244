"""An outage after something was stored is no refusal: who is told must not ask for the same anew."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from psycopg_pool import PoolTimeout

from mesh.errors import ApiError, is_outage


@asynccontextmanager
async def recorded(ids: Mapping[str, object], *, certainly: bool) -> AsyncIterator[None]:
    """Have an outage in this block name what was stored, or, unless `certainly`, may have been.

    A database that nobody could ask has stored nothing; one that was asked may have, whatever its COMMIT was answered.
    `ids` may be filled within the block: while it is empty nothing is stored. An error that names one of them by itself
    stays as it is.
    """
    try:
        yield
    except ApiError as error:
        is_asked = certainly or not isinstance(error.__cause__, PoolTimeout)
        if not is_outage(error) or not ids or not is_asked or ids.keys() & error.metadata.keys():
            raise
        kind, name = next(iter((key.removesuffix("_id"), value) for key, value in ids.items()))
        how = "is recorded, and goes on" if certainly else "may be recorded"
        words = f"{error.message}: the {kind} {name} {how}; ask for it, or repeat the call under the same key"
        where = {**error.metadata, **{key: str(value) for key, value in ids.items()}}
        raise ApiError(error.code, error.reason, words, metadata=where) from error
