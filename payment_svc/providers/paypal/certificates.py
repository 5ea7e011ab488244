"""The certificates that sign PayPal's webhooks: where one may come from, and what makes it PayPal's.

A webhook names the certificate's address itself, so whoever sends one chooses what we fetch. Only an address that is
exactly of the expected form is fetched at all; what comes from there must be issued to PayPal's name by somebody who is
trusted. What is between the two may be missing: PayPal serves the leaf alone at times. Such certificates are kept from
chains that were complete, and where none fits, PayPal itself is asked (`webhooks.Verifier`).
"""

from __future__ import annotations

import asyncio
import re
import ssl
import warnings
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import certifi
import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from payment_svc.providers import http_client
from payment_svc.providers.base import SignatureInvalidError, UnavailableError

HOSTS = ("api.paypal.com", "api-m.paypal.com", "api.sandbox.paypal.com", "api-m.sandbox.paypal.com")
PATH = "/v1/notifications/certs/"
NAMES = ("messageverificationcerts.paypal.com", "messageverificationcerts.sandbox.paypal.com")
"""Whom a certificate must be issued to; `*.paypal.com` is the first of them as well."""
MAX_BYTES = 64 * 1024
MAX_KEPT = 16
FETCH_SECONDS = 4.0
MAX_FETCHES = 4
"""At once: a crowd of made-up addresses does not become a crowd of requests."""
MAX_WAITING = 16
"""Addresses that are being fetched or wait for it: who sends more comes again, and holds no call of ours meanwhile."""


class CertificateUnavailableError(Exception):
    """The certificate could not be fetched now, or what is above it is missing: it says nothing either way."""


