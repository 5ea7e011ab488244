"""The provider of identities (OpenID Connect), as a client that trusts what is signed for it, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx

from console.domain import AccountError
from mesh.ids import Clock, utc_now
from mesh.telemetry import get_logger

log = get_logger(__name__)
Json = dict[str, Any]
TIMEOUT_SECONDS = 10.0
KEPT = timedelta(hours=1)
"""How long what the provider says of itself is kept."""
LOOK_AGAIN = timedelta(minutes=1)
"""How often a key that is not known is asked for: anybody can name one."""
LEEWAY_SECONDS = 60
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""None that is signed with a secret: the client's is no proof of who has signed."""
MAX_SUBJECT = 255
AWAY = "The provider of your login does not answer as it should. Try again, or log in with your password."


@dataclass(frozen=True)
class Client:
    """What this gateway is to the provider."""

    issuer: str
    client_id: str
    client_secret: str
    redirect_uri: str


@dataclass(frozen=True)
class Claims:
    """Who somebody is, as the provider has signed it."""

    subject: str
    email: str
    """Verified, in small letters; empty: the provider does not say that it is the person's."""
    name: str
    all: Mapping[str, Any]


class IdentityProvider:
    """Sends people there, and reads what they come back with. Every method raises AccountError."""

    def __init__(self, client: Client, clock: Clock = utc_now) -> None:
        self.issuer = client.issuer
        self._client = client
        self._clock = clock
        self._http: httpx.AsyncClient | None = None
        self._said: tuple[datetime, Json] | None = None
        self._keys: tuple[datetime, Json] | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._http:
            await self._http.aclose()

    async def address(self, state: str, nonce: str, verifier: str) -> str:
        """Return where a person says there who they are."""
        asked = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": self._client.redirect_uri,
            "scope": "openid email profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        endpoint = (await self._discovered())["authorization_endpoint"]
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    async def claims(self, code: str, verifier: str, nonce: str) -> Claims:
        """Return who has come back with a code: what the provider has signed, for us, for this one way there."""
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._client.redirect_uri,
            "code_verifier": verifier,
        }
        said = await self._discovered()
        answer = await self._ask(
            "POST", said["token_endpoint"], data=asked | self._secret(said), auth=self._basic(said)
        )
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise self._strange("its answer has no id_token")
        return self._read(await self._verified(token), nonce)

    def _read(self, claims: Json, nonce: str) -> Claims:
        given = claims.get("nonce")
        if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
            raise self._strange("the nonce is another one")
        audience = claims["aud"]
        if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != self._client.client_id:
            raise self._strange("the token is for somebody else as well")
        subject, email, name = claims["sub"], claims.get("email"), claims.get("name")
        if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT or not subject.isprintable():
            raise self._strange("the subject is none")
        is_verified = claims.get("email_verified") is True and isinstance(email, str)
        known = str(email).strip().lower() if is_verified else ""
        called = name[:100] if isinstance(name, str) and name.isprintable() else ""
        return Claims(subject, known, called, claims)

    async def _verified(self, token: str) -> Json:
        import jwt

        try:
            key = await self._key_of(token)
            claims: Json = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self._client.client_id,
                issuer=self.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["iss", "sub", "aud", "exp", "iat"]},
            )
        except jwt.PyJWTError as error:
            raise self._strange(f"the token is not to be trusted: {error}") from None
        return claims

    async def _key_of(self, token: str) -> Any:
        """Return the provider's key that a token says it is signed with."""
        import jwt

        header = jwt.get_unverified_header(token)
        for is_last in (False, True):
            keys = [one for one in await self._key_set(anew=is_last) if one.public_key_use in (None, "sig")]
            named = [one for one in keys if one.key_id == header.get("kid")] if "kid" in header else keys
            if len(named) == 1:
                return named[0]
        raise jwt.InvalidKeyError("it is signed with no key of the provider's")

    async def _key_set(self, *, anew: bool) -> list[Any]:
        import jwt

        now = self._clock()
        if self._keys is None or now - self._keys[0] > (LOOK_AGAIN if anew else KEPT):
            self._keys = now, await self._ask("GET", (await self._discovered())["jwks_uri"])
        return list(jwt.PyJWKSet.from_dict(self._keys[1]).keys)

    async def _discovered(self) -> Json:
        """Return what the provider says of itself."""
        now = self._clock()
        if self._said is None or now - self._said[0] > KEPT:
            said = await self._ask("GET", f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
            if said.get("issuer") != self.issuer:
                raise self._strange("it says that it is another issuer")
            scheme = self.issuer.partition(":")[0]
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                if not str(said.get(name, "")).startswith((f"{scheme}://", "https://")):
                    raise self._strange(f"its {name} is no address")
            self._said = now, said
        return self._said[1]

    def _is_basic(self, said: Json) -> bool:
        ways = said.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return "client_secret_basic" in ways

    def _basic(self, said: Json) -> tuple[str, str] | None:
        return (self._client.client_id, self._client.client_secret) if self._is_basic(said) else None

    def _secret(self, said: Json) -> Json:
        named = {"client_id": self._client.client_id}
        return {} if self._is_basic(said) else named | {"client_secret": self._client.client_secret}

    async def _ask(self, method: str, url: str, **sent: Any) -> Json:
        if self._http is None:
            self._http = httpx.AsyncClient(
                timeout=TIMEOUT_SECONDS, trust_env=False, headers={"accept": "application/json"}
            )
        try:
            answer = await self._http.request(method, url, **{name: value for name, value in sent.items() if value})
            said = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise self._strange(f"{url}: {type(error).__name__} {error}") from None
        if answer.status_code != 200 or not isinstance(said, dict):
            raise self._strange(f"{url}: status {answer.status_code}")
        return said

    def _strange(self, why: str) -> AccountError:
        log.warning("the provider of identities was not believed", reason=why)
        return AccountError("oidc", AWAY)
