"""A provider of identities (OpenID Connect) with keys of its own: it lets one person in, and lies as it is told."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

Json = dict[str, Any]
CLIENT, SECRET = "fusionxpay", "the client's secret"


class Provider:
    """Whom it lets in, and what it says of them."""

    def __init__(self) -> None:
        self.issuer = ""
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.kid = "first"
        self.person: Json = {}
        self.claims: Json = {}
        """What an id_token says otherwise than it should."""
        self.signs_with: tuple[Any, str] | None = None
        """Another key and algorithm than its own."""
        self.codes: dict[str, dict[str, str]] = {}

    def be(self, email: str, **claims: Any) -> str:
        """Let somebody in from now on; return the subject."""
        subject = str(uuid.uuid4())
        self.person = {"sub": subject, "email": email, "email_verified": True, "name": "Kim Park"} | claims
        return subject

    def key_set(self) -> Json:
        """Return what it publishes of its key."""
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [public | {"kid": self.kid, "use": "sig", "alg": "RS256"}]}

    def token(self, nonce: str) -> str:
        """Return an id_token."""
        now = int(time.time())
        said = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce}
        key, algorithm = self.signs_with or (self.key, "RS256")
        said = {name: value for name, value in (said | self.person | self.claims).items() if value is not None}
        return jwt.encode(said, key, algorithm=algorithm, headers={"kid": self.kid})

    def sent_back(self, address: str) -> str:
        """Return where a browser that has come to an address of ours is sent back to, as the person agrees."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT)
        assert (asked["code_challenge_method"], asked["scope"].split()[0]) == ("S256", "openid")
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state'], 'iss': self.issuer})}"

    def exchange(self, form: dict[str, str], authorization: str) -> Json | None:
        """Return tokens for a code, once, to the client that has begun; None: nothing."""
        asked = self.codes.pop(form.get("code", ""), None)
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if asked is None or authorization != f"Basic {basic}" or form["redirect_uri"] != asked["redirect_uri"]:
            return None
        hashed = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        if hashed != asked["code_challenge"]:
            return None
        return {"access_token": "x", "token_type": "Bearer", "id_token": self.token(asked["nonce"])}


@contextmanager
def providing() -> Iterator[Provider]:
    """Run a provider."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path.startswith("/authorize"):
                self.send_response(302)
                self.send_header("location", provider.sent_back(self.path))
                self.send_header("content-length", "0")
                self.end_headers()
            elif self.path == "/.well-known/openid-configuration":
                places = ("authorize", "token", "jwks")
                named = ("authorization_endpoint", "token_endpoint", "jwks_uri")
                self._say(
                    {"issuer": provider.issuer}
                    | {n: f"{provider.issuer}/{p}" for n, p in zip(named, places, strict=True)}
                )
            else:
                self._say(provider.key_set())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            said = provider.exchange(form, self.headers.get("authorization", ""))
            self._say(said or {"error": "invalid_grant"}, 200 if said else 400)

        def _say(self, said: Json, status: int = 200) -> None:
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        provider.issuer = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield provider
        server.shutdown()
