"""What Envoy is answered, by fakes of what is asked."""

from __future__ import annotations

import json
import time
import uuid
from uuid import UUID

import pytest
from envoy.service.auth.v3 import external_auth_pb2

from edge.api.authorization import AuthorizationServicer
from edge.domain import UNREADABLE, Identity, Mode, Permissions, Signature, digest, networks_of
from edge.use_cases import signing
from edge.use_cases.request_checks import RequestChecks
from edge.use_cases.signing import SignedRequest
from mesh.errors import unavailable
from mesh.rpc.headers import CHECK, KEY_CHECK, MAX_BODY
from mesh.rpc.routes import contract_routes

SECRET = "sk_test_" + "A" * 43
SIGNING_SECRET = b"sig_secret"
CHECKS = RequestChecks(contract_routes())
NONCE = "0123456789abcdef"


class _Asked:
    """How Envoy asks: with metadata that says what about."""

    def __init__(self, about: str) -> None:
        self._about = about

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return ((CHECK, self._about),) if self._about else ()


class World:
    """Keys, nonces and uses, and what was asked of them."""

    def __init__(self, identity: Identity | None) -> None:
        self.known = {digest(SECRET): identity}
        self.asked: list[bytes] = []
        self.nonces: list[tuple[UUID, str]] = []
        self.uses: list[UUID] = []
        self.body = b""

    async def identify(self, secret_digest: bytes) -> Identity | None:
        self.asked.append(secret_digest)
        return self.known.get(secret_digest)

    async def use(self, key_id: UUID, nonce: str) -> bool:
        self.nonces.append((key_id, nonce))
        return len(self.nonces) == 1

    async def check(self, about: str = "", **headers: str) -> external_auth_pb2.CheckResponse:
        request = external_auth_pb2.CheckRequest()
        http = request.attributes.request.http
        http.method, http.path, http.raw_body = "POST" if self.body else "GET", "/v1/orders", self.body
        http.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
        servicer = AuthorizationServicer(self, self, CHECKS, self.uses.append)
        answer: external_auth_pb2.CheckResponse = await servicer.Check(request, _Asked(about))  # type: ignore[arg-type]
        return answer


def identity(mode: Mode = Mode.TEST, signature: Signature = Signature.NONE, *networks: str) -> Identity:
    permissions = Permissions(mode, ("orders:read", "orders:write"), networks_of(networks), signature)
    return Identity(
        uuid.uuid4(), uuid.uuid4(), permissions, None, None if signature is Signature.NONE else SIGNING_SECRET
    )


@pytest.mark.parametrize(
    ("authorization", "look_ups", "said"),
    [
        ("", 0, "no API key came"),
        (" ", 0, "no API key came"),
        ("Bearer", 0, "has another form than"),
        ("Bearer sk_test_", 0, "mistyped or not whole"),
        (f"Basic {SECRET}", 0, "has another form than"),
        ("Bearer " + "x" * 5000, 0, "has another form than"),
        (f"Bearer {SECRET}A", 0, "mistyped or not whole"),
        (f"Bearer {SECRET}", 1, "not valid here"),
        (f"bearer  {SECRET} ", 1, "not valid here"),
    ],
)
async def test_what_has_the_form_of_a_key_is_looked_up_and_nothing_is_told_of_it(
    authorization: str, look_ups: int, said: str
) -> None:
    world = World(None)
    answer = await world.check(authorization=authorization)
    assert answer.denied_response.status.code == 401
    assert len(world.asked) == look_ups
    refusal = json.loads(answer.denied_response.body)
    assert said in refusal["message"]
    assert [detail["reason"] for detail in refusal["details"] if "reason" in detail] == ["API_KEY_INVALID"]
    assert SECRET not in answer.denied_response.body
    assert not world.uses


