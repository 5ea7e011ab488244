"""The parts of a gateway that tell no metrics of their own: each is asked whether it answers, for three seconds."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
from psycopg.conninfo import conninfo_to_dict

from cli.scrape import SECONDS
from mesh.alerts.rules import Problem
from mesh.rpc.dial import tls_of
from stack.probes import nats_answers, redis_answers

STATEMENT_MS = 5000
_DATABASE = frozenset({"DatabaseUnreachable", "DatabasePoolExhausted"})
_EVENTS = frozenset({"EventsNotPublished", "ConsumerStuck", "DeliveriesLate", "ProviderEventsLate", "AuditBehind"})
FOLLOWS: Mapping[str, frozenset[str]] = {
    "postgres": _DATABASE | _EVENTS | {"RequestsFailing"},
    "nats": _EVENTS | {"NatsUnreachable"},
    "valkey": frozenset({"RedisAway"}),
    "sandbox": frozenset({"ProviderFailing", "ProviderSlow", "ProviderEventsLate", "OutcomeUnknown"}),
}
"""What the absence of a part brings about, and so is told beneath it."""


@dataclass(frozen=True, slots=True)
class Part:
    """A server, and what is wrong with it; nothing when it answers."""

    name: str
    address: str
    wrong: str = ""

    @property
    def answers(self) -> bool:
        """Whether it answered as it should."""
        return not self.wrong


def look_at_parts(ready: Mapping[str, Any]) -> list[Part]:
    """Ask every part that a document in the form of the ready file names, all at once."""
    asked = list(_questions(ready))
    with ThreadPoolExecutor(max_workers=max(len(asked), 1)) as pool:
        wrong = pool.map(lambda one: one[2](), asked)
        return [Part(name, address, said) for (name, address, _), said in zip(asked, wrong, strict=True)]


def _questions(ready: Mapping[str, Any]) -> Iterator[tuple[str, str, Callable[[], str]]]:
    if url := ready.get("edge_url"):
        yield "envoy", url, partial(edge_refuses, url, ready.get("ca_file") or "")
    if url := next(iter((ready.get("database_urls") or {}).values()), ""):
        yield "postgres", host_of(url), partial(_postgres_refuses, url)
    tls = tls_of(ready.get("operator_tls") or {})
    for url in filter(None, (ready.get("nats_url") or "").split(",")):
        answers = partial(nats_answers, host_of(url), tls, SECONDS)
        yield "nats", host_of(url), partial(_silent, answers)
    if url := ready.get("redis_url"):
        yield "valkey", host_of(url), partial(_silent, partial(redis_answers, url, SECONDS))
    if url := ready.get("sandbox_url"):
        yield "sandbox", url, partial(_http_refuses, f"{url}/_sandbox/health")


def host_of(url: str) -> str:
    """Return `host:port` of a URL, without who asks."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2]


def edge_refuses(url: str, ca_file: str) -> str:
    """Return why `/healthz` of the public address is not answered; nothing when it is."""
    try:
        verify = ssl.create_default_context(cafile=ca_file or None) if url.startswith("https") else True
    except OSError as error:
        return f"cannot be asked, {ca_file}: {error}"
    return _http_refuses(f"{url}/healthz", verify)


def _http_refuses(url: str, verify: ssl.SSLContext | bool = True) -> str:
    try:
        httpx.get(url, timeout=SECONDS, trust_env=False, verify=verify).raise_for_status()
    except httpx.TimeoutException:
        return f"does not answer within {SECONDS:.0f} s"
    except httpx.HTTPStatusError as error:
        return f"answers {error.response.status_code}"
    except httpx.HTTPError as error:
        return f"does not answer: {error}"
    return ""


def look_into(url: str, **options: Any) -> psycopg.Connection[Any]:
    """Connect to a database for a look, with a bound on how long that, and each statement, may take.

    Raises psycopg.Error, as the connection does later.
    """
    bounds = f"-c statement_timeout={STATEMENT_MS} -c lock_timeout={STATEMENT_MS}"
    said = conninfo_to_dict(url).get("options") or ""
    return psycopg.connect(url, connect_timeout=int(SECONDS), options=f"{said} {bounds}", **options)


def _postgres_refuses(url: str) -> str:
    try:
        look_into(url).close()
    except psycopg.Error as error:
        said = str(error).strip().splitlines()
        return f"lets nobody in: {said[-1] if said else type(error).__name__}"
    return ""


def _silent(answers: Callable[[], bool]) -> str:
    return "" if answers() else f"does not answer within {SECONDS:.0f} s"


def part_problems(parts: Sequence[Part]) -> list[Problem]:
    """Return what is wrong of the parts. One of several of a name is no page: the others go on."""
    alerts = {"envoy": "ServiceDown", "postgres": "DatabaseUnreachable", "nats": "NatsUnreachable",
              "valkey": "RedisAway", "sandbox": "ServiceDown"}  # fmt: skip
    found = []
    for part in parts:
        if not part.answers:
            others = any(one.answers for one in parts if one.name == part.name)
            words = f"{part.name} at {part.address} {part.wrong}"
            if part.name == "envoy":
                words += ": no request reaches the gateway"
            elif part.name == "sandbox":
                words += ": it is the simulator of the providers, no part of the gateway"
            elif others:
                words += ": the others of its cluster do"
            found.append(Problem(alerts[part.name], words, part.name not in ("valkey", "sandbox") and not others))
    return found


def grouped(parts: Sequence[Part], found: Sequence[Problem]) -> list[Problem]:
    """Return what is wrong of the parts, and beneath each what follows from it: before all else where it is a page."""
    first: list[Problem] = []
    last: list[Problem] = []
    rest = list(found)
    away = [name for name in FOLLOWS if any(p.name == name for p in parts)
            and not any(p.answers for p in parts if p.name == name)]  # fmt: skip
    for problem in part_problems(parts):
        group = [problem]
        name = problem.words.partition(" ")[0]
        if name in away:
            away.remove(name)
            group += [replace(one, follows_from=name) for one in rest if one.alert in FOLLOWS[name]]
            rest = [one for one in rest if one.alert not in FOLLOWS[name]]
        (first if problem.page else last).extend(group)
    return [*first, *rest, *last]
