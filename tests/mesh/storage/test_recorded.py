"""Who is told of an outage after something was stored hears its name."""

from __future__ import annotations

import grpc
import pytest
from psycopg import OperationalError
from psycopg_pool import PoolTimeout

from mesh.errors import ApiError, failed_precondition, unavailable
from mesh.storage.recorded import recorded


def outage(cause: Exception) -> ApiError:
    error = unavailable("DATABASE_UNAVAILABLE", "the database is away, try again")
    error.__cause__ = cause
    return error


NAMED = ApiError(grpc.StatusCode.UNAVAILABLE, "OUTCOME_UNKNOWN", "who knows", {"refund_id": "0"})


@pytest.mark.parametrize(
    ("error", "certainly", "says"),
    [
        (outage(OperationalError("gone")), False, "try again: the refund 7 may be recorded; ask for it, or "),
        (outage(OperationalError("gone")), True, "try again: the refund 7 is recorded, and goes on; ask for it, or "),
        # nobody was asked to store anything
        (outage(PoolTimeout("none free")), False, ""),
        (outage(PoolTimeout("none free")), True, "the refund 7 is recorded"),
        (failed_precondition("NO", "no"), True, ""),
        (NAMED, True, ""),
    ],
)
async def test_outage_names_what_is_stored_or_may_be(error: ApiError, certainly: bool, says: str) -> None:
    with pytest.raises(ApiError) as told:
        async with recorded({"refund_id": 7, "payment_id": 8}, certainly=certainly):
            raise error
    if not says:
        assert told.value is error
        return
    assert says in told.value.message
    assert told.value.metadata == {"refund_id": "7", "payment_id": "8"}
    assert (told.value.code, told.value.reason) == (error.code, error.reason)


async def test_nothing_is_named_before_anything_is_stored() -> None:
    """A repetition whose look for the first request failed named a refund that was never stored: its 404 said so."""
    error = outage(OperationalError("gone"))
    with pytest.raises(ApiError) as told:
        async with recorded({}, certainly=False):
            raise error
    assert told.value is error
