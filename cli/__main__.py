"""The `fusionxpay` command. Each subcommand lives in a module of its own and is listed here."""

from __future__ import annotations

import typer

from cli import audit, certificates, demo, dlq, events, keys, listen, merchants, rebuild, reconcile, trigger, up

app = typer.Typer(
    name="fusionxpay",
    help="FusionXPay, a payment gateway: run it and look after it.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # they may hold secrets
)
app.command("up")(up.up)
app.command("demo")(demo.demo)
app.command("reconcile")(reconcile.reconcile)
app.add_typer(audit.app, name="audit")
app.command("certificates")(certificates.certificates)
app.command("providers")(reconcile.providers)
app.add_typer(merchants.app, name="merchant")
app.add_typer(keys.app, name="key")
app.add_typer(dlq.app, name="dlq")
app.add_typer(events.app, name="events")
events.app.command("rebuild")(rebuild.rebuild)
app.command("listen")(listen.listen)
app.command("trigger")(trigger.trigger)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
