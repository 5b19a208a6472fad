"""The report of one or many runs: `report.md`, `report.html` and PNG files."""

from __future__ import annotations

from pathlib import Path

from rscnet.config.schema import RunConfig
from rscnet.console import say
from rscnet.errors import UserError
from rscnet.report.html import write_html
from rscnet.report.markdown import write_markdown
from rscnet.report.overview import compile_report


def run(config: RunConfig) -> None:
    """Reads the run folders under `input` and writes the report into `output`, by default `report` inside the first.

    Raises:
        UserError: no input, a folder that is not there or holds no run, or a baseline that is none of the methods.
    """
    folders = [Path(path) for path in config.inputs()]
    if not folders:
        raise UserError("input: task=report needs input=<run folder, sweep folder, or several separated by commas>")
    output = Path(config.output) if config.output else folders[0] / "report"
    document = compile_report(folders, config.report.baseline, list(config.report.baselines))
    write_markdown(document, output / "report.md")
    write_html(document, output / "report.html")
    for line in document.summary:
        say(line.replace("**", ""))
    charts = ", ".join(sorted(path.name for path in output.glob("*.png")))
    say(f"written to {output}: report.html, report.md, {charts}")
