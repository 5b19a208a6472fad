"""The report as one HTML file that needs nothing beside it: plots by plotly with its script, pictures as data."""

from __future__ import annotations

import base64
import io
import re
from html import escape
from pathlib import Path

import plotly.graph_objects as go
from PIL import Image
from plotly.offline import get_plotlyjs
from plotly.subplots import make_subplots

from rscnet.report.document import Block, Cell, Chart, Document, Picture, Table
from rscnet.report.palette import colour_of, columns_of

STYLE = (Path(__file__).with_name("style.css")).read_text()
WIDEST_PICTURE = 1400


def write_html(document: Document, path: Path) -> None:
    """Writes the page."""
    parts = [f"<h1>{escape(document.title)}</h1>"]
    parts += [f'<p class="summary">{_words(line)}</p>' for line in document.summary]
    links = (f'<a href="#{_anchor(section.title)}">{escape(section.title)}</a>' for section in document.sections)
    parts.append(f"<nav>{''.join(links)}</nav>")
    for section in document.sections:
        blocks = "\n".join(_block(block) for block in section.blocks)
        heading = f'<h2 id="{_anchor(section.title)}">{escape(section.title)}</h2>'
        parts.append(f"<section>{heading}<p>{_words(section.words)}</p>\n{blocks}</section>")
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(document.title)}</title><style>{STYLE}</style>
<script>{get_plotlyjs()}</script></head>
<body><main>
{chr(10).join(parts)}
</main></body></html>
"""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page)


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _words(text: str) -> str:
    """Escaped, with **bold** words bold."""
    return re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", escape(text))


def _block(block: Block) -> str:
    if isinstance(block, Table):
        return _table(block)
    return _chart(block) if isinstance(block, Chart) else _picture(block)


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
    rows = "\n".join("<tr>" + "".join(_cell(cell) for cell in row) + "</tr>" for row in table.rows)
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    return f'<div class="scroll"><table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cell(cell: Cell | str) -> str:
    if isinstance(cell, str):
        return f"<td>{escape(cell)}</td>"
    text = f"<b>{escape(cell.text)}</b>" if cell.best else escape(cell.text)
    note = f'<small class="{cell.tone}">{escape(cell.note)}</small>' if cell.note else ""
    return f'<td class="{"best" if cell.best else "" if cell.note else cell.tone}">{text}{note}</td>'


def _picture(picture: Picture) -> str:
    with Image.open(picture.path) as opened:
        image = opened.convert("RGB")
    image.thumbnail((WIDEST_PICTURE, 100_000))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    data = base64.b64encode(file.getvalue()).decode()
    shown = f'<img src="data:image/jpeg;base64,{data}" alt="{escape(picture.caption)}">'
    state = "" if picture.folded else " open"
    return f"<details{state}><summary>{escape(picture.caption)}</summary>{shown}</details>"


def _chart(chart: Chart) -> str:
    columns = columns_of(chart)
    rows = -(-len(chart.panels) // columns)
    titles = [panel.title for panel in chart.panels]
    height = 340 * rows + 60
    figure = make_subplots(
        rows, columns, subplot_titles=titles, horizontal_spacing=0.07, vertical_spacing=0 if rows == 1 else 110 / height
    )
    known: set[str] = set()
    for number, panel in enumerate(chart.panels):
        row, col = number // columns + 1, number % columns + 1
        for series in panel.series:
            colour = colour_of(panel, series)
            shared = {"legendgroup": series.label, "name": series.label}
            if series.low is not None and series.high is not None:
                outline = [*series.high, *reversed(series.low)]
                area = go.Scatter(
                    x=[*series.x, *reversed(series.x)], y=outline, fill="toself", fillcolor=colour, opacity=0.15,
                    line={"width": 0}, hoverinfo="skip", showlegend=False, mode="lines", **shared,
                )  # fmt: skip
                figure.add_trace(area, row=row, col=col)
            line = go.Scatter(
                x=list(series.x), y=list(series.y), showlegend=series.label not in known,
                mode="lines+markers" if series.marked(panel) else "lines",
                line={"color": colour, "width": 2, "dash": "dash" if series.dashed else "solid"}, **shared,
            )  # fmt: skip
            figure.add_trace(line, row=row, col=col)
            known.add(series.label)
        ticks = (
            {"tickvals": [x for x, _ in panel.ticks], "ticktext": [t for _, t in panel.ticks]} if panel.ticks else {}
        )
        figure.update_xaxes(title_text=panel.x_label, type="log" if panel.log_x else "linear", row=row, col=col)
        figure.update_xaxes(ticks, row=row, col=col)
        figure.update_yaxes(title_text=panel.y_label, row=row, col=col)
    figure.update_layout(
        template="plotly_white", height=height, margin={"l": 50, "r": 50, "t": 40, "b": 40}, hovermode="x unified",
        legend={"orientation": "h", "yanchor": "top", "y": -60 / (height - 100), "x": 0}, font={"size": 13},
        modebar={"orientation": "v"},
    )  # fmt: skip
    settings = {"displaylogo": False, "responsive": True, "modeBarButtonsToRemove": ["lasso2d", "select2d"]}
    plot = figure.to_html(full_html=False, include_plotlyjs=False, div_id=chart.name, config=settings)
    caption = f'<p class="caption">{_words(chart.caption)}</p>' if chart.caption else ""
    return f'<div class="chart">{plot}</div>{caption}'
