"""Estimates of frames become a motion."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from rscnet.video.people import MotionJob, _Sightings


@pytest.mark.parametrize(("scales", "valid"), [((1.0, -0.1, 1.0), [True, False, True]), ((-1.0,), None)])
def test_a_body_behind_the_camera_is_not_seen(scales, valid):
    seen = _Sightings()
    for frame, scale in enumerate(scales):
        camera, crop = torch.tensor([scale, 0.0, 0.0]), torch.tensor([0.0, 0.0, 64.0])
        seen.add(frame, (torch.eye(3).expand(24, 3, 3), torch.zeros(10), camera, crop))
    nobody: Any = None
    video: Any = SimpleNamespace(fps=25.0, width=64, height=64)
    motion = MotionJob(nobody, lambda track: track, 1, 0.0, None)._motion(0, seen, video)
    assert (motion and motion.track.valid.tolist()) == valid
    if motion:
        assert motion.track.camera.isfinite().all() and (motion.track.camera[:, 0] > 0).all()
