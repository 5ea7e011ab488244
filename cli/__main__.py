"""The `fusionxpay` command. Each subcommand is listed here, lives in a module of its own, and is imported to be run."""

from __future__ import annotations

import sys
from importlib import import_module, metadata
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from mesh.settings import forget_libpq_variables
from stack.forking.seed import sow

COMMANDS = {
    "up": "cli.commands.up:up",
    "demo": "cli.commands.demo:demo",
    "prove": "cli.commands.prove:prove",
    "roll": "cli.commands.roll:roll",
    "env": "cli.commands.env:env",
    "open": "cli.pages:open_page",
    "status": "cli.commands.status:status",
    "doctor": "cli.commands.checks:doctor",
    "golive": "cli.commands.checks:golive",
    "trace": "cli.commands.trace:trace",
    "listen": "cli.commands.listen:listen",
    "mcp": "assistants.command:mcp",
    "trigger": "cli.commands.trigger:trigger",
    "advance": "cli.advance:advance",
    "export": "cli.commands.export:export",
    "merchant": "cli.commands.merchants:app",
    "key": "cli.commands.keys:app",
    "events": "cli.commands.events:app",
    "dlq": "cli.commands.dlq:app",
    "review": "cli.commands.review:app",
    "audit": "cli.commands.audit:app",
    "providers": "cli.providers.circuits:providers",
    "maintenance": "cli.providers.maintenance:app",
    "reconcile": "cli.commands.reconcile:reconcile",
    "databases": "cli.commands.databases:databases",
    "backup": "cli.commands.databases:backup",
    "restore": "cli.commands.databases:restore",
    "certificates": "cli.commands.certificates:certificates",
    "cell": "cli.cells:app",
}
"""Where each subcommand is: a function, or a group of further ones."""


class Commands(TyperGroup):
    """Imports a subcommand when it is asked for: none waits for what only others need."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all, in the order in which they are shown."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a subcommand, None when there is none of the name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            command: Any = get_group(found)
        else:
            alone = typer.Typer(add_completion=False)
            alone.command(cmd_name)(found)
            command = get_command(alone)
        command.name = cmd_name
        _reflow(command)
        return command


def _reflow(command: Any) -> None:
    """Have each paragraph of a command's words fill the terminal's width, not that of our source."""
    if command.help:
        command.help = "\n\n".join(" ".join(part.split()) for part in command.help.split("\n\n"))
    for inner in getattr(command, "commands", {}).values():
        _reflow(inner)


app = typer.Typer(
    name="fusionxpay",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # they may hold secrets
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fusionxpay {metadata.version('fusionxpay')}")
        raise typer.Exit


@app.callback()
def fusionxpay(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """FusionXPay, a payment gateway: run it and look after it."""


def main() -> None:
    """Run the command line."""
    if sys.argv[1:2] == ["up"] and "--help" not in sys.argv:
        # what it imports, our services do as well
        sow("cli.commands.up")
    forget_libpq_variables()
    app()


if __name__ == "__main__":
    main()
