"""One JSON line per request and per webhook delivery, on stdout. Bodies and headers are never logged."""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

LOG_FIELDS = "sandbox.log"


def annotate(request: Request, **fields: Any) -> None:
    """Add fields (`object`, `tags`, `fault`…) to the line that will be logged for a request."""
    request.scope[LOG_FIELDS].update(fields)


def log(message: str, *, level: str = "info", tags: Mapping[str, str] | None = None, **fields: Any) -> None:
    """Write one line; `tags` contributes the ids of the payment and the order when they are known."""
    known = tags or {}
    line = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level,
        "component": "sandbox",
        "message": message,
        **fields,
        "payment_id": known.get("payment_id"),
        "order_id": known.get("order_id"),
    }
    present = {name: value for name, value in line.items() if value is not None}
    sys.stdout.write(json.dumps(present, ensure_ascii=False) + "\n")
    sys.stdout.flush()
