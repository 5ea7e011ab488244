"""`python -m tools.dashboards [--check]`: writes the dashboards, or fails when a file is stale."""

from __future__ import annotations

import sys
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from mesh.contract.generated import Files, main
from tools.dashboards.boards import Board, boards

FOLDER = Path(__file__).resolve().parent.parent.parent / "deploy" / "observability" / "dashboards"
WIDTH, HEIGHT = 12, 8


def render(board: Board) -> str:
    """Return a dashboard as Grafana imports it; its data source is the default one."""
    made = dashboard.Dashboard(board.title).uid(board.uid).tags(["fusionxpay"]).refresh("10s").time("now-1h", "now")
    for title, panels in board.rows.items():
        made = made.with_row(dashboard.Row(title))
        for panel in panels:
            query = prometheus.Dataquery().expr(panel.query).legend_format(panel.legend).ref_id("A")
            drawn = timeseries.Panel().title(panel.title).unit(panel.unit).min(0).span(WIDTH).height(HEIGHT)
            made = made.with_panel(drawn.with_target(query))
    return JSONEncoder(sort_keys=True, indent=1).encode(made.build()) + "\n"


def rendered() -> Files:
    """Return what each file holds; a dashboard that there is no longer has none."""
    files = {FOLDER / f"{board.uid.removeprefix('fusionxpay-')}.json": render(board) for board in boards()}
    return {**dict.fromkeys(FOLDER.glob("*.json")), **files}


if __name__ == "__main__":
    sys.exit(main(__doc__, rendered))
