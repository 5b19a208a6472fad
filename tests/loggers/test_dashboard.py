"""The wandb workspace: what it shows is what is logged, and nothing is sent to tell it."""

import json
import re

import pytest

from rscnet.loggers.wandb import wandb
from scripts.wandb_dashboard import main, outline, workspace

SIZES = [64, 32, 16]


def shown_names() -> set[str]:
    panels = [panel for section in workspace("me", "p", SIZES).sections for panel in section.panels]
    fields = ("y", "metrics", "media_keys")
    return {str(name) for panel in panels for field in fields for name in getattr(panel, field, None) or ()}


def test_each_resolution_has_a_panel_of_each_metric():
    metrics = ("mpjpe", "pa_mpjpe", "pve")
    assert {f"{split}/{metric}/{size}px" for split in ("val", "eval") for metric in metrics for size in SIZES} <= (
        shown_names()
    )


def test_the_outline_tells_every_name():
    text = "\n".join(outline(workspace("", "p", SIZES)))
    assert "<your entity>/p" in text
    assert all(name in text for name in shown_names())


def test_the_view_that_would_be_saved_holds_the_panels():
    view = workspace("me", "p", SIZES)._to_model().model_dump_json()
    for name in shown_names() - {"results"}:
        assert json.dumps(name)[1:-1] in view, name
    assert re.search(r'"coefficients/mean/\.\*"', view.replace("\\\\", ""))


def test_a_dry_run_prints_and_sends_nothing(capsys, monkeypatch):
    def refuse(*words, **settings):
        raise AssertionError("asked wandb")

    monkeypatch.setattr(wandb, "Api", refuse)
    monkeypatch.setattr(wandb, "login", refuse)
    main(["--dry-run", "--sizes", "16", "64", "--entity", "me", "--project", "p"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("workspace 'rscnet' of me/p")
    shown = [line for line in lines if "MPJPE at" in line]
    assert "64 px" in shown[0]  # from high to low, whatever the order of the words


def test_without_a_key_it_says_what_to_do(monkeypatch):
    monkeypatch.setattr(wandb, "login", lambda **settings: False)
    with pytest.raises(SystemExit, match="run `wandb login` first"):
        main([])
