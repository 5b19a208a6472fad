"""Colours and layout that pictures and interactive plots share."""

from __future__ import annotations

import matplotlib
from matplotlib.colors import to_hex

from rscnet.report.document import Chart, Panel, Series

# Okabe and Ito's, which colour-blind readers tell apart, without yellow, which paper swallows
METHODS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#7F3C8D", "#A5AA99", "#8C564B")
GREYS = ("#8a8f98", "#3c4048", "#c2b59b")


def colour_of(panel: Panel, series: Series) -> str:
    """The colour of a line."""
    if series.colour < 0:
        return GREYS[(-1 - series.colour) % len(GREYS)]
    if panel.sequential:
        last = max(other.colour for other in panel.series)
        return to_hex(matplotlib.colormaps["viridis"](0.9 * (series.colour / max(last, 1))))
    return METHODS[series.colour % len(METHODS)]


def columns_of(chart: Chart) -> int:
    """Panels beside each other."""
    count = len(chart.panels)
    return 2 if count in (2, 4) else min(count, 3)
