"""The audit as a test sees it: its rows, and the command that verifies them."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row
from typer.testing import Result

from stack.stack import Ready
from tests.support.stack.command import run_command
from tests.support.waiting import eventually


def rows_of_request(gateway: Ready, request_id: str) -> list[dict[str, Any]]:
    """Return the rows of a request, which are there soon after its answer."""
    query = "SELECT * FROM entries WHERE request_id = %s"
    with psycopg.connect(gateway.database_urls["audit"], row_factory=dict_row, autocommit=True) as connection:
        return eventually(lambda: connection.execute(query, [request_id]).fetchall(), f"audit of {request_id}")


def counts(gateway: Ready, merchant_id: str) -> dict[str, int]:
    """Return how many rows each request of a merchant has."""
    query = "SELECT request_id, count(*) FROM entries WHERE merchant_id = %s GROUP BY 1"
    with psycopg.connect(gateway.database_urls["audit"]) as connection:
        return dict(connection.execute(query, [merchant_id]).fetchall())


def command(gateway: Ready, *arguments: str) -> Result:
    """Run `fusionxpay audit …` against the stack."""
    return run_command(gateway, "audit", *arguments)
