"""The report as files: complete, self-contained, and drawn by a real browser."""

import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from run_folders import small_sweep

from rscnet.report.palette import METHODS
from rscnet.run import main

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
TITLES = (
    "Error against resolution", "Errors by method and resolution", "Learning curves", "Learned coefficients",
    "Pictures", "Cost", "Configurations", "Runs",
)  # fmt: skip


class Page(HTMLParser):
    """Tags with their attributes, and headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data) -> None:
        if self.tags and self.tags[-1][0] == "h2" and data.strip():
            self.headings.append(data)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sweep = small_sweep(tmp_path_factory.mktemp("sweep"))
    main(["task=report", f"input={sweep}"])
    return sweep / "report"


def test_the_page_needs_nothing_beside_it(report):
    page = Page((report / "report.html").read_text())
    assert tuple(dict.fromkeys(page.headings)) == TITLES
    for tag, attributes in page.tags:
        for name in ("src", "href", "data", "srcset"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), (tag, name)
    pictures = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    assert pictures == [f"{name}, seed {seed}" for name in ("hr_baseline", "rsc_full") for seed in (0, 1)]


def test_markdown_holds_the_same_with_its_pictures(report):
    text = (report / "report.md").read_text()
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == list(TITLES)
    assert "| rsc_full | 2 | 111.0 ± 12.7 (+10.0) | **121.0 ± 12.7** (−79.0) |" in text
    for name in ("error_vs_resolution.png", "learning_curves.png", "coefficients.png"):
        assert f"]({name})" in text
        with Image.open(report / name) as picture:
            assert picture.width > 500
            assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 50
    assert (report / "panels" / "rsc_full_seed_0.png").exists()
    assert "](panels/rsc_full_seed_0.png)" in text


def test_a_report_of_several_folders_goes_where_it_should(report, tmp_path, capsys):
    runs = report.parent
    main(["task=report", f"input=[{runs / 'hr_baseline'},{runs / 'rsc_full'}]", f"output={tmp_path}"])
    assert "4 of 6 runs of 2 methods are complete." in capsys.readouterr().out
    assert (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "error: input: task=report needs input="),
        (["input=nowhere"], "error: input: no such file or folder: nowhere"),
        (["input=tests,nowhere"], "error: input: no such file or folder: nowhere"),
    ],
)
def test_mistakes_are_one_line(words, told, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["task=report", *words])
    assert caught.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(told)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on PATH (apt-get install chromium)")
def test_a_browser_draws_the_page(report, tmp_path):
    assert BROWSER is not None
    shot = tmp_path / "page.png"
    words = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=5000"]
    words += [
        f"--user-data-dir={tmp_path}",
        "--window-size=1300,2600",
        "--enable-logging=stderr",
        f"--screenshot={shot}",
    ]
    done = subprocess.run(
        [BROWSER, *words, f"file://{report}/report.html"], capture_output=True, text=True, timeout=240
    )
    assert shot.exists(), done.stderr[-2000:]
    assert "Uncaught" not in done.stderr
    pixels = np.asarray(Image.open(shot).convert("RGB")).astype(int)
    assert pixels.shape == (2600, 1300, 3)
    chart = pixels[150:620]  # the first section
    for colour in METHODS[:2]:  # a line for each of the two methods in each of the three panels
        wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        for panel in np.array_split(chart, 3, axis=1):
            assert (np.abs(panel - wanted).max(axis=-1) < 12).sum() > 100, colour
