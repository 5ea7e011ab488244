"""What statements read, by PostgreSQL's own account."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import psycopg

from mesh.storage.database import Statement


def rows_read(
    connection: psycopg.Connection[Any], statement: Statement[Any], parameters: Mapping[str, object]
) -> float:
    """Run a statement, undo it, and return how many rows it read of whatever table or index."""
    with connection.transaction(force_rollback=True):
        text = b"EXPLAIN (ANALYZE, FORMAT JSON) " + statement.text
        (plan,) = connection.execute(text, {**statement.constants, **parameters}).fetchone() or ((),)
    found: Any = plan if isinstance(plan, list) else json.loads(str(plan))

    def read(node: dict[str, Any]) -> float:
        own = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        return (own if "Relation Name" in node else 0) + sum(read(one) for one in node.get("Plans", []))

    return read(found[0]["Plan"])


def blocks_read(
    connection: psycopg.Connection[Any], statement: Statement[Any], parameters: Mapping[str, object]
) -> int:
    """Run a statement and return how many blocks it looked at, of tables and indexes, wherever they were."""
    text = b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement.text
    ((plan,),) = connection.execute(text, {**statement.constants, **parameters}).fetchall()
    return sum(plan[0]["Plan"][f"{kind} {how} Blocks"] for kind in ("Shared", "Local") for how in ("Hit", "Read"))


def cost(connection: psycopg.Connection[Any], statement: Statement[Any], parameters: Mapping[str, object]) -> float:
    """Return what PostgreSQL expects a statement to cost, in its own unit, without running it."""
    text = b"EXPLAIN (FORMAT JSON) " + statement.text
    ((plan,),) = connection.execute(text, {**statement.constants, **parameters}).fetchall()
    return float(plan[0]["Plan"]["Total Cost"])
