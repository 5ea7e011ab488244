"""Drive every screen and action of a stack's console in Chromium, and take pictures at two widths, light and dark.

People act by keyboard alone; axe looks at each picture. It ends with what is wrong, and what of the routes and of
the buttons on pages was not driven, and with status 1 where there is any of that. `make console-shots` starts a stack
of its own; `--ready-file` takes one that runs, `--only` takes pictures of some pages alone, after the actions.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from playwright.sync_api import sync_playwright

from stack.demo_merchant import Merchant
from stack.settings import StackSettings
from stack.stack import Ready, Stack
from tests.console_shots import counter, doors, platform, screens, team
from tests.console_shots.camera import LOOKS, Camera
from tests.console_shots.desk import Desk
from tests.console_shots.ledger import Ledger
from tests.console_shots.world import demo_merchant, furnish
from tests.support.providers.sandbox import Provider
from tests.support.stack.options import BREAKABLE
from tests.support.stack.run import Run


def main() -> int:
    """Drive, take the pictures, and say what is wrong; return 1 when anything is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ready-file", type=Path)
    parser.add_argument("--into", type=Path, default=Path("dist/console"))
    parser.add_argument("--axe", type=Path, help="axe.min.js of the npm package axe-core")
    parser.add_argument("--only", default="", help="names of pages, by comma: their pictures alone")
    parser.add_argument("--no-pictures", action="store_true", help="the actions alone")
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    axe, ledger = options.axe.read_text() if options.axe else "", Ledger()
    with _gateway(options.ready_file) as gateway, sync_playwright() as play, ExitStack() as rooms:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        camera = Camera(browser, ledger, options.into, axe)
        merchant, provider = demo_merchant(gateway), Provider.of(gateway)
        rooms.callback(provider.close)
        # for the services that are started beside the stack
        rooms.callback(Run.begin().end)
        desk = Desk(camera, gateway, merchant, provider, furnish(merchant), rooms)
        _drive(desk)
        if not options.no_pictures:
            _careful(desk, "pictures", lambda: screens.take(desk, options.only))
        rooms.close()
        browser.close()
    found = list(camera.found)
    if not options.only and not options.no_pictures:
        found += ledger.missing(set(LOOKS))
    sys.stdout.writelines(f"{line}\n" for line in found)
    axed = "axe looked at each" if axe else "axe did not look"
    sys.stdout.write(
        f"{ledger.counts()}; {camera.pictures} pictures in {options.into}, {axed}; {len(found)} findings\n"
    )
    return bool(found)


def _drive(desk: Desk) -> None:
    """Do all that can be done; what fails is a finding, and the rest goes on."""
    _careful(desk, "trouble", lambda: platform.trouble(desk))
    _careful(desk, "staff", lambda: team.staff(desk))
    for duty in (*counter.DUTIES, *platform.DUTIES, *doors.DUTIES, team.account):
        _careful(desk, duty.__name__, partial(duty, desk))
    _careful(desk, "team", lambda: team.change(desk, desk.logged_in("owner"), "/users", "viewer"))


def _careful(desk: Desk, name: str, act: Callable[[], None]) -> None:
    try:
        act()
    except Exception as error:
        traceback.print_exc()
        desk.camera.wrong(f"{name}: {type(error).__name__}: {str(error)[:600]}")


@contextmanager
def _gateway(ready_file: Path | None) -> Iterator[Ready]:
    if ready_file is None:
        # an event that cannot be applied is given up soon, and nothing here has to outlive a power cut
        soon = {name: BREAKABLE[name] for name in ("order_svc", "notify_svc")}
        with Stack(StackSettings(service_env=soon, durable=False)) as stack:
            yield stack.ready
        return
    said = json.loads(ready_file.read_text())
    yield Ready(**{**said, "merchant": Merchant(**said["merchant"])})


if __name__ == "__main__":
    sys.exit(main())
