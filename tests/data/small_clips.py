"""Little videos and tracks with known content."""

from pathlib import Path

import numpy as np
import torch

from rscnet.geometry.rotations import axis_angle_to_matrix
from rscnet.temporal.track import Track
from rscnet.video.writer import VideoWriter


def write_video(path: Path, frames: int = 6, fps: float = 12.0, height: int = 32, width: int = 48) -> Path:
    """Grey frames that grow lighter by 20 each (and begin again after twelve), with a white upper left quarter."""
    with VideoWriter(path, fps, height, width) as writer:
        for number in range(frames):
            picture = np.full((height, width, 3), 20 * number % 240, np.uint8)
            picture[: height // 2, : width // 2] = 255
            writer.write(picture)
    return path


def steady_track(frames: int = 12, fps: float = 25.0) -> Track:
    """Somebody who turns about the vertical at a constant pace, past half a turn, and moves to the right."""
    turn = torch.zeros(frames, 24, 3)
    turn[:, 0, 1] = torch.linspace(2.4, 4.2, frames)
    turn[:, 4, 0] = torch.linspace(0.1, 0.9, frames)
    place = torch.stack([torch.full((frames,), 50.0), torch.linspace(100, 160, frames), torch.full((frames,), 80.0)], 1)
    crops = torch.tensor([70.0, 30.0, 100.0]).expand(frames, 3)
    track = Track(
        axis_angle_to_matrix(turn), torch.ones(frames, 10), torch.ones(frames, 3), crops,
        torch.ones(frames, dtype=torch.bool), torch.tensor(fps),
    )  # fmt: skip
    return track.with_picture_camera(place)
