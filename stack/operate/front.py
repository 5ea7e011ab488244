"""Several cells of this machine behind one address: an Envoy before them, which asks an edge where requests go."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from envoy_config import tls
from envoy_config.cells import Cells, render_cells
from envoy_config.options import EnvoyOptions
from stack.ports import HOST, Ports
from stack.probes import envoy_serves
from stack.process import Child, Command
from stack.servers import SHARED_MEMORY, envoy_program, outside_env
from stack.stack import Ready
from stack.state import write_private

START_SECONDS = 60
GRACE_SECONDS = 5


class Front:
    """The Envoy before the cells, a context manager. The edge of the stack `asked` has the setting `FUSIONXPAY_CELLS`.

    `cells` are those by name, in the order of that setting. Raises StackError on entry when Envoy does not start.
    """

    def __init__(self, cells: Mapping[str, Ready], asked: Ready, port: int = 0) -> None:
        self._cells, self._asked, self._port = cells, asked, port
        self._undo = ExitStack()
        self.url = ""

    def __enter__(self) -> Front:
        with ExitStack() as undo:
            ports = undo.enter_context(Ports())
            number = ports.take()
            port = self._port or ports.take()
            folder = Path(tempfile.mkdtemp(prefix="fusionxpay-cells-"))
            undo.callback(shutil.rmtree, folder, ignore_errors=True)
            config = self._configure(folder, port)
            argv: list[str | Path] = [envoy_program(), "-c", config, "--concurrency", "1", "--base-id", str(number)]
            argv += ["--socket-path", "hot-restart", "--socket-mode", "600"]
            admin = str(folder / "admin.sock")
            envoy = Child(
                "cells", Command(argv, outside_env(), folder), folder / "envoy.log", lambda: envoy_serves(admin, 0)
            )
            undo.callback(SHARED_MEMORY.joinpath(f"envoy_shared_memory_{number}0").unlink, missing_ok=True)
            undo.callback(envoy.stop, GRACE_SECONDS)
            envoy.start()
            envoy.wait_ready(START_SECONDS)
            self.url = f"http://{HOST}:{port}"
            self._undo = undo.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._undo.close()

    def _configure(self, folder: Path, port: int) -> Path:
        asked = self._asked
        for name, secret in tls.secrets(str(Path(asked.ca_file).parent)).items():
            write_private(folder / name, secret)
        options = EnvoyOptions(
            listen=f"{HOST}:{port}",
            https_listen="",
            http="plain",
            sds_folder=str(folder),
            mutual_tls=bool(asked.operator_tls),
            admin_socket=str(folder / "admin.sock"),
            metrics_listen="",
        )
        where = {name: ready.edge_grpc for name, ready in self._cells.items()}
        edge = asked.services["edge"].removeprefix("ipv4:")
        config = folder / "envoy.yaml"
        write_private(config, render_cells(Cells(where, edge), options))
        return config
