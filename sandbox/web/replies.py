"""An HTTP answer before it becomes one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.responses import Response


def pretty(body: object) -> bytes:
    """JSON as providers write it: indented, UTF-8 unescaped. Signatures are over these bytes."""
    return json.dumps(body, indent=2, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, body and headers, kept as bytes so that a replay is exact."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> "Reply":
        """A JSON answer, indented as providers do."""
        return cls(status, pretty(body), headers or {})

    def response(self, headers: Mapping[str, str] | None = None) -> Response:
        """The answer as Starlette sends it."""
        merged = {**self.headers, **(headers or {})}
        return Response(self.body, self.status, merged, media_type="application/json")
