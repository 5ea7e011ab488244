"""The documentation at `/docs`, as `make site` has built it: for everybody, and read only."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import stat
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from console.api.web import HEADERS

ROOT = "/docs"
CACHE = "public, max-age=300"
_HOME = "index.html"
_INLINE = re.compile(rb"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)
_POLICY = (
    "default-src 'none'; script-src 'self'{scripts}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS: Mapping[str, str] = HEADERS | {"content-security-policy": _POLICY.format(scripts="")}
NOT_BUILT = (
    "The documentation is not built here. In a checkout `make site` builds it, and then it is at this address at once; "
    "the image brings it along."
)


def is_ours(path: str) -> bool:
    """Whether a path is one of the documentation."""
    return path == ROOT or path.startswith(f"{ROOT}/")


@lru_cache(maxsize=512)
def policy(page: str, _changed: int) -> str:
    """Return what a page may load: scripts within it by their digests, as it was when it was last changed."""
    digests = (hashlib.sha256(script).digest() for script in _INLINE.findall(Path(page).read_bytes()))
    return _POLICY.format(scripts="".join(f" 'sha256-{base64.b64encode(one).decode()}'" for one in digests))


class Site(StaticFiles):
    """The files of the built site. It may be built, and built anew, while this runs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, check_dir=False)
        # that there is no folder yet is no error
        self.config_checked = True

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer with a file, where it is, or that it has not changed. Raises HTTPException."""
        asked = _HOME if path == "." else path
        try:
            return await super().get_response(asked, scope)
        except HTTPException as missing:
            if missing.status_code != HTTPStatus.NOT_FOUND or not (page := self._page_of(asked)):
                raise
        # a path below the root, never another server's
        return Response(status_code=308, headers={"location": f"{ROOT}/{quote(page)}"})

    def _page_of(self, path: str) -> str:
        """Return the page that a path without its ending means: `guides/refunds`, `guides/refunds/`, `reference/api`.

        A folder that has no page of its own is the beginning's.
        """
        bare = path.strip("/")
        for page in (f"{bare}.html", f"{bare}/{_HOME}"):
            if self._mode(page):
                return page
        return _HOME if stat.S_ISDIR(self._mode(bare)) else ""

    def _mode(self, path: str) -> int:
        """Return what is at a path; 0 for nothing, and for what can be no path."""
        try:
            found = self.lookup_path(path)[1]
        except (OSError, ValueError):
            return 0
        return found.st_mode if found else 0

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Answer with a file, and for how long it may be kept."""
        answer = super().file_response(full_path, stat_result, scope, status_code)
        answer.headers["cache-control"] = CACHE
        if os.fspath(full_path).endswith(".html"):
            answer.headers["content-security-policy"] = policy(os.fspath(full_path), stat_result.st_mtime_ns)
        return answer


def routes(folder: Path | None) -> list[BaseRoute]:
    """Return the routes of the site in a folder; of no folder, those that say that it is not there."""

    async def home(_: Request) -> Response:
        return Response(status_code=308, headers={"location": f"{ROOT}/"})

    return [Route(ROOT, home), Mount(ROOT, Site(folder or Path(os.devnull)))]


def missing(folder: Path | None) -> tuple[str, str]:
    """Return the title and the words of a page that is not there."""
    if folder is None or not (folder / _HOME).is_file():
        return "No documentation", NOT_BUILT
    return "Nothing here", "The documentation has no such page."
