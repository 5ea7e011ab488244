"""Composition root: ``python -m sandbox``."""

from sandbox.logs import log
from sandbox.provider import World, discover
from sandbox.settings import Settings
from sandbox.web.app import build
from sandbox.web.server import serve


def main() -> None:
    """Open the world, plug the providers in, and serve until told to stop."""
    settings = Settings()
    world = World.open(settings)
    providers = {provider.name: provider(world) for provider in discover()}
    log("start", listen=settings.listen, providers=sorted(providers))
    serve(build(world, providers), settings.host, settings.port)
    log("stop")


if __name__ == "__main__":
    main()
