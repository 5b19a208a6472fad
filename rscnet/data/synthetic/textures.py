"""Clothes, faces, hair and shoes, painted in UV space from each texel's rest position and body part."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from rscnet.body import BodyModel
from rscnet.data.synthetic import colours
from rscnet.data.synthetic.rest import rest_joints, rest_vertices
from rscnet.joints import SMPL_24
from rscnet.render.atlas import UVAtlas

Mask = Bool[np.ndarray, "n"]

_ID = {name: i for i, name in enumerate(SMPL_24)}
_TORSO = [_ID[n] for n in ("pelvis", "spine1", "spine2", "spine3", "left_collar", "right_collar", "neck")]
_ARMS = [_ID[f"{s}_{n}"] for s in ("left", "right") for n in ("shoulder", "elbow", "wrist", "hand")]
_LEGS = [_ID[f"{s}_{n}"] for s in ("left", "right") for n in ("hip", "knee", "ankle", "foot")]
EYE_BELOW_CROWN = 0.118  # metres, on the embedded body; other bodies are close enough for a face a few texels high


class Surface:
    """Points of the body's rest surface with their parts: texels of the atlas, or vertices."""

    def __init__(self, position: Float[np.ndarray, "n 3"], part: Int[np.ndarray, "n"]) -> None:
        self.x, self.y, self.z = (np.ascontiguousarray(position[:, i], dtype=np.float32) for i in range(3))
        self.side = np.abs(self.x)
        self.head = part == _ID["head"]
        self.neck = part == _ID["neck"]
        self.torso = np.isin(part, _TORSO)
        self.arm = np.isin(part, _ARMS)
        self.leg = np.isin(part, _LEGS)
        self.front = self.z > 0


@dataclass(frozen=True)
class Landmarks:
    """Heights (y) and arm spans (|x|) of the rest body in metres that garments are measured by."""

    crown: float
    sole: float
    hip: float
    knee: float
    ankle: float
    shoulder: float
    shoulder_x: float
    elbow_x: float
    wrist_x: float

    @classmethod
    def of(cls, body: BodyModel) -> Landmarks:
        template, joints = rest_vertices(body), rest_joints(body)
        heights = {n: float(joints[_ID[f"left_{n}"], 1]) for n in ("hip", "knee", "ankle", "shoulder")}
        spans = {f"{n}_x": float(joints[_ID[f"left_{n}"], 0]) for n in ("shoulder", "elbow", "wrist")}
        return cls(crown=float(template[:, 1].max()), sole=float(template[:, 1].min()), **heights, **spans)


class Atlas:
    """The UV square as painting needs it: covered texels as points of the rest surface."""

    def __init__(self, body: BodyModel, size: int) -> None:
        uv = UVAtlas(body, size).cpu()
        self.size = size
        self.surface = Surface(uv.at(rest_vertices(body)[None])[0].numpy(), uv.part.numpy())
        self.covered = uv.index.numpy()
        self.fill = uv.fill.numpy().reshape(size, size)

    def noise(self, rng: np.random.Generator, cells: int) -> Float32[np.ndarray, "n"]:
        """Smooth noise in about [-0.5, 0.5], `cells` periods over the square."""
        grid = rng.random((cells, cells), dtype=np.float32) - 0.5
        return cv2.resize(grid, (self.size, self.size), interpolation=cv2.INTER_CUBIC).reshape(-1)[self.covered]


