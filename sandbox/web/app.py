"""The ASGI application: every provider's API, the control API, and the background work."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.background.jobs import JobRunner
from sandbox.background.sender import WebhookSender
from sandbox.logs import LOG_FIELDS, log
from sandbox.provider import Provider, World
from sandbox.web.control import Control


def build(world: World, providers: Mapping[str, Provider]) -> ASGIApp:
    """Wire the providers into one application."""
    runner = JobRunner(world.database, world.jobs, lambda job: providers[job.provider].run(job))
    sender = WebhookSender(world.database, world.outbox, world.documents, providers)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(runner.work()), asyncio.create_task(sender.work())]
        for task in tasks:
            task.add_done_callback(_stop_if_broken)
        yield
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        world.database.close()

    routes: list[BaseRoute] = [*Control(world, providers).routes()]
    for provider in providers.values():
        routes.extend(provider.routes())
    return RequestLog(Starlette(routes=routes, lifespan=lifespan))


def _stop_if_broken(task: asyncio.Task[None]) -> None:
    """A sandbox that has silently stopped sending would mislead every test: stop it loudly."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log("background work failed", level="error", error=repr(error))
        signal.raise_signal(signal.SIGTERM)


class RequestLog:
    """Logs each request once it has been answered, or has been left unanswered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note what became of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        fields = scope[LOG_FIELDS] = {}
        status: int | None = None

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = time.perf_counter()
        try:
            await self._app(scope, receive, noting)
        finally:
            duration_ms = round((time.perf_counter() - started) * 1000, 1)
            log(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=status,
                duration_ms=duration_ms,
                **fields,
            )
