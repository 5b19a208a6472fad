"""What rendering gives: pictures of synthetic people and everything known about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8


@dataclass(frozen=True)
class RenderedPeople:
    """`n` pictures and everything known about them. Metres and radians, camera frame (x right, y down, z forward).

    Attributes:
        images: RGB.
        masks: where the dressed person is, whether or not something stands in front.
        occluded: where something stands in front of whatever is there.
        parts: SMPL joint + 1 of the visible body surface, 0 for background; occluders and other people
            ignored.
        pose: axis-angle of the 24 joints, the root in the camera frame.
        betas: shape coefficients.
        translation: of the camera; add it to `vertices` and `joints` before projecting.
        joints: the 54 joints of `rscnet.joints.SMPL_54`, not translated.
        keypoints_2d: the 49 training joints in [-1, 1], confidence 0 beyond the crop's border, also if occluded 1.
        vertices: of the naked body, not translated.
        texture: RGB over the UV square, row 0 at v = 1.
        person: number of the person shown.
        combination: library entries that the pose is made of.
        uv: UV coordinates per pixel, -1 off the body; only on request.
    """

    images: UInt8[np.ndarray, "n s s 3"]
    masks: Bool[np.ndarray, "n s s"]
    occluded: Bool[np.ndarray, "n s s"]
    parts: UInt8[np.ndarray, "n s s"]
    pose: Float32[np.ndarray, "n 24 3"]
    betas: Float32[np.ndarray, "n 10"]
    translation: Float32[np.ndarray, "n 3"]
    joints: Float32[np.ndarray, "n 54 3"]
    keypoints_2d: Float32[np.ndarray, "n 49 3"]
    vertices: Float32[np.ndarray, "n v 3"]
    texture: UInt8[np.ndarray, "n t t 3"]
    person: Int64[np.ndarray, "n"]
    combination: list[tuple[str, str, str, str]]
    uv: Float32[np.ndarray, "n s s 2"] | None = None

    @classmethod
    def concatenate(cls, groups: Sequence[RenderedPeople]) -> RenderedPeople:
        """Pictures of several groups, in their order."""
        if len(groups) == 1:
            return groups[0]
        merged = {}
        for field in fields(cls):
            values = [getattr(group, field.name) for group in groups]
            if field.name == "combination":
                merged[field.name] = [names for group in values for names in group]
            else:
                merged[field.name] = None if values[0] is None else np.concatenate(values)
        return cls(**merged)
