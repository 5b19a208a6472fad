"""What a report consists of, before it is written as markdown, HTML or pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Cell:
    """One value of a table: `note` is the small print beside it, `tone` whether that is good or bad news."""

    text: str
    best: bool = False
    note: str = ""
    tone: Literal["", "good", "bad"] = ""


@dataclass(frozen=True)
class Table:
    """Columns and rows; plain strings are cells without small print."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell | str]]
    caption: str = ""


@dataclass(frozen=True)
class Series:
    """One line: `low` and `high` bound its confidence interval; `colour` is an index of the palette, from -1 downwards
    of the greys."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    colour: int = 0
    dashed: bool = False

    def marked(self, panel: Panel) -> bool:
        """Whether its points are drawn; a single one would be invisible as a line."""
        return len(self.x) == 1 or (panel.markers and not self.dashed)


@dataclass(frozen=True)
class Panel:
    """One pair of axes; `ticks` names values of x."""

    title: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    ticks: Sequence[tuple[float, str]] = ()
    log_x: bool = False
    sequential: bool = False  # colours from light to dark, for ordered series
    markers: bool = False


@dataclass(frozen=True)
class Chart:
    """Panels that share their legend; `name` is that of the picture file."""

    name: str
    panels: Sequence[Panel]
    caption: str = ""


@dataclass(frozen=True)
class Picture:
    """A picture file of a run."""

    path: Path
    caption: str
    folded: bool = False


Block = Table | Chart | Picture


@dataclass(frozen=True)
class Section:
    """A heading, words, and what they are about."""

    title: str
    words: str = ""
    blocks: Sequence[Block] = ()


@dataclass(frozen=True)
class Document:
    """The whole report."""

    title: str
    summary: Sequence[str] = ()
    sections: Sequence[Section] = field(default_factory=list)
