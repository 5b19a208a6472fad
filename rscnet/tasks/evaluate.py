"""Evaluation of a trained network at the configured sizes, beside its rivals."""

from __future__ import annotations

from rscnet.config.build import build
from rscnet.config.schema import RunConfig
from rscnet.errors import UserError
from rscnet.learning.external import ExternalModule
from rscnet.learning.temporal import TemporalModule
from rscnet.learning.texglo import TexGloModule
from rscnet.loggers.mirrors import evaluation_mirrors, log_results
from rscnet.records import mean_over_sizes
from rscnet.tasks import textures
from rscnet.tasks.common import build_data, data_for, evaluation_folder, require_rivals, set_up_process
from rscnet.tasks.motion_results import backends, write_motion_results
from rscnet.tasks.results import checkpoint_name, write_tables
from rscnet.trained import load_trained, shipped


def run(config: RunConfig) -> float | None:
    """Measures `checkpoint` on the configured data and writes the same files as a training run.

    Returns:
        Mean PA-MPJPE in millimetres over the evaluation sizes; for texture networks see `rscnet.tasks.textures`.

    Raises:
        UserError: no checkpoint, or one that does not fit.
    """
    if config.model.target.endswith(ExternalModule.__name__):
        return _evaluate_external(config)
    if config.model.target.endswith(TexGloModule.__name__):
        return textures.run(config)
    if config.checkpoint is None:
        raise UserError(
            "checkpoint: task=evaluate needs checkpoint=<file | run folder | name>; "
            f"shipped names are: {', '.join(shipped()) or 'none'}"
        )
    set_up_process(config)
    if config.model.target.endswith(TemporalModule.__name__):
        return _evaluate_motion(config)
    require_rivals(config)
    trained = load_trained(config.checkpoint, config.paths.smpl)
    name = checkpoint_name(trained)
    folder = evaluation_folder(config, f"checkpoint: {trained.path}", name)
    data = data_for(trained, config.plain())
    extra = {"checkpoint": str(trained.path)}
    with evaluation_mirrors(config.plain(), folder) as opened:
        tables = write_tables(config, folder, name, trained.network, trained.body, data, extra)
        log_results(opened, tables, name)
    return mean_over_sizes(tables[name], "pa_mpjpe")


def _evaluate_external(config: RunConfig) -> float | None:
    """Another program's model under the same degradations and protocol."""
    set_up_process(config)
    require_rivals(config)
    plain = config.plain()
    module: ExternalModule = build(plain["model"], "model")
    folder = evaluation_folder(config, f"model: {module.name}", module.name.replace(":", "."))
    with evaluation_mirrors(plain, folder) as opened:
        extra = {"model": module.name}
        tables = write_tables(config, folder, module.name, module, module.body, build_data(plain), extra)
        log_results(opened, tables, module.name)
    return mean_over_sizes(tables[module.name], "pa_mpjpe")


def _evaluate_motion(config: RunConfig) -> float | None:
    """All back-ends of temporal refinement on clips as `checkpoint` sees them; the figure is the chosen one's."""
    chosen = str((config.temporal.model_extra or {}).get("checkpoint") or config.temporal.target.rsplit(".", 1)[-1])
    folder = evaluation_folder(config, f"checkpoint: {config.checkpoint}", "temporal")
    found, nodes = backends(config), config.plain()["evaluation"]["backends"]
    name = next((label for label, node in nodes.items() if node == config.plain()["temporal"]), f"temporal ({chosen})")
    if name not in found:
        found[name] = build(config.plain()["temporal"], "temporal")
    data = build(config.plain()["data"], "data")
    body = build(config.plain()["body"], "body")
    with evaluation_mirrors(config.plain(), folder) as opened:
        tables = write_motion_results(config, folder, name, found, body, data, {"checkpoint": config.checkpoint})
        log_results(opened, tables, name)
    return mean_over_sizes(tables[name], "pa_mpjpe")
