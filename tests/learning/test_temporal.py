"""Temporal networks that read what the per-frame network makes of the pictures."""

import json
from pathlib import Path

import numpy as np
import pytest
from small_clips import write_video
from tiny_checkpoint import write_checkpoint

from rscnet.run import main

WIDTH = 64  # pooled features of the smoke preset


def test_features_of_the_frames_are_read_beside_their_bodies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["preset=smoke", f"checkpoint={write_checkpoint(tmp_path)}", f"paths.cache={tmp_path / 'cache'}"]
    words = [*small, "experiment=temporal", f"paths.output={tmp_path / 'runs'}", "evaluation.backends.learned=null"]
    words += ["clips={train: 3, val: 1, test: 1, frames: 4}", "curriculum.stages.stage0.epochs=1", "data.features=true"]
    with pytest.raises(SystemExit):
        main([*words, "model.network.features=5"])
    assert f"error: temporal: the network reads 5 features per frame, the track has {WIDTH}" in capsys.readouterr().err
    main([*words, f"model.network.features={WIDTH}"])
    (run,) = {path.parent for path in (tmp_path / "runs").glob("*/*/*/seed*/result.json")}
    assert json.loads((run / "result.json").read_text())["by_size"]
    learned = ["temporal=learned", f"temporal.checkpoint={run}", "texture=none", "prediction.video.overlay=false"]
    video = write_video(tmp_path / "clip.mp4", frames=4, fps=10)
    main(["task=predict", *small, *learned, f"input={video}", f"output={tmp_path / 'out'}"])
    with np.load(tmp_path / "out" / "person_0" / "motion.npz") as motion:
        assert motion["poses"].shape == (4, 72) and np.isfinite(motion["poses"]).all()