@dataclass(frozen=True)
class Outfit:
    """What one person wears: extents in metres of the rest pose, looseness in metres, and styles."""

    sleeve: float  # |x| where sleeves end
    neckline: float  # y
    neck_drop: float  # fall of the neckline towards the front
    strap: float  # |x| from where the shoulder is covered whatever its height
    hem: float  # y where the upper garment ends
    waist: float  # y where the lower garment begins
    trouser_end: float  # y
    shoe_top: float  # y
    looseness: tuple[float, float]  # upper, lower
    hair_volume: float
    hair_line: float  # y at the forehead
    hair_slope: float
    hair_low: float  # y where hair ends at the back

    @classmethod
    def draw(cls, rng: np.random.Generator, body: Landmarks) -> Outfit:
        kind = rng.random()
        sleeve = body.shoulder_x - 0.01 if kind < 0.1 else rng.uniform(body.shoulder_x + 0.05, body.elbow_x)
        if kind > 0.45:
            sleeve = rng.uniform(body.wrist_x - 0.06, body.wrist_x + 0.01)
        waist = body.hip + rng.uniform(0.06, 0.17)
        long_coat = rng.random() < 0.12
        trousers = rng.random() < 0.68
        end = body.ankle + rng.uniform(-0.03, 0.05) if trousers else rng.uniform(body.knee - 0.06, body.hip - 0.1)
        eye = body.crown - EYE_BELOW_CROWN
        bald = rng.random() < 0.07
        return cls(
            sleeve=sleeve,
            neckline=body.shoulder + rng.uniform(0.015, 0.075),
            neck_drop=rng.uniform(0, 0.45),
            strap=rng.uniform(0.06, 0.085) if rng.random() < 0.93 else 1.0,
            hem=body.hip - rng.uniform(0.1, 0.3) if long_coat else waist - rng.uniform(-0.01, 0.15),
            waist=waist,
            trouser_end=end,
            shoe_top=body.ankle + rng.uniform(-0.03, 0.04) + (rng.uniform(0.05, 0.2) if rng.random() < 0.12 else 0),
            looseness=(rng.uniform(0.002, 0.026), rng.uniform(0.002, 0.026)),
            hair_volume=0.0 if bald else rng.uniform(0.004, 0.03),
            hair_line=10.0 if bald else eye + 0.045,
            hair_slope=rng.uniform(0.4, 1.3),
            hair_low=eye - rng.choice([0.05, 0.09, 0.2]),
        )

    def upper(self, s: Surface) -> Mask:
        """Where the shirt or jacket is."""
        neckline = self.neckline - np.clip(s.z, 0, 0.2) * self.neck_drop
        covered = (s.y < neckline) | (s.side > self.strap)
        return ((s.torso | s.leg) & covered & (s.y > self.hem)) | (s.arm & (s.side < self.sleeve))

    def lower(self, s: Surface) -> Mask:
        """Where trousers or shorts are."""
        return (s.leg | s.torso) & (s.y < self.waist) & (s.y > self.trouser_end)

    def shoes(self, s: Surface) -> Mask:
        return s.leg & (s.y < self.shoe_top)

    def hair(self, s: Surface) -> Mask:
        """Where hair grows: above a line that falls towards the back."""
        line = self.hair_line - np.clip(0.06 - s.z, 0, 0.2) * self.hair_slope
        return (s.head | s.neck) & (s.y > np.maximum(line, self.hair_low)) & (s.y > line)

    def offsets(self, rng: np.random.Generator, s: Surface) -> Float32[np.ndarray, "n"]:
        """How far cloth and hair stand off the skin, in metres along the normal, with folds."""
        folds = np.ones_like(s.x)
        for _ in range(3):
            fx, fy, fz = rng.normal(0, 1, 3) * (22, 34, 22)
            folds += rng.uniform(0.05, 0.22) * np.sin(fx * s.x + fy * s.y + fz * s.z + rng.uniform(0, 6.28))
        flare = 1 + rng.uniform(0, 1.2) * np.clip((self.waist - s.y) / 0.8, 0, 1)  # trousers widen downwards
        offset = np.where(self.lower(s), self.looseness[1] * flare * np.clip(folds, 0.1, 2), 0)
        offset = np.where(self.upper(s), np.maximum(offset, self.looseness[0] * np.clip(folds, 0.1, 2) + 0.003), offset)
        offset = np.where(self.hair(s), self.hair_volume, offset)
        return np.where(self.shoes(s), np.maximum(offset, 0.006), offset).astype(np.float32)


def paint(rng: np.random.Generator, atlas: Atlas, outfit: Outfit, body: Landmarks) -> Float32[np.ndarray, "t t 3"]:
    """The texture of a person in `outfit`, in [0, 1]; row 0 is v = 1."""
    s = atlas.surface
    skin = colours.skin(rng)
    colour = np.tile(skin, (len(s.x), 1))
    hair = colours.hair(rng)
    _paint_head(rng, atlas, outfit, body, colour, hair)
    lower, upper = outfit.lower(s), outfit.upper(s)
    shirt = _cloth(rng, atlas)
    trousers = shirt if rng.random() < 0.08 else _cloth(rng, atlas, plain=0.8)
    colour[lower] = trousers[lower]
    if rng.random() < 0.4 or outfit.shoe_top > body.ankle + 0.04:
        colour[s.leg & (s.y < outfit.shoe_top + rng.uniform(0.02, 0.2)) & ~lower] = colours.cloth(rng)  # socks
    if rng.random() < 0.93:
        colour[outfit.shoes(s)] = colours.cloth(rng)
        colour[s.leg & (s.y < body.sole + 0.02)] = rng.uniform(0.05, 0.9)
    _paint_upper(rng, outfit, s, upper, shirt, colour)
    if rng.random() < 0.12:
        colour[s.arm & (s.side > body.wrist_x - 0.02)] = colours.cloth(rng)  # gloves
    weave = rng.uniform(0, 0.16) * atlas.noise(rng, 40) + rng.uniform(0, 0.2) * atlas.noise(rng, 8)
    colour = np.clip(colour * (1 + weave)[:, None], 0, 1)
    return colour[atlas.fill]


