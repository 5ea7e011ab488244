"""Whether a gateway's settings are those of production: real providers, secrets of one's own, nothing of the demo's."""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from cli.findings import Finding
from stack.providers import Account, discover

PREFIX = "FUSIONXPAY_"
VAULTS = ("SECRET_KEYS", "IDENTITY_SECRET_KEYS", "ACCOUNT_SECRET_KEYS", "CONSOLE_SECRET_KEYS")
PASSWORDS = ("POSTGRES_PASSWORD", "VALKEY_PASSWORD")
FERNET_BYTES = 32
SHORTEST_PASSWORD = 16
LOCAL = {"localhost", "127.0.0.1", "::1", ""}
MAKE_SECRETS = "make one as docs/deploy.md shows, One server"


class Settings:
    """Settings by their names without the prefix; `NAME_FILE` names a file that has the value, as for the services."""

    def __init__(self, variables: Mapping[str, str], file: Path | None = None) -> None:
        self._variables = variables
        self.file = file

    def __getitem__(self, name: str) -> str:
        """Return a setting's value, empty when there is none or its file cannot be read."""
        for known in (PREFIX + name, name):
            if known in self._variables:
                return self._variables[known].strip()
            if path := self._variables.get(f"{known}_FILE"):
                try:
                    return Path(path).read_text().strip()
                except OSError:
                    return ""
        return ""

    def __contains__(self, name: str) -> bool:
        """Whether something is said of a setting, were it nothing."""
        return any(known in self._variables for known in (PREFIX + name, name, f"{PREFIX}{name}_FILE"))


