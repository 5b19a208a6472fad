"""The one entrypoint: `python -m rscnet.run experiment=<name> key=value ...`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from rscnet.ranks import is_rank_zero

USAGE = """usage: python -m rscnet.run experiment=<name> [preset=cpu|gpu|paper|smoke] [key=value ...]
       python -m rscnet.run task=evaluate checkpoint=<file | run folder | name> [resolution.eval=[...]]
       python -m rscnet.run task=predict checkpoint=<...> input=<image | folder> [boxes=<COCO json>] [output=<dir>]
       python -m rscnet.run task=predict checkpoint=<...> input=<video> [tracks=<MOT text | COCO json>] [temporal=<...>]
       python -m rscnet.run task=report input=<run or sweep folders> [output=<dir>] [report.baseline=<method>]
       python -m rscnet.run task=check experiment=<name>   validate and show the schedule, train nothing
       python -m rscnet.run -m sweep=<name> [hydra/launcher=joblib|submitit_slurm] [seed=0,1,2] [key=value,value]
       python -m rscnet.run --cfg experiment=<name>        print the composed configuration

experiments:"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Composes and validates the configuration, then runs its task; a user's mistake is one line and exit code 1."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # no request to the package index at import
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        _run(words)
    except KeyboardInterrupt as stop:
        print(": ".join(["interrupted", *map(str, stop.args)]), file=sys.stderr)
        raise SystemExit(130) from None
    except Exception as error:
        from rscnet.failures import lines_of

        lines = lines_of(error)
        if not lines:
            raise
        label = "error" if is_rank_zero() else f"error on rank {os.environ.get('LOCAL_RANK', '?')}"
        print("\n".join(f"{label}: {line}" for line in lines), file=sys.stderr)
        raise SystemExit(1) from None


def _run(words: list[str]) -> None:
    from rscnet.config.compose import compose, compose_tree, experiments

    if "--cfg" in words:
        import yaml

        print(yaml.safe_dump(compose_tree([w for w in words if w != "--cfg"]), sort_keys=False, width=120))
        return
    from rscnet.sweep.start import is_sweep, start

    if is_sweep(words):
        return start(words)
    names = {word.split("=", 1)[0] for word in words}
    if not words or {"-h", "--help"} & set(words) or ("experiment" not in names and "task" not in names):
        print(USAGE)
        print("\n".join(f"  {name:22} {text}" for name, text in experiments().items()))
        raise SystemExit(0 if {"-h", "--help"} & set(words) or not words else 1)
    config = compose(words)
    from hydra.utils import get_method

    from rscnet.config.preflight import preflight
    from rscnet.console import quiet_libraries

    preflight(config)
    quiet_libraries()
    get_method(config.task.target)(config)


if __name__ == "__main__":
    main()