def _paint_head(
    rng: np.random.Generator,
    atlas: Atlas,
    outfit: Outfit,
    body: Landmarks,
    colour: Float32[np.ndarray, "n 3"],
    hair: colours.Colour,
) -> None:
    s, eye = atlas.surface, body.crown - EYE_BELOW_CROWN
    face = s.head & (s.z > 0.05)
    above_eye, beside_eye = s.y - eye, np.abs(s.side - 0.033)
    colour[face & (beside_eye < 0.02) & (np.abs(above_eye) < 0.014)] *= 0.72  # sockets, the mark that survives
    colour[face & (beside_eye < 0.016) & (np.abs(above_eye) < 0.006)] = 0.85
    colour[face & (beside_eye < 0.008) & (np.abs(above_eye) < 0.008)] = rng.uniform(0.02, 0.25)
    colour[face & (beside_eye < 0.02) & (np.abs(above_eye - 0.018) < 0.005)] *= 0.5
    colour[face & (s.side < 0.024) & (np.abs(above_eye + 0.063) < 0.007)] *= np.array([0.85, 0.6, 0.6], np.float32)
    locks = outfit.hair(s)
    colour[locks] = hair * (0.9 + 0.5 * atlas.noise(rng, 48)[locks, None])
    if rng.random() < 0.18:
        colour[s.head & s.front & (above_eye < -0.04)] = hair  # beard
    if rng.random() < 0.12:
        colour[face & (beside_eye < 0.028) & (np.abs(above_eye) < 0.014)] = rng.uniform(0.02, 0.2)  # glasses
    if rng.random() < 0.22:
        cap = s.head & (above_eye > rng.uniform(0.03, 0.055) - np.clip(0.06 - s.z, 0, 0.2) * rng.uniform(0, 0.5))
        colour[cap] = colours.cloth(rng)
        if rng.random() < 0.25:
            colour[cap & ((s.y * rng.uniform(15, 30)) % 1 < 0.5)] = colours.cloth(rng)


def _paint_upper(
    rng: np.random.Generator,
    outfit: Outfit,
    s: Surface,
    upper: Mask,
    shirt: Float32[np.ndarray, "n 3"],
    colour: Float32[np.ndarray, "n 3"],
) -> None:
    colour[upper] = shirt[upper]
    if rng.random() < 0.16:
        colour[upper & s.arm] = colours.cloth(rng)
    if rng.random() < 0.1:
        colour[upper & s.torso & (s.y > outfit.waist)] = colours.cloth(rng)  # vest
    if rng.random() < 0.2:
        colour[upper & ~s.arm & s.front & (s.side < rng.uniform(0.01, 0.06))] = colours.cloth(
            rng
        )  # open front, zip, tie
    if rng.random() < 0.2:
        x, y, w, h = rng.uniform(-0.04, 0.04), rng.uniform(0, 0.16), rng.uniform(0.03, 0.1), rng.uniform(0.03, 0.09)
        print_area = upper & s.torso & (np.abs(s.x - x) < w) & (np.abs(s.y - y) < h)
        colour[print_area & (s.front if rng.random() < 0.7 else ~s.front)] = colours.cloth(rng)
    if rng.random() < 0.2:
        colour[s.torso & (np.abs(s.y - outfit.waist) < 0.018)] = colours.cloth(rng)  # belt
    if rng.random() < 0.1:
        colour[s.torso & ~s.front & (s.side < 0.13) & (s.y > outfit.waist) & (s.y < outfit.neckline)] = colours.cloth(
            rng
        )


def _cloth(rng: np.random.Generator, atlas: Atlas, plain: float = 0.6) -> Float32[np.ndarray, "n 3"]:
    """A garment's cloth over the whole surface: plain, or stripes, checks, blotches, a gradient of two colours."""
    s, first = atlas.surface, colours.cloth(rng)
    cloth = np.tile(first, (len(s.x), 1))
    if rng.random() < plain:
        return cloth
    second, frequency, phase = colours.cloth(rng), rng.uniform(6, 30), rng.random()
    kind = rng.integers(5)
    if kind == 0:
        share = ((s.y + s.side * rng.integers(2)) * frequency + phase) % 1 < rng.uniform(0.2, 0.6)
    elif kind == 1:
        share = (np.arctan2(s.x, s.z + 0.3) * frequency / 4 + phase) % 1 < rng.uniform(0.2, 0.5)
    elif kind == 2:
        share = ((s.y * frequency + phase) % 1 < 0.5) ^ ((s.x * frequency + phase) % 1 < 0.5)
    elif kind == 3:
        share = np.clip(atlas.noise(rng, int(rng.integers(6, 24))) * 6, 0, 1)
    else:
        share = np.clip((s.y + 0.3) / 0.6, 0, 1)
    return cloth + np.asarray(share, np.float32)[:, None] * (second - first)
