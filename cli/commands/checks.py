"""`fusionxpay doctor` and `fusionxpay golive`: what is wrong with an installation, and missing before real money."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.doctor import examine
from cli.findings import Finding, show
from cli.golive import account, settings
from cli.merchant_api import DEFAULT_GATEWAY, ApiKey, Gateway, merchant_api
from cli.operator_api import READY_FILE, AsJson, Ready, ready_document

ENVIRONMENT = Path("-")


def doctor(
    backups: Annotated[
        Path | None, typer.Option(envvar="FUSIONXPAY_BACKUPS", help="Folder that backups are written to.")
    ] = None,
    as_json: AsJson = False,
    ready_file: Ready = READY_FILE,
) -> None:
    """Look at settings, services, databases, NATS, certificates, disk, backups and audit; say what to do.

    What there is says --ready-file: elsewhere than with `fusionxpay up`, a file of the same form, with those parts that
    can be reached. What it does not name is not looked at. Exit status: 0, or 1 when something has to be done now.
    """
    raise show(examine(ready_document(ready_file, "--ready-file"), backups), as_json=as_json)


def golive(
    env_file: Annotated[
        Path | None,
        typer.Option(help="The gateway's settings, such as Compose's .env; - for this process's environment."),
    ] = None,
    ping: Annotated[bool, typer.Option(help="Send each webhook endpoint a signed ping.")] = True,
    as_json: AsJson = False,
    gateway: Gateway = DEFAULT_GATEWAY,
    api_key: ApiKey = "",
) -> None:
    """Say what is missing before real money is taken, of the gateway's settings and of a merchant's account.

    With --env-file it looks at settings: mode, providers, secrets, TLS. With a merchant's live key it looks at the key,
    webhook endpoints, who is told, and whether a first payment and a refund were made.

    Exit status: 0 when nothing is missing, 1 when something is (NOW), 2 without anything to look at, 69 when the
    gateway refuses.
    """
    if env_file is None and not api_key:
        raise typer.BadParameter("say --env-file, or a live key by FUSIONXPAY_API_KEY, or both")
    findings: list[Finding] = []
    if env_file is not None:
        try:
            given = settings.from_environment() if env_file == ENVIRONMENT else settings.read_env_file(env_file)
            findings += settings.examine(given)
        except (OSError, UnicodeError) as error:
            raise typer.BadParameter(f"--env-file cannot be read: {error}") from None
    if api_key:
        with merchant_api(gateway, api_key) as api:
            findings += account.examine(api, api_key, ping=ping)
    raise show(findings, as_json=as_json)
