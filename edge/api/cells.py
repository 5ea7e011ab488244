"""Envoy's question before the cells: which of them a request goes to."""

from __future__ import annotations

from typing import Any

import grpc
from envoy.service.auth.v3 import external_auth_pb2
from google.rpc import status_pb2

from edge.api.check_response import denied, header
from edge.domain import digest, secret_of
from edge.use_cases.places import Places
from mesh.errors import ApiError
from mesh.rpc.headers import CELL


class CellAnswers:
    """Names the cell in a header that Envoy routes by. Whether the key is good, is the cell's own question."""

    def __init__(self, places: Places) -> None:
        self._places = places

    async def answer(self, http: Any) -> external_auth_pb2.CheckResponse:
        """Return the cell of the request's key, or have the client try again."""
        secret = secret_of(http.headers.get("authorization", ""))
        try:
            cell = await self._places.place_of(digest(secret) if secret else None)
        except ApiError as error:
            return denied(error, http)
        return external_auth_pb2.CheckResponse(
            status=status_pb2.Status(code=grpc.StatusCode.OK.value[0]),
            ok_response=external_auth_pb2.OkHttpResponse(headers=[header(CELL, cell)]),
        )
