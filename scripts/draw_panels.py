"""Draws panels as SVG pictures. It runs in a generated project's environment, which has Matplotlib."""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

MOST_NAMED = 6
"""Lines with a name; of more, the highest at the end are named."""
UNITS = {"reqps": "requests/s", "rowsps": "rows/s", "s": "seconds", "none": "", "percentunit": "share"}


def draw(panel: dict[str, Any], folder: Path) -> None:
    """Write the picture of a panel: its series over the seconds, with its limits."""
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    series = sorted(panel["series"], key=lambda each: -each["points"][-1][1])
    for place, each in enumerate(series):
        seconds, values = zip(*each["points"], strict=True)
        named = {"label": each["name"]} if place < MOST_NAMED else {"color": "lightgrey"}
        axes.plot(seconds, values, linewidth=1.5, zorder=2 if place < MOST_NAMED else 1, **named)
    highest = max(value for each in series for _, value in each["points"])
    for limit in panel["limits"]:
        if limit <= highest * 1.5:
            axes.axhline(limit, color="firebrick", linestyle="--", linewidth=0.8)
    axes.set(title=panel["title"], xlabel="seconds", ylabel=UNITS.get(panel["unit"], panel["unit"]))
    axes.set_ylim(bottom=0)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small", frameon=False)
    figure.savefig(folder / f"{panel['file']}.svg", metadata={"Date": None})


if __name__ == "__main__":
    mpl.rcParams["svg.hashsalt"] = "pictures"  # the same picture from the same figures
    for each in json.loads(Path(sys.argv[1]).read_text()):
        draw(each, Path(sys.argv[2]))
