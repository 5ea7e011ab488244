"""The order in which a stack starts, as a table of steps, and the order in which it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from stack import servers
from stack.console import CONSOLE, console
from stack.databases import DATABASES, create_databases, create_databases_and_roles
from stack.demo_merchant import ensure_demo_merchant
from stack.envoy import EnvoyConfig
from stack.layout import REPLICATED, SERVICES, StackLayout
from stack.postgres import Postgres
from stack.process import POLL_SECONDS, Child, StackError
from stack.services import OUR_SERVICES, Service, migration, sandbox

# First no new requests, then the services end theirs, for which they still need what comes after.
STOP_ORDER = (("envoy",), REPLICATED, ("sandbox",), ("valkey",), ("nats",), ("postgres",))
"""Components that end together; a replica ends with its service."""


@dataclass(frozen=True)
class Step:
    """A step of the start: `begin` makes the process that is to run, or does its work at once and returns None.

    A need that is not in the plan is met from outside.
    """

    name: str
    begin: Callable[[], Child | None]
    needs: tuple[str, ...] = ()


def plan(layout: StackLayout, envoy_config: EnvoyConfig) -> list[Step]:
    """Return the steps that start the layout's embedded components."""
    steps = _postgres_steps(layout)
    replicas = tuple(name for service in SERVICES for name in layout.instances(service))
    servers_steps = [
        *(Step(node, partial(servers.nats, layout, node)) for node in layout.nats_nodes),
        Step("valkey", partial(servers.valkey, layout)),
        Step("sandbox", partial(sandbox, layout)),
        Step("envoy", lambda: servers.envoy(layout, envoy_config(layout)), needs=replicas),
    ]
    steps += [step for step in servers_steps if step.name.partition(".")[0] in layout.embedded]
    services = [service for service in OUR_SERVICES if service.name in layout.embedded]
    if migrated := with_databases(layout):
        steps.append(Step("migration", partial(migration, layout, migrated), needs=("databases",)))
    for service in services:
        for name in layout.instances(service.name):
            steps.append(
                Step(name, partial(service.server, layout, name), needs=("migration", *layout.nats_nodes, "valkey"))
            )
    if "edge" in layout.embedded:
        steps.append(Step("merchant", partial(ensure_demo_merchant, layout), needs=("edge",)))
    if "console" in layout.embedded:
        # its first user is of the demo merchant
        for name in layout.instances("console"):
            steps.append(Step(name, partial(console, layout, name), needs=("migration", "merchant")))
    return steps


def with_databases(layout: StackLayout) -> list[Service]:
    """Return all of ours in this stack that have a database."""
    return [service for service in (*OUR_SERVICES, CONSOLE) if service.name in layout.embedded]


def _postgres_steps(layout: StackLayout) -> list[Step]:
    steps = []
    if "postgres" in layout.embedded:
        postgres = Postgres(layout)
        if postgres.is_new:
            steps.append(Step("initdb", postgres.initdb))
        steps.append(Step("postgres", postgres.server, needs=("initdb",)))
        steps.append(
            Step(
                "databases",
                partial(create_databases_and_roles, layout.postgres_url, layout.data.secrets.database_passwords()),
                needs=("postgres",),
            )
        )
    elif layout.postgres_url:
        steps.append(Step("databases", partial(create_databases, layout.postgres_url, DATABASES.values())))
    return steps


def carry_out(steps: Sequence[Step], started: Callable[[Child], None], seconds: float) -> None:
    """Take every step as soon as those that it needs are done; `started` gets each process before its start.

    Raises:
        StackError: a step failed, or `seconds` have passed.
    """
    waiting = {step.name: step for step in steps}
    under_way: dict[str, Child] = {}
    deadline = time.monotonic() + seconds
    while waiting or under_way:
        open_steps = waiting.keys() | under_way.keys()
        for step in [step for step in waiting.values() if open_steps.isdisjoint(step.needs)]:
            del waiting[step.name]
            child = step.begin()
            if child is not None:
                started(child)
                child.start()
                under_way[step.name] = child
        for name in [name for name, child in under_way.items() if child.poll_ready()]:
            del under_way[name]
        if time.monotonic() > deadline:
            logs = ", ".join(str(child.log) for child in under_way.values())
            raise StackError(f"not ready after {seconds:g} s: {', '.join(under_way)}; see {logs}")
        time.sleep(POLL_SECONDS)
