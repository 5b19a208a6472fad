"""The report as markdown, with the pictures in files beside it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from rscnet.report.document import Block, Cell, Chart, Document, Picture, Table
from rscnet.report.png import write_png


def write_markdown(document: Document, path: Path) -> None:
    """Writes `path`, and charts and panels as PNG files into its folder."""
    lines = [f"# {document.title}", "", *(f"{line}\n" for line in document.summary)]
    for section in document.sections:
        lines += [f"## {section.title}", ""]
        lines += [section.words, ""] if section.words else []
        for block in section.blocks:
            lines += [*_block(block, path.parent), ""]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines).rstrip() + "\n")


def _block(block: Block, folder: Path) -> list[str]:
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Chart):
        write_png(block, folder / f"{block.name}.png")
        return [f"![{block.name.replace('_', ' ')}]({block.name}.png)", *([block.caption] if block.caption else [])]
    return _picture(block, folder)


def _table(table: Table) -> list[str]:
    lines = [f"**{table.caption}**", ""] if table.caption else []
    lines.append("| " + " | ".join(_safe(column) for column in table.columns) + " |")
    lines.append("|" + "---|" + "---:|" * (len(table.columns) - 1))
    return lines + ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in table.rows]


def _cell(cell: Cell | str) -> str:
    if isinstance(cell, str):
        return _safe(cell)
    text = f"**{_safe(cell.text)}**" if cell.best else _safe(cell.text)
    return text + (f" ({_safe(cell.note)})" if cell.note else "")


def _safe(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _picture(picture: Picture, folder: Path) -> list[str]:
    name = re.sub(r"[^A-Za-z0-9.-]+", "_", picture.caption) + picture.path.suffix
    target = folder / "panels" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(picture.path, target)
    if picture.folded:
        return [f"[{picture.caption}](panels/{name})"]
    return [f"{picture.caption}:", "", f"![{picture.caption}](panels/{name})"]