def read_env_file(path: Path) -> Settings:
    """Return the settings in a file as Compose reads it. Raises OSError."""
    lines = [line.strip() for line in path.read_text().splitlines()]
    pairs = (line.removeprefix("export ").split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return Settings({name.strip(): value.strip().strip("'\"") for name, value in pairs}, path)


def from_environment() -> Settings:
    """Return the settings of this process, as in a container of a service."""
    return Settings(os.environ)


def examine(settings: Settings) -> list[Finding]:
    """Look at all of them."""
    return [finding for check in CHECKS for finding in check(settings)]


def _mode(settings: Settings) -> Iterator[Finding]:
    if settings["PLATFORM_MODE"] == "live":
        yield Finding("mode", "the platform's accounts take live payments")
    else:
        todo = "FUSIONXPAY_PLATFORM_MODE=live; nothing to do where every merchant has accounts of its own"
        yield Finding("mode", "the platform's accounts take test payments only", todo, True)


def _simulator(settings: Settings) -> Iterator[Finding]:
    published = [pair for provider in discover().values() for pair in provider.ACCOUNT.credentials.items()]
    for name, public in published:
        if public and settings[name] == public:
            todo = "set the real one, or take it out: everybody can read this one in docs/sandbox.md"
            yield Finding("simulator", f"{PREFIX}{name} is the simulator's", todo, True)


def _providers(settings: Settings) -> Iterator[Finding]:
    on = False
    for provider, module in discover().items():
        account = module.ACCOUNT
        real = {name: settings[name] for name, public in account.credentials.items() if settings[name] != public}
        if real.get(next(iter(account.credentials))):
            on = True
            yield from _account(provider, account, real)
            yield from _addresses(settings, account)
    if not on:
        todo = "docs/deploy.md, A real provider; nothing to do where every merchant has accounts of its own"
        yield Finding("providers", "no provider has real credentials", todo, True)


def _account(provider: str, account: Account, real: Mapping[str, str]) -> Iterator[Finding]:
    first = next(iter(account.credentials))
    if account.live and not real[first].startswith(account.live):
        todo = f"{account.where or PREFIX + first}: {' or '.join(f'{begins}…' for begins in account.live)}"
        yield Finding("providers", f"{provider} has a key for tests", todo, True)
    elif missing := [PREFIX + name for name in account.credentials if not real.get(name)]:
        todo = f"set {', '.join(missing)}: without them its webhooks are refused"
        yield Finding("providers", f"{provider} has no webhook of its own", todo, True)
    else:
        yield Finding("providers", f"{provider} has live credentials and a webhook")


def _addresses(settings: Settings, account: Account) -> Iterator[Finding]:
    for name in account.addresses:
        if settings[name]:
            todo = f"{PREFIX}{name}= with nothing after it, for the provider's own"
            yield Finding("providers", f"{PREFIX}{name} leads elsewhere: {settings[name]}", todo, True)
        elif name not in settings and settings.file:
            todo = f"write {PREFIX}{name}= with nothing after it: left out, Compose takes the simulator's"
            yield Finding("providers", f"{PREFIX}{name} is left out", todo, True)


def _vaults(settings: Settings) -> Iterator[Finding]:
    names = VAULTS if settings.file else [name for name in VAULTS if settings[name]]
    keys = {name: settings[name].split(",")[0] for name in names}
    for name, key in keys.items():
        if not _is_fernet(key):
            words = "is missing" if not key else "is no Fernet key"
            yield Finding("secrets", f"{PREFIX}{name} {words}", MAKE_SECRETS, True)
    if len(set(keys.values())) < len(keys) and all(keys.values()):
        yield Finding("secrets", "services share a key", "a key for each: who has one opens the others' secrets", True)
    elif keys and all(map(_is_fernet, keys.values())):
        yield Finding("secrets", "what is kept is encrypted, with a key for each service")
    if settings["BIND_SECRETS"].lower() in {"false", "0", "no"}:
        todo = "FUSIONXPAY_BIND_SECRETS=true, as soon as no version before it runs any more"
        yield Finding("secrets", "what is encrypted is not bound to its place", todo)


def _is_fernet(key: str) -> bool:
    try:
        return len(base64.urlsafe_b64decode(key)) == FERNET_BYTES
    except ValueError:
        return False


def _passwords(settings: Settings) -> Iterator[Finding]:
    for name in PASSWORDS if settings.file else ():
        if len(settings[name]) < SHORTEST_PASSWORD:
            words = f"{name} is short, or missing"
            yield Finding("secrets", words, MAKE_SECRETS, True)


def _file(settings: Settings) -> Iterator[Finding]:
    if settings.file and settings.file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Finding("secrets", f"{settings.file} can be read by others", f"chmod 600 {settings.file}", True)


def _tls(settings: Settings) -> Iterator[Finding]:
    url = urlsplit(settings["PUBLIC_URL"])
    if url.scheme == "https" and (url.hostname or "") not in LOCAL:
        yield Finding("tls", f"people reach the gateway at {settings['PUBLIC_URL']}")
    else:
        todo = "FUSIONXPAY_PUBLIC_URL=https://… with the name that a public CA's certificate is for"
        yield Finding("tls", "the gateway has no public https address", todo, True)


def _webhooks_out(settings: Settings) -> Iterator[Finding]:
    if settings["ALLOW_HTTP_WEBHOOKS"].lower() in {"true", "1", "yes"}:
        todo = "take FUSIONXPAY_ALLOW_HTTP_WEBHOOKS out"
        yield Finding("webhooks", "events are sent by http, in plain text, where a merchant says so", todo, True)
    if networks := settings["WEBHOOK_ALLOW_NETWORKS"]:
        todo = "take FUSIONXPAY_WEBHOOK_ALLOW_NETWORKS out: it is for development"
        yield Finding("webhooks", f"merchants may have inner addresses called: {networks}", todo, True)


def _webhooks_in(settings: Settings) -> Iterator[Finding]:
    if not settings["WEBHOOK_NETWORKS"]:
        todo = "FUSIONXPAY_WEBHOOK_NETWORKS=stripe=…, the addresses that each provider publishes"
        yield Finding("webhooks", "providers' webhooks are taken from any address, by their signatures alone", todo)


def _people(settings: Settings) -> Iterator[Finding]:
    if not (settings["SMTP_HOST"] and settings["SMTP_SENDER"]):
        todo = "FUSIONXPAY_SMTP_HOST and FUSIONXPAY_SMTP_SENDER (docs/notifications.md)"
        yield Finding("people", "no mail is sent: merchants' people hear of nothing by mail", todo)
    if settings["CONSOLE_FIRST_USERS"] in {"", "[]"}:
        todo = "FUSIONXPAY_CONSOLE_FIRST_USERS, unless there are users already (docs/console.md)"
        yield Finding("people", "the console has nobody who logs in at first", todo)


CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    _mode, _providers, _simulator, _vaults, _passwords, _file, _tls, _webhooks_out, _webhooks_in, _people,
)  # fmt: skip
