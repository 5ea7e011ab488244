"""`python -m tests.support.stack.keeper`: keeps the shared stack of a test run up until the run has ended."""

from __future__ import annotations

import time
from functools import partial

from stack.envoy import render_envoy
from stack.stack import Stack
from tests.support.stack.options import shared_settings
from tests.support.stack.run import Run

WATCH_SECONDS = 0.2
# all tests come from one address, and many of them with what nobody accepts
RENDER = partial(
    render_envoy,
    stranger_requests_per_second=100_000,
    stranger_webhooks_per_second=100_000,
    refused_requests_per_second=100_000,
    link_requests_per_second=100_000,
    console_requests_per_second=100_000,
)


def main() -> None:
    """Run the stack. A component that ends by itself ends the stack, and so the tests that need it."""
    run = Run.current()
    settings = shared_settings(data_dir=run.stack_folder, ready_file=run.ready_file)
    with run.locked("keeper"), Stack(settings, envoy_config=RENDER) as stack:
        while run.goes_on():
            if fallen := stack.fallen():
                raise SystemExit(f"ended by themselves: {', '.join(fallen)}")
            time.sleep(WATCH_SECONDS)


if __name__ == "__main__":
    main()
