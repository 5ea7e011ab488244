"""NATS' configuration: who connects is who its certificate says, and may do what the contracts give that service to do.

`python -m tools.nats_config` writes the one of `docker-compose.yml`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from mesh.events.bus import ADVISORIES_STREAM, EVENTS_STREAM, inbox_prefix
from mesh.events.participants import CONSUMERS, owned_subjects
from mesh.tls import TlsFiles

OPERATOR = "operator"
"""Who may do everything: repair, look, and make streams of its own."""
TEMPLATE = """\
# Rendered from the contracts. Do not edit.
listen: "{listen}"
jetstream {{
  store_dir: "{store}"
  # with another than `always` a message is acknowledged before it is on the disk
  sync_interval: {sync}
  max_memory_store: 64MB
}}
"""
TLS = """\
tls {{
  cert_file: "{tls.cert}"
  key_file: "{tls.key}"
  ca_file: "{tls.ca}"
  # the name in the certificate is the user: there are no passwords
  verify_and_map: true
  # nobody is spoken to, and told nothing, before the handshake
  handshake_first: true
  timeout: 5
}}
"""


CLUSTER = """\
server_name: "{node}"
cluster {{
  name: fusionxpay
  listen: "{listen}"
  routes: {routes}
{tls}}}
"""
ROUTE_TLS = """\
  tls {{
    cert_file: "{tls.cert}"
    key_file: "{tls.key}"
    ca_file: "{tls.ca}"
    verify: true
    timeout: 5
  }}
"""


@dataclass(frozen=True)
class NatsOptions:
    """What differs between one server and another; `tls` is None where the mesh speaks in plain text."""

    listen: str
    store: str
    sync: str
    tls: TlsFiles | None
    user: str = ""
    """Who connects where nobody has a certificate, by a password in the server's environment: `NATS_PASSWORD`."""
    node: str = ""
    routes: Mapping[str, str] = field(default_factory=dict)
    """Of a cluster, where each node listens for the others."""


def render(options: NatsOptions) -> str:
    """Return the configuration."""
    text = TEMPLATE.format(listen=options.listen, store=options.store, sync=options.sync)
    if len(options.routes) > 1:
        text += _cluster(options)
    if options.tls is None:
        return text + f'authorization {{ user: "{options.user}", password: $NATS_PASSWORD }}\n'
    users = "".join(
        f"    {{user: {name}, permissions: {json.dumps(granted)}}}\n" for name, granted in PERMISSIONS.items()
    )
    return f"{text}{TLS.format(tls=options.tls)}authorization {{\n  users: [\n{users}  ]\n}}\n"


def _cluster(options: NatsOptions) -> str:
    """Return how a node finds the others, which show each other the certificate of `nats`."""
    others = [f"nats-route://{address}" for node, address in options.routes.items() if node != options.node]
    tls = ROUTE_TLS.format(tls=options.tls) if options.tls else ""
    return CLUSTER.format(node=options.node, listen=options.routes[options.node], routes=json.dumps(others), tls=tls)


def _permissions() -> dict[str, dict[str, list[str]]]:
    owned = owned_subjects()
    services = sorted({*owned.values(), *CONSUMERS})
    granted = {name: _of_service(name, [what for what, owner in owned.items() if owner == name]) for name in services}
    return granted | {OPERATOR: {"publish": [">"], "subscribe": [">"]}}


def _of_service(name: str, subjects: list[str]) -> dict[str, list[str]]:
    """Return what a service needs: its subjects, its consumer, the streams made where they are gone, its answers."""
    api = [f"STREAM.{verb}.{stream}" for stream in (EVENTS_STREAM, ADVISORIES_STREAM) for verb in ("INFO", "CREATE")]
    acknowledgements = []
    if consumer := CONSUMERS.get(name):
        verbs = ("CONSUMER.INFO", "CONSUMER.DURABLE.CREATE", "CONSUMER.MSG.NEXT")
        api += [f"{verb}.{EVENTS_STREAM}.{consumer}" for verb in verbs]
        acknowledgements = [f"$JS.ACK.{EVENTS_STREAM}.{consumer}.>"]
    publish = [*sorted(subjects), *(f"$JS.API.{call}" for call in api), *acknowledgements]
    return {"publish": publish, "subscribe": [f"{inbox_prefix(name)}.>"]}


PERMISSIONS = _permissions()
"""What each process may publish and subscribe to; a process that is not named does not get in."""
