"""How the API says no: in JSON always in the shape of `google.rpc.Status`, and in gRPC by its details."""

from __future__ import annotations

from typing import cast

import grpc
import httpx

from mesh.errors import ApiError


def refusal(error: grpc.RpcError) -> ApiError:
    """Return the typed error of a call by gRPC's synchronous library, which looks the same as the other's."""
    return ApiError.from_rpc(cast("grpc.aio.AioRpcError", error))


def problem(answer: httpx.Response) -> tuple[int, str, set[str]]:
    """Return status, reason and the fields that are named, after a look at the rest of the shape."""
    assert answer.status_code >= 400, answer.text
    assert answer.headers["content-type"].startswith("application/json"), answer.headers
    body = answer.json()
    assert body.keys() == {"code", "message", "details"}, body
    assert isinstance(body["code"], int)
    assert body["message"]
    details = {detail["@type"].rpartition(".")[2]: detail for detail in body["details"]}
    assert details["RequestInfo"]["request_id"] == answer.headers.get("x-request-id"), body
    assert details["ErrorInfo"]["domain"].startswith("fusionxpay")
    violations = details.get("BadRequest", {"field_violations": []})["field_violations"]
    assert all(violation["description"] for violation in violations)
    return answer.status_code, details["ErrorInfo"]["reason"], {violation["field"] for violation in violations}
