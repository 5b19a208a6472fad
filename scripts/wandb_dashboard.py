"""Creates the project's workspace at wandb: errors by resolution, the ablation compared, training, cost and pictures.

    python scripts/wandb_dashboard.py --dry-run
    python scripts/wandb_dashboard.py --entity me --project rscnet

Panels show the names that `logger=wandb` logs. Needs `pip install rscnet[dashboards]`, and a login unless `--dry-run`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import wandb

try:
    import wandb_workspaces.expr as expr
    import wandb_workspaces.reports.v2 as panels
    import wandb_workspaces.workspaces as spaces
except ModuleNotFoundError:
    sys.exit("error: the workspace API is missing; install it with `pip install rscnet[dashboards]`")

from rscnet.config.compose import compose_tree
from rscnet.errors import UserError
from rscnet.failures import guarded

STEP = "trainer/global_step"
METRICS = {"mpjpe": "MPJPE", "pa_mpjpe": "PA-MPJPE", "pve": "PVE"}


def curve(title: str, names: Sequence[str], unit: str = "", **settings: Any) -> panels.LinePlot:
    """Values over the training step, runs of one group averaged."""
    return panels.LinePlot(
        title=title, x=STEP, y=list(names), title_x="step", title_y=unit, groupby_aggfunc="mean",
        groupby_rangefunc="stderr", **settings,
    )  # fmt: skip


def every(title: str, prefix: str, log_y: bool = False) -> panels.LinePlot:
    """Curves of all names with a prefix, a regular expression: which losses there are depends on the experiment."""
    return panels.LinePlot(title=title, x=STEP, metric_regex=f"{prefix}.*", log_y=log_y, title_x="step")


def bars(title: str, name: str) -> panels.BarPlot:
    """Final values of methods, averaged over the seeds of each group."""
    return panels.BarPlot(
        title=title, metrics=[name], orientation="h", title_x="mm", groupby_aggfunc="mean", groupby_rangefunc="stderr"
    )


def workspace(entity: str, project: str, sizes: Sequence[int]) -> spaces.Workspace:
    """The workspace.

    Args:
        entity, project: of wandb.
        sizes: evaluation sizes in pixels, from high to low.
    """
    sections = {
        "Ablation: final errors": [bars("PA-MPJPE, mean over sizes", "eval/pa_mpjpe")]
        + [bars(f"{title} at {size} px", f"eval/{name}/{size}px") for name, title in METRICS.items() for size in sizes],
        "Errors by resolution": [
            curve(f"{title} at {size} px (validation)", [f"val/{name}/{size}px"], "mm")
            for name, title in METRICS.items()
            for size in sizes
        ],
        "Pictures and results": [
            panels.MediaBrowser(title="inputs, bodies, side view", media_keys=["pictures/val"]),
            panels.MediaBrowser(title="results of all methods", media_keys=["results"]),
            panels.RunComparer(diff_only=True),
        ],
        "Losses": [
            curve("total", ["train/total"]),
            every("parts as they enter the total", "train/weighted/"),
            every("weights of the parts", "train/weight/"),
            every("losses of bodies", "train/(supervised|distances)/", log_y=True),
            curve(
                "consistency terms", [f"train/consistency/{term}" for term in ("pose", "betas", "camera")], log_y=True
            ),
            curve("contrastive", ["train/contrastive"]),
        ],
        "Course of training": [
            curve("learning rate", ["train/lr"]),
            curve("stage of the curriculum", ["train/stage"]),
            curve("ramp of the losses across resolutions", ["train/ramp"]),
            curve("fill of the feature queue", ["train/queue_fill"]),
            every("gradient norms", "grad_norm/", log_y=True),
            every("coefficients by scale", "coefficients/mean/"),
        ],
        "Cost": [
            curve("throughput", ["cost/images_per_second"], "images/s"),
            curve("GPU memory", ["cost/gpu_memory_gb"], "GB"),
            curve("memory", ["cost/memory_gb"], "GB"),
        ],
    }
    return spaces.Workspace(
        entity=entity,
        project=project,
        name="rscnet",
        sections=[
            spaces.Section(name=name, panels=list(shown), is_open=number < 3)
            for number, (name, shown) in enumerate(sections.items())
        ],
        runset_settings=spaces.RunsetSettings(
            groupby=[expr.Config("name"), expr.Config("ablation")], order=[expr.Ordering(expr.Summary("eval/pa_mpjpe"))]
        ),
    )


def outline(shown: spaces.Workspace) -> Iterator[str]:
    """What the workspace holds, a line for each section and panel."""
    where = f"{shown.entity or '<your entity>'}/{shown.project}"
    yield f"workspace '{shown.name}' of {where}, runs grouped by name and ablation"
    for section in shown.sections:
        yield f"  {section.name}"
        for panel in section.panels:
            names: list[str] = []
            for field in ("y", "metrics", "media_keys"):
                names += [str(name) for name in getattr(panel, field, None) or ()]
            names += [getattr(panel, "metric_regex", None) or ""]
            kind, title = type(panel).__name__, getattr(panel, "title", None) or "differences of configurations"
            yield f"    {kind:13} {title}: {', '.join(filter(None, names))}".rstrip(": ")


@guarded
def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the outline, and saves the workspace unless told not to."""
    parser = argparse.ArgumentParser(description="create the wandb workspace of rscnet")
    parser.add_argument("--entity", default="", help="user or team; default: that of your login")
    parser.add_argument("--project", default="rscnet")
    parser.add_argument("--preset", default="cpu", help="whose evaluation sizes are shown")
    parser.add_argument("--sizes", type=int, nargs="+", help="evaluation sizes in pixels, instead of the preset's")
    parser.add_argument("--dry-run", action="store_true", help="print what would be created, send nothing")
    words = parser.parse_args(arguments)
    try:
        sizes = words.sizes or compose_tree([f"preset={words.preset}"])["resolution"]["eval"]
        if not words.dry_run and not wandb.login(prompt=False, verify=False):
            raise UserError("wandb knows no API key: run `wandb login` first, or use --dry-run")
        entity = words.entity or ("" if words.dry_run else wandb.Api().default_entity or "")
        created = workspace(entity, words.project, sorted(sizes, reverse=True))
        print("\n".join(outline(created)))
        if not words.dry_run:
            print(f"saved: {created.save().url}")
    except wandb.Error as error:
        raise UserError(" ".join(str(error).split())) from None


if __name__ == "__main__":
    main()