@pytest.mark.parametrize(("more", "code"), [(0, 0), (1, 413)])
async def test_body_is_refused_that_is_longer_than_envoy_hands_on_whole(more: int, code: int) -> None:
    world = World(identity())
    world.body = b'{"amount":{"value":"1.00","currency":"EUR"}}'.ljust(MAX_BODY + more)
    answer = await world.check(authorization=f"Bearer {SECRET}", content_type="application/json")
    assert answer.denied_response.status.code == code
    assert bool(world.uses) is not bool(more)


@pytest.mark.parametrize("mode", Mode)
async def test_identity_is_attached_and_the_key_goes_no_further(mode: Mode) -> None:
    who = identity(mode)
    world = World(who)
    answer = await world.check(authorization=f"Bearer {SECRET}")
    attached = {option.header.key: option.header.value for option in answer.ok_response.headers}
    assert attached == {
        "x-merchant-id": str(who.tenant_id),
        "x-merchant-mode": mode,
        "x-merchant-account": str(who.merchant_id),
        "x-merchant-key": str(who.api_key_id),
        "x-merchant-scopes": "orders:read orders:write",
    }
    assert "authorization" in answer.ok_response.headers_to_remove
    assert world.uses == [who.api_key_id]


async def test_secret_that_cannot_be_read_is_said_of_its_key() -> None:
    class Unreadable(World):
        async def identify(self, secret_digest: bytes) -> Identity | None:
            raise unavailable(UNREADABLE, "it cannot be read")

    answer = await Unreadable(None).check(authorization=f"Bearer {SECRET}")
    assert answer.denied_response.status.code == 503
    assert "SIGNING_SECRET_UNREADABLE" in answer.denied_response.body


async def test_signature_that_is_missing_is_told_as_it_is_made_now() -> None:
    world = World(identity(Mode.TEST, Signature.REQUIRED))
    answer = await world.check(authorization=f"Bearer {SECRET}")
    assert "v2=" in answer.denied_response.body


async def test_address_is_looked_at_before_the_signature() -> None:
    world = World(identity(Mode.TEST, Signature.REQUIRED, "10.0.0.0/8"))
    answer = await world.check(authorization=f"Bearer {SECRET}", x_client_address="192.0.2.1")
    assert answer.denied_response.status.code == 403
    assert "IP_NOT_ALLOWED" in answer.denied_response.body


async def test_nonce_is_used_up_by_a_signature_that_holds_and_by_no_other() -> None:
    who = identity(Mode.TEST, Signature.OPTIONAL)
    world = World(who)
    stamp = int(time.time())
    v1 = signing.make(SIGNING_SECRET, SignedRequest("GET", "/v1/orders", b""), stamp, NONCE, version=1)
    headers = {"authorization": f"Bearer {SECRET}"}
    wrong = await world.check(**headers, fusionxpay_signature=f"t={stamp},n={NONCE},v1={'0' * 64}")
    assert "SIGNATURE_INVALID" in wrong.denied_response.body
    assert not world.nonces
    right = await world.check(**headers, fusionxpay_signature=f"t={stamp},n={NONCE},v1={v1}")
    assert right.HasField("ok_response")
    again = await world.check(**headers, fusionxpay_signature=f"t={stamp},n={NONCE},v1={v1}")
    assert "NONCE_REPLAYED" in again.denied_response.body
    assert world.nonces == [(who.api_key_id, NONCE)] * 2


@pytest.mark.parametrize("signature", Signature)
async def test_before_the_body_the_key_is_all_that_is_asked_about(signature: Signature) -> None:
    """The request goes on as it came: its signature, which covers the body, is left to the question that has it."""
    world = World(identity(Mode.TEST, signature))
    answer = await world.check(KEY_CHECK, authorization=f"Bearer {SECRET}")
    assert answer.status.code == 0
    assert not answer.ok_response.headers
    assert not answer.ok_response.headers_to_remove
    assert not world.nonces
    assert not world.uses
    assert (await World(None).check(KEY_CHECK)).denied_response.status.code == 401
