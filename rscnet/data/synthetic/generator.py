"""Pictures of synthetic people with full ground truth; every picture is a pure function of (seed, split, index)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import UInt8
from scipy.spatial.transform import Rotation
from torch import Tensor

from rscnet.body import BodyModel
from rscnet.data.crops import within_margin
from rscnet.data.keys import generator as keyed_generator
from rscnet.data.synthetic.backgrounds import background
from rscnet.data.synthetic.cameras import Viewpoint
from rscnet.data.synthetic.clutter import clutter
from rscnet.data.synthetic.company import Companion, Place, add_before, add_behind
from rscnet.data.synthetic.layers import Layers, over
from rscnet.data.synthetic.lighting import Light
from rscnet.data.synthetic.motion import SEATED, Motion, motion
from rscnet.data.synthetic.occluders import Stage, add_held, add_occluder, add_seat, add_shadow, sensor
from rscnet.data.synthetic.poses import LIBRARY_MIX, PoseMix, check_shares, sample_pose
from rscnet.data.synthetic.rendered import RenderedPeople
from rscnet.data.synthetic.rest import rest_joints, rest_vertices
from rscnet.data.synthetic.shot import Person, Shot
from rscnet.data.synthetic.textures import Atlas, Landmarks, Outfit, Surface, paint
from rscnet.errors import UserError
from rscnet.geometry.cameras import project
from rscnet.geometry.rotations import axis_angle_to_matrix
from rscnet.joints import EXTRA_9, TRAINING_49, TRAINING_49_FROM_SMPL_54, VERTEX_JOINTS, index_map
from rscnet.structures import BodyParameters

GENERATOR_VERSION = 1  # raise it with every change that alters pixels or labels: caches are keyed by it
GROUP = 16  # people posed at once; always padded to this many, so that no result depends on its neighbours
MAX_BETA = 2.5
PEOPLE_KEPT = 32  # textures kept in memory
NEXT = 8  # people after a person who may be near them: their textures are needed soon anyway

_EXTRA_FROM_49 = index_map(EXTRA_9, TRAINING_49)


class PersonGenerator:
    """Draws people and renders them.

    Texture, clothes and shape belong to the person `index // views_per_person`; pose, camera, light and background to
    the index. Rendering happens on the body's device.

    Args:
        body: the body model; its rest pose, parts and UV atlas are used.
        size: side of the crop in pixels.
        seed: of all randomness.
        split: "train", "val" or "test"; they share no pose combination, texture or background.
        supersample: the person is rendered this many times larger and averaged.
        texture_size: side of the texture in texels.
        views_per_person: consecutive indices that show the same person.
        occlusion: probability of an occluder.
        truncation: probability that the crop's border cuts the person.
        poses: how poses are drawn; motion clips have its noise alone.
        clutter: probability that the background is a heap of shapes.
        company: probability that other people are near; never in motion clips.

    Raises:
        UserError: a share or an amount out of its range, or everyday poses outside training.
    """

    def __init__(
        self,
        body: BodyModel,
        size: int,
        seed: int,
        split: str,
        supersample: int = 2,
        texture_size: int = 128,
        views_per_person: int = 2,
        occlusion: float = 0.3,
        truncation: float = 0.12,
        poses: PoseMix = LIBRARY_MIX,
        clutter: float = 0.0,
        company: float = 0.0,
    ) -> None:
        check_shares(clutter=clutter, company=company)
        if poses.everyday and split != "train":
            raise UserError(
                f"synthetic people: everyday: expected 0 with split={split}, its poses are training's,"
                f" got {poses.everyday}"
            )
        self.body, self.size, self.seed, self.split = body, size, seed, split
        self.supersample, self.texture_size, self.views_per_person = supersample, texture_size, views_per_person
        self.occlusion, self.truncation = occlusion, truncation
        self.poses, self.clutter, self.company = poses, float(clutter), float(company)
        self.layers = Layers(body, size, supersample)
        self.landmarks = Landmarks.of(body)
        self.atlas = Atlas(body, texture_size)
        self.surface = Surface(rest_vertices(body).numpy(), body.part_labels.cpu().numpy())
        self.rest_joints = rest_joints(body).numpy().astype(float)
        self._people: dict[int, Person] = {}

    def settings(self) -> dict[str, int | float | str]:
        """Everything that a picture depends on beside its index."""
        names = ("size", "seed", "split", "supersample", "texture_size", "views_per_person", "occlusion", "truncation")
        names += tuple(name for name in ("clutter", "company") if getattr(self, name))  # older caches stay valid
        return {name: getattr(self, name) for name in names} | {
            **self.poses.settings(),
            "version": GENERATOR_VERSION,
            "body": self.body.digest,
        }

    def generate(self, indices: Sequence[int], with_uv: bool = False) -> RenderedPeople:
        """The pictures of `indices`, in their order; each is the same whatever else is asked for."""
        shots = [self._shot(int(i) // self.views_per_person, int(i) % self.views_per_person) for i in indices]
        return self._rendered(shots, with_uv)

    def views(self, person: int, n: int, with_uv: bool = False) -> RenderedPeople:
        """`n` pictures of one person; the first `views_per_person` are those that `generate` gives."""
        return self._rendered([self._shot(person, view) for view in range(n)], with_uv)

    def texture(self, person: int) -> UInt8[np.ndarray, "t t 3"]:
        """The UV map of one person, as in `RenderedPeople`."""
        return (self._person(person).texture * 255).astype(np.uint8)

    def clip(
        self, person: int, frames: int, fps: float, with_uv: bool = False, name: str | None = None, follow: bool = True,
        moves: Motion | None = None,
    ) -> RenderedPeople:  # fmt: skip
        """A motion clip of a person on the ground, before one camera.

        Args:
            person: number of the person.
            frames, fps: how many pictures, and how many of them are a second.
            with_uv: as in `generate`.
            name: one of `rscnet.data.synthetic.motion.SHARES`; drawn if None.
            follow: the camera goes along with the person; else it stands still and sees their whole way.
            moves: a motion of `frames` poses at `fps`; None draws one.
        """
        key = ("clip", person)
        moves = moves or motion(
            self._rng("motion", *key), self.split, self.rest_joints, frames, fps, self.poses.pose_noise, name
        )
        first = replace(self._shot(person, *key), combination=moves.combination, seat="none")
        shots = [replace(first, pose=pose, frame=i, airborne=moves.airborne[i]) for i, pose in enumerate(moves.poses)]
        posed = [self._posed(shots[i : i + GROUP]) for i in range(0, frames, GROUP)]
        up = first.viewpoint.up
        floor = np.concatenate([(vertices.cpu().numpy() @ up).min(1) for vertices, _ in posed])
        way = (moves.airborne - floor)[:, None] * up
        if not follow:
            way = way + first.viewpoint.rotation.apply(moves.travel)
        joints = np.concatenate([joints.numpy() for _, joints in posed]) + way[:, None]
        translation = first.viewpoint.translation(joints.reshape(-1, 3)) + way
        if moves.name == "sit_down":
            lowest = int(np.argmin((joints[:, 0] - joints[:, :1].mean(0)) @ up))
            seat = self._stage(shots[lowest], posed[lowest // GROUP], lowest % GROUP, translation[lowest])
            shots = [replace(shot, seat=seat) for shot in shots]
        return self._rendered(shots, with_uv, translation)

    def _stage(self, shot: Shot, posed: tuple[Tensor, Tensor], row: int, translation: np.ndarray) -> Stage:
        vertices, joints = posed[0][row].cpu().numpy() + translation, posed[1][row].numpy() + translation
        up = shot.viewpoint.up
        return Stage(vertices, joints, up, float((vertices @ up).min()) - shot.airborne, self.size)

    def _rng(self, *key: int | str) -> np.random.Generator:
        return keyed_generator(self.seed, self.split, *key)

    def _person(self, number: int) -> Person:
        if number not in self._people:
            if len(self._people) >= PEOPLE_KEPT:
                self._people.clear()
            rng = self._rng("person", number)
            betas = rng.standard_normal(10).clip(-MAX_BETA, MAX_BETA).astype(np.float32)
            outfit = Outfit.draw(rng, self.landmarks)
            offsets = outfit.offsets(rng, self.surface)
            self._people[number] = Person(betas, paint(rng, self.atlas, outfit, self.landmarks), offsets)
        return self._people[number]

    def _shot(self, person: int, *key: int | str) -> Shot:
        key = (person, *key)
        pose = sample_pose(self._rng("pose", *key), self.split, self.rest_joints, self.poses)
        rng = self._rng("camera", *key)
        viewpoint = Viewpoint.draw(rng, self.truncation)
        light = Light.draw(rng, viewpoint.up)
        airborne = rng.uniform(0.05, 0.4) if rng.random() < 0.06 or pose.combination[0] == "jump" else 0.0
        return Shot(person, key, 0, pose.axis_angle, pose.combination, viewpoint, light, airborne)

    @torch.no_grad()
    def _posed(self, shots: Sequence[Shot]) -> tuple[Tensor, Tensor]:
        """Vertices and 54 joints of at most GROUP shots, not translated."""
        device = self.body.faces.device
        pose = np.zeros((GROUP, 24, 3), np.float32)
        betas = np.zeros((GROUP, 10), np.float32)
        for i, shot in enumerate(shots):
            pose[i], betas[i] = shot.rotations(), self._person(shot.person).betas
        matrices = axis_angle_to_matrix(torch.from_numpy(pose)).to(device)
        out = self.body(BodyParameters.from_rotations(matrices, torch.from_numpy(betas).to(device)))
        vertex_joints = out.vertices[:, list(VERTEX_JOINTS.values())]
        joints = torch.cat([out.smpl_joints, vertex_joints, out.joints[:, _EXTRA_FROM_49]], dim=1)
        return out.vertices[: len(shots)], joints[: len(shots)].cpu()

    def _rendered(
        self, shots: Sequence[Shot], with_uv: bool = False, translation: np.ndarray | None = None
    ) -> RenderedPeople:
        groups = [
            self._render_group(
                shots[i : i + GROUP], with_uv, None if translation is None else translation[i : i + GROUP]
            )
            for i in range(0, len(shots), GROUP)
        ]
        return RenderedPeople.concatenate(groups)

    @torch.no_grad()
    def _render_group(self, shots: Sequence[Shot], with_uv: bool, translation: np.ndarray | None) -> RenderedPeople:
        people = [self._person(shot.person) for shot in shots]
        vertices, joints = self._posed(shots)
        training = joints[:, TRAINING_49_FROM_SMPL_54]
        moving = translation is not None
        if translation is None:
            framed = zip(shots, training.numpy(), strict=True)
            translation = np.stack([shot.viewpoint.translation(points) for shot, points in framed])
        translation = translation.astype(np.float32)
        keypoints = project(training, torch.from_numpy(translation)).numpy()
        confidence = within_margin(keypoints)[..., None].astype(np.float32)
        layer, parts, uv = self.layers.draw(shots, people, vertices, translation, with_uv)
        stages = [self._stage(shot, (vertices, joints), i, translation[i]) for i, shot in enumerate(shots)]
        near = [[] for _ in shots] if moving else self._people_near(shots, stages)
        pictures = [self._compose(*everything) for everything in zip(shots, layer, stages, near, strict=True)]
        return RenderedPeople(
            images=np.stack([picture for picture, _ in pictures]),
            masks=layer[..., 3] > 0.5,
            occluded=np.stack([covered for _, covered in pictures]),
            parts=parts,
            pose=np.stack([shot.rotations() for shot in shots]),
            betas=np.stack([person.betas for person in people]),
            translation=translation,
            joints=joints.numpy(),
            keypoints_2d=np.concatenate([keypoints, confidence], axis=2),
            vertices=vertices.cpu().numpy(),
            texture=np.stack([self.texture(shot.person) for shot in shots]),
            person=np.array([shot.person for shot in shots]),
            combination=[shot.combination for shot in shots],
            uv=uv,
        )

    def _people_near(self, shots: Sequence[Shot], stages: Sequence[Stage]) -> list[list[Companion]]:
        """Who is near the people of some shots."""
        asked = [(i, *one) for i, shot in enumerate(shots) for one in self._neighbours(shot)]
        near: list[list[Companion]] = [[] for _ in shots]
        for start in range(0, len(asked), GROUP):
            part = asked[start : start + GROUP]
            others = [other for _, other, _ in part]
            vertices, joints = self._posed(others)
            translation = np.stack(
                [
                    place.translation(stages[i], vertices[row].cpu().numpy(), joints[row].numpy(), other.airborne)
                    for row, (i, other, place) in enumerate(part)
                ]
            )
            layers, _, _ = self.layers.draw(others, [self._person(o.person) for o in others], vertices, translation)
            for row, (i, other, place) in enumerate(part):
                stage = self._stage(other, (vertices, joints), row, translation[row])
                near[i].append(Companion(layers[row], stage, place.away > 0, _sits(other)))
        return near

    def _neighbours(self, shot: Shot) -> list[tuple[Shot, Place]]:
        """One or two of the next people, posed on their own, in the light and before the camera of a shot."""
        rng = self._rng("company", *shot.key)
        if rng.random() >= self.company:
            return []
        found = []
        for number, step in enumerate(rng.choice(NEXT, 1 if rng.random() < 0.6 else 2, replace=False)):
            place = Place.draw(rng)
            other = self._shot(shot.person + 1 + int(step), "company", *shot.key, number)
            rotation = shot.viewpoint.rotation * Rotation.from_rotvec([0, place.turn, 0])
            other = replace(other, viewpoint=replace(shot.viewpoint, rotation=rotation), light=shot.light)
            # a seat in front would hide more than the one who sits there
            found.append((other, replace(place, away=abs(place.away)) if _sits(other) else place))
        return found

    def _compose(
        self, shot: Shot, layer: np.ndarray, stage: Stage, near: Sequence[Companion]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The picture as uint8, and where something in front covers it."""
        rng = self._rng("background", *shot.key)
        picture = background(rng, self.size, from_above=bool(stage.up[2] < -0.25))
        if self.clutter and rng.random() < self.clutter:
            picture = clutter(rng, self.size, picture)
        picture = add_behind(self._rng("seats", *shot.key), picture, near, shot.light)
        picture = add_shadow(picture, stage, shot.light)
        rng = self._rng("things", *shot.key)
        if isinstance(shot.seat, Stage):
            picture = add_seat(rng, picture, shot.seat)
        elif shot.seat == "own" and _sits(shot) and rng.random() < 0.7:
            picture = add_seat(rng, picture, stage)
        picture = over(picture, layer)
        if rng.random() < 0.15:
            picture = add_held(rng, picture, stage)
        picture, covered = add_before(picture, near, layer[..., 3])
        if rng.random() < self.occlusion:
            picture, hidden = add_occluder(rng, picture, self.size)
            covered = covered | hidden
        picture = sensor(
            self._rng("sensor", *shot.key), self._rng("grain", shot.frame, *shot.key), picture.astype(np.float32)
        )
        return (picture * 255 + 0.5).astype(np.uint8), covered


def _sits(shot: Shot) -> bool:
    return shot.combination[0] in (*SEATED, "ride")
