"""Composition root: ``python -m sandbox``."""

from sandbox.bank_transfer.provider import BankTransfer
from sandbox.logs import log
from sandbox.paypal.provider import Paypal
from sandbox.provider import Provider, World
from sandbox.settings import Settings
from sandbox.stripe.provider import Stripe
from sandbox.web.app import build
from sandbox.web.server import serve


def main() -> None:
    """Open the world, plug the providers in, and serve until told to stop."""
    settings = Settings()
    world = World.open(settings)
    plugged: tuple[Provider, ...] = (Stripe(world), Paypal(world), BankTransfer(world))
    providers = {provider.name: provider for provider in plugged}
    log("start", listen=settings.listen, providers=sorted(providers))
    serve(build(world, providers), settings.host, settings.port)
    log("stop")


if __name__ == "__main__":
    main()