class Certificates:
    """Fetches certificates, each address once, and returns the key of a genuine one.

    Trusted are the roots that certifi ships, or those of `ca_file` instead. `cert_url_base` adds the address of a
    simulator, which may be plain http.
    """

    def __init__(
        self,
        cert_url_base: str = "",
        ca_file: str = "",
        *,
        proxy: str = "",
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        bases = [f"https://{host}" for host in HOSTS] + ([cert_url_base.rstrip("/")] if cert_url_base else [])
        # one expression over the whole text: no parser that could read it differently than the HTTP client does
        self._allowed = re.compile(f"(?:{'|'.join(map(re.escape, bases))}){PATH}[A-Za-z0-9_-]{{1,128}}", re.ASCII)
        self._ca_file = ca_file
        self._store: Store | None = None
        self._trusted: Sequence[x509.Certificate] = ()
        self._kept: OrderedDict[str, Sequence[x509.Certificate]] = OrderedDict()
        self._between: OrderedDict[bytes, x509.Certificate] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[Sequence[x509.Certificate]]] = {}
        self._http = http_client.client(
            proxy=proxy,
            timeout=FETCH_SECONDS,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=MAX_FETCHES),
            transport=transport,
        )

    def check_address(self, url: str) -> None:
        """Refuse an address that is not PayPal's. Raises SignatureInvalidError."""
        if not self._allowed.fullmatch(url):
            raise SignatureInvalidError("the certificate is not at an address of PayPal's")

    async def key(self, url: str, now: datetime) -> RSAPublicKey:
        """Return the key of a certificate that is PayPal's at this moment.

        Raises SignatureInvalidError when it is not, CertificateUnavailableError when it cannot be fetched or its issuer
        is neither served with it nor known, UnavailableError when the trusted certificates cannot be read, or when too
        many are being fetched: what is kept already waits for none of them.
        """
        self.check_address(url)
        chain = self._kept.get(url)
        if chain is None or chain[0].not_valid_after_utc <= now:
            chain = await self._fetch_once(url)
        leaf = self._verified(chain, now)
        self._keep(url, chain)
        key = leaf.public_key()
        if not isinstance(key, RSAPublicKey):
            raise SignatureInvalidError("the certificate holds no RSA key")
        return key

    async def close(self) -> None:
        """Release the connections."""
        await self._http.aclose()

    def _verified(self, chain: Sequence[x509.Certificate], now: datetime) -> x509.Certificate:
        """Return the leaf when the chain leads to a trusted root, all of it is valid now, and it bears PayPal's name.

        Path building is RFC 5280's, names are checked as RFC 6125 says, both by `cryptography`.
        """
        builder = PolicyBuilder().store(self._roots()).time(now)
        for name in NAMES:
            try:
                verifier = builder.build_server_verifier(x509.DNSName(name))
                leaf, *above = verifier.verify(chain[0], [*chain[1:], *self._between.values()])
            except VerificationError as error:
                reason = str(error)
            else:
                self._keep_between(above[:-1])
                return leaf
        if self._is_incomplete(chain):
            raise CertificateUnavailableError(f"who has issued the certificate is not known: {chain[-1].issuer}")
        raise SignatureInvalidError(f"the certificate is not PayPal's: {reason}")

    def _is_incomplete(self, chain: Sequence[x509.Certificate]) -> bool:
        """Whether somebody is missing above what was served, rather than nobody trusted being there."""
        top = chain[-1]
        known = {one.subject for one in (*chain, *self._between.values(), *self._trusted)}
        return top.issuer not in known

    def _keep_between(self, verified: Sequence[x509.Certificate]) -> None:
        """Remember what stands between a leaf and a root: it has been verified, and will be again."""
        for one in verified:
            self._between[one.fingerprint(hashes.SHA256())] = one
            self._between.move_to_end(one.fingerprint(hashes.SHA256()))
        while len(self._between) > MAX_KEPT:
            self._between.popitem(last=False)

    def _keep(self, url: str, chain: Sequence[x509.Certificate]) -> None:
        """Remember a chain that has been verified, and forget the one that was longest unused."""
        self._kept[url] = chain
        self._kept.move_to_end(url)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)

    async def _fetch_once(self, url: str) -> Sequence[x509.Certificate]:
        """Fetch; whoever wants the same certificate meanwhile gets the same answer."""
        task = self._under_way.get(url)
        if task is None:
            if len(self._under_way) >= MAX_WAITING:
                raise UnavailableError("too many certificates are being fetched")
            task = self._under_way[url] = asyncio.create_task(self._fetch(url))
            task.add_done_callback(lambda done: self._fetched(url, done))
        # a caller that goes away takes nobody else's answer with it
        return await asyncio.shield(task)

    def _fetched(self, url: str, done: asyncio.Task[Sequence[x509.Certificate]]) -> None:
        del self._under_way[url]
        if not done.cancelled():
            done.exception()  # seen, also when nobody waits any longer

    async def _fetch(self, url: str) -> Sequence[x509.Certificate]:
        try:
            async with asyncio.timeout(FETCH_SECONDS), self._http.stream("GET", url) as answer:
                if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
                    raise CertificateUnavailableError(f"the certificate's server answers {answer.status_code}")
                if answer.status_code != httpx.codes.OK:
                    raise SignatureInvalidError("there is no such certificate")
                content = bytearray()
                async for part in answer.aiter_bytes():
                    content += part
                    if len(content) > MAX_BYTES:
                        raise SignatureInvalidError("the certificate is too large to be one")
        except (httpx.HTTPError, TimeoutError) as error:
            raise CertificateUnavailableError(f"the certificate cannot be fetched: {error!r}") from error
        return _parse(bytes(content))

    def _roots(self) -> Store:
        """Return whom to trust; read when first needed, as a simulator writes its own at its start."""
        if self._store is None:
            try:
                self._trusted = _trusted(self._ca_file)
                self._store = Store(list(self._trusted))
            except (OSError, ValueError) as error:
                raise UnavailableError(f"the trusted certificates cannot be read: {error}") from error
        return self._store


def _parse(content: bytes) -> Sequence[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError:
        raise SignatureInvalidError("what is at the certificate's address is no certificate") from None


def _trusted(ca_file: str) -> list[x509.Certificate]:
    if ca_file:
        return x509.load_pem_x509_certificates(Path(ca_file).read_bytes())
    roots = ssl.create_default_context(cafile=certifi.where()).get_ca_certs(binary_form=True)
    with warnings.catch_warnings():
        # a few old roots have serial numbers that RFC 5280 does not allow, which is theirs to answer for
        warnings.simplefilter("ignore")
        return [x509.load_der_x509_certificate(root) for root in roots]
