"""What all tests share: one run, at most one stack for it, and merchants that no two tests have in common."""

from __future__ import annotations

import functools
import gc
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import httpx
import hypothesis
import pytest
import structlog
import yaml
from httpx._transports import default as transports

from mesh import context
from stack.stack import Ready
from tests.support.merchant.api import Identities, Merchant
from tests.support.merchant.receiver import Receiver, serving
from tests.support.providers.paypal import PaypalAccount
from tests.support.providers.sandbox import Provider
from tests.support.providers.stripe_events import Stripe
from tests.support.stack.edges import Edges, edges_of
from tests.support.stack.run import Run
from tests.support.suite.rewriting import rewrite_once
from tests.support.suite.turns import Turns

ClientT = TypeVar("ClientT")
_run = pytest.StashKey[Run]()
_clients: dict[object, object] = {}


def pytest_configure(config: pytest.Config) -> None:
    """Begin the run, in the process that the developer started."""
    # rich renders a traceback for longer than many a test takes
    plain: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.KeyValueRenderer(),
    ]
    structlog.configure(processors=plain)
    # it reads the roots of the whole Web for each client, which takes longer than many a test
    vars(transports)["create_ssl_context"] = functools.cache(httpx.create_ssl_context)
    # likewise, where libyaml takes a sixth of the time
    vars(yaml)["SafeLoader"] = yaml.CSafeLoader
    # on machines of GitHub, typer colours what is no terminal
    os.environ["_TYPER_FORCE_DISABLE_TERMINAL"] = "1"
    # a hundredth of what `make examples` tries; and no test is wrong because the machine has too much to do
    register = hypothesis.settings.register_profile
    patient = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
    register("short", patient, max_examples=20)
    register("thorough", patient, max_examples=2_000, derandomize=False)
    if not config.getoption("--hypothesis-profile"):
        hypothesis.settings.load_profile("short")
    if not hasattr(config, "workerinput"):
        config.stash[_run] = Run.begin()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Have them find the tests rewritten."""
    rewrite_once(config, Path(__file__).parent)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Have what takes long begin first."""
    return Turns(config, log) if config.getoption("dist") == "loadgroup" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage meanwhile: what is made now stays, and the collector would look at all of it again and again.

    Nor does it later, when it looks at what tests leave.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse to run where tests that share a stack would be spread over all workers, which costs a stack each."""
    grouped = [item for item in session.items if item.get_closest_marker("xdist_group")]
    if session.config.getoption("loadgroup", False) and not all("@" in item.nodeid for item in grouped):
        raise pytest.UsageError(
            "this pytest-xdist does not group tests under this pytest: use those of constraints.txt"
        )


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: pytest.ExitCode, config: pytest.Config
) -> None:
    """Say where the logs of a run that failed are."""
    run = config.stash.get(_run, None)
    if run and exitstatus == pytest.ExitCode.TESTS_FAILED and run.stack_log.exists():
        run.failed = True
        terminalreporter.write_line(f"logs of the shared stack: {run.stack_folder / 'logs'}")


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the run and its stack, whatever became of the tests."""
    if _run in config.stash:
        config.stash[_run].end()


@pytest.fixture(autouse=True)
def own_call() -> None:
    """Begin in a call of its own: what a test enters outside of a task would be every later test's in its process."""
    context.enter(context.call_of(context.trace_of("")))


@pytest.fixture(scope="session")
def gateway() -> Ready:
    """The stack of the run. A test changes nothing of it that another could see."""
    return Run.current().shared_stack()


@pytest.fixture
def provider(gateway: Ready) -> Provider:
    """The provider of the stack, for a look at its books and for faults."""
    return _kept(Provider.of, gateway)


@pytest.fixture
def paypal(gateway: Ready) -> Iterator[PaypalAccount]:
    """The customer's side of PayPal."""
    account = PaypalAccount(gateway.sandbox_url)
    yield account
    account.close()


@pytest.fixture
def stripe(gateway: Ready) -> Stripe:
    """A sender of webhooks that knows the signing secret."""
    return Stripe(gateway.edge_url, gateway.webhook_secrets["stripe"])


@pytest.fixture
def identities(gateway: Ready) -> Identities:
    """The internal service that makes merchants."""
    return _kept(Identities, gateway)


def _kept(make: Callable[[Ready], ClientT], gateway: Ready) -> ClientT:
    """Return this process's client of a stack: a new one for each test costs as much as what many ask of it."""
    key = make, gateway.ca_file
    if key not in _clients:
        _clients[key] = make(gateway)
    return cast(ClientT, _clients[key])


@pytest.fixture
def new_merchant(gateway: Ready, identities: Identities) -> Iterator[Callable[..., Merchant]]:
    """Make a merchant that nobody else knows; with what its key may do, or a further key of another's `merchant_id`."""
    made: list[Merchant] = []

    def make(merchant_id: str = "", **key: Any) -> Merchant:
        if merchant_id:
            identity = merchant_id, identities.new_key(merchant_id, **key)
        else:
            identity = identities.new_merchant(**key)
        made.append(Merchant(gateway.edge_url, *identity))
        return made[-1]

    yield make
    for merchant in made:
        merchant.http.close()


@pytest.fixture
def merchant(new_merchant: Callable[..., Merchant]) -> Merchant:
    """The test's own merchant."""
    return new_merchant()


@pytest.fixture
def edges(gateway: Ready, tmp_path: Path) -> Iterator[Edges]:
    """What starts further replicas of the front door."""
    with edges_of(gateway, tmp_path) as edges:
        yield edges


@pytest.fixture
def receiver(merchant: Merchant) -> Iterator[Receiver]:
    """The merchant's own server, which gets all its events."""
    with serving() as receiver:
        merchant.listen(receiver)
        yield receiver
