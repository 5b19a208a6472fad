import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from rscnet.data.synthetic import pose_library, poses
from rscnet.data.synthetic.motion import eased, motion
from rscnet.data.synthetic.poses import JOINT, PoseMix, sample_pose
from rscnet.data.synthetic.rest import rest_joints
from rscnet.geometry.rotations import axis_angle_to_matrix
from rscnet.structures import BodyParameters

SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def skeleton(body):
    return rest_joints(body).numpy().astype(float)


def keys(split: str) -> set[tuple[str, ...]]:
    return {tuple(row[:4]) for row in poses.combinations(split)}


def test_splits_share_no_combination_and_cover_the_library():
    train, val, test = (keys(split) for split in SPLITS)
    assert not train & val and not train & test and not val & test
    assert len(train | val | test) == len(pose_library.COMBINATIONS)


@pytest.mark.parametrize("split", SPLITS)
def test_mixing_never_makes_a_combination_of_another_split(split, skeleton):
    others = set().union(*(keys(other) for other in SPLITS if other != split))
    others |= {(legs, right, left, torso) for legs, left, right, torso in others}
    mix = PoseMix(limb_mixing=1.0)
    drawn = {sample_pose(np.random.default_rng(i), split, skeleton, mix).combination for i in range(150)}
    assert len(drawn) > 20
    assert not drawn & others


def test_everyday_poses_are_those_of_no_split_within_limits_and_without_collision(skeleton):
    low, high = poses.joint_limits()
    for row in pose_library.EVERYDAY:
        euler = poses.euler_angles(row)
        assert (euler >= low).all() and (euler <= high).all(), row
        assert not poses.collides(poses.to_axis_angle(euler), skeleton), row
    everyday = {row[:4] for row in pose_library.EVERYDAY}
    assert len(everyday) == len(pose_library.EVERYDAY)
    assert not everyday & set().union(*(keys(split) for split in SPLITS))


def test_the_share_of_everyday_poses_is_the_one_asked_for(skeleton):
    everyday = {row[:4] for row in pose_library.EVERYDAY}
    everyday |= {(legs, right, left, torso) for legs, left, right, torso in everyday}
    mix = PoseMix(limb_mixing=0.0, everyday=0.4)
    drawn = [sample_pose(np.random.default_rng(i), "train", skeleton, mix).combination in everyday for i in range(400)]
    assert 0.3 < np.mean(drawn) < 0.5


def test_gaze_turns_heads_as_often_as_asked_and_within_their_reach(skeleton):
    low, high = poses.joint_limits()
    head = [poses.JOINT["neck"], poses.JOINT["head"]]

    def aside(gaze: float) -> np.ndarray:
        """Degrees that neck and head are turned aside, of 300 people."""
        mix = PoseMix(pose_noise=0.0, limb_mixing=0.0, gaze=gaze)
        drawn = [sample_pose(np.random.default_rng(i), "train", skeleton, mix) for i in range(300)]
        euler = np.stack([Rotation.from_rotvec(pose.axis_angle[head]).as_euler("xyz", degrees=True) for pose in drawn])
        assert (euler >= low[head] - 1e-6).all() and (euler <= high[head] + 1e-6).all()
        return np.abs(euler[..., 1].sum(1))

    never, half, always = aside(0.0), aside(0.5), aside(1.0)
    assert np.quantile(never, 0.8) < 25 < np.median(always)
    assert np.mean(never) < np.mean(half) < np.mean(always)
    assert 0.35 < np.mean(half != never) < 0.65  # people of one seed differ if the head of the second is turned


def test_free_limbs_go_their_own_ways_as_often_as_asked(skeleton):
    def drawn(free: float) -> list[poses.NaturalPose]:
        mix = PoseMix(pose_noise=0.0, limb_mixing=0.0, free_limbs=free)
        return [sample_pose(np.random.default_rng(i), "train", skeleton, mix) for i in range(300)]

    never, half, always = drawn(0.0), drawn(0.5), drawn(1.0)
    assert not any("free" in pose.combination for pose in never)
    assert 0.4 < np.mean(["free" in pose.combination for pose in half]) < 0.6
    assert all(pose.combination == ("free",) * 4 for pose in always)
    assert len({pose.axis_angle.tobytes() for pose in always}) == 300
    assert len({pose.axis_angle.tobytes() for pose in never}) < 150  # rows and their mirror images
    assert not any(poses.collides(pose.axis_angle, skeleton) for pose in always)
    knees = np.degrees([pose.axis_angle[[JOINT["left_knee"], JOINT["right_knee"]], 0] for pose in always])
    assert (knees.std(0) > 15).all()
    assert abs(np.corrcoef(knees.T)[0, 1]) < 0.3  # each leg by itself


def test_sampled_poses_respect_joint_limits(skeleton):
    low, high = poses.joint_limits()
    for i in range(100):
        pose = sample_pose(np.random.default_rng(i), "train", skeleton, PoseMix(3.0, free_limbs=0.3)).axis_angle
        # beyond gimbal lock Euler angles are not unique, but all limits of y lie within what scipy returns
        turned = Rotation.from_rotvec(pose).as_euler("xyz", degrees=True)
        rebuilt = poses.to_axis_angle(np.clip(turned, low, high))
        regular = (np.abs(low[:, 1]) < 90) & (np.abs(high[:, 1]) < 90)
        np.testing.assert_allclose(rebuilt[regular], pose[regular], atol=1e-6)


def test_knees_never_bend_backwards(skeleton):
    for i in range(60):
        pose = sample_pose(np.random.default_rng(i), "train", skeleton, PoseMix(3.0)).axis_angle
        for knee in ("left_knee", "right_knee"):
            assert Rotation.from_rotvec(pose[JOINT[knee]]).as_euler("xyz", degrees=True)[0] >= -2 - 1e-6


def test_hands_stay_out_of_the_body(skeleton):
    assert not any(
        poses.collides(sample_pose(np.random.default_rng(i), "train", skeleton, PoseMix(2.0)).axis_angle, skeleton)
        for i in range(100)
    )


def test_a_hand_in_the_belly_collides(skeleton):
    pose = np.zeros((24, 3))
    assert not poses.collides(pose, skeleton)
    # the upper arm hangs down and the elbow turns the forearm across the trunk
    pose[JOINT["left_shoulder"]] = Rotation.from_euler("xyz", [90, 0, -80], degrees=True).as_rotvec()
    pose[JOINT["left_elbow"]] = np.radians([0, -80, 0])
    assert poses.collides(pose, skeleton)


def test_forward_kinematics_agrees_with_the_body_model(body, skeleton):
    pose = sample_pose(np.random.default_rng(0), "train", skeleton).axis_angle
    matrices = axis_angle_to_matrix(torch.from_numpy(pose).float())[None]
    expected = body(BodyParameters.from_rotations(matrices, torch.zeros(1, 10))).smpl_joints[0].numpy()
    np.testing.assert_allclose(poses.forward_kinematics(pose, skeleton), expected, atol=1e-5)


def test_mirroring_twice_is_the_identity_and_swaps_sides(skeleton):
    euler = poses.euler_angles(pose_library.COMBINATIONS[4])
    mirrored = poses.mirrored(euler)
    np.testing.assert_array_equal(poses.mirrored(mirrored), euler)
    straight = poses.forward_kinematics(poses.to_axis_angle(euler), skeleton)
    seen = poses.forward_kinematics(poses.to_axis_angle(mirrored), skeleton)
    # the rest skeleton is symmetric to a millimetre
    left, right = JOINT["left_ankle"], JOINT["right_ankle"]
    np.testing.assert_allclose(seen[left] * [-1, 1, 1], straight[right], atol=2e-3)


def test_library_says_what_its_names_say(skeleton):
    names, axis_angles = poses.library()
    at = {n: poses.forward_kinematics(a, skeleton) for n, a in zip(names, axis_angles, strict=True)}
    rest = skeleton[JOINT["left_ankle"], 1]
    waving = at["stand/wave/down/straight"]
    assert waving[JOINT["left_wrist"], 1] > waving[JOINT["left_shoulder"], 1] + 0.1
    assert waving[JOINT["right_wrist"], 1] < waving[JOINT["right_shoulder"], 1] - 0.3
    kick = at["kick/apose/side_low/arch"]
    assert kick[JOINT["left_ankle"], 2] > 0.5 and kick[JOINT["left_ankle"], 1] > rest + 0.4  # forward and up
    bent = at["hinge/reach_low/reach_low/bend"]
    assert bent[JOINT["head"], 2] > 0.4 and bent[JOINT["left_wrist"], 1] < bent[JOINT["left_hip"], 1] - 0.15


def test_easing_never_leaves_its_range():
    share = eased(np.array([-1.0, 0.0, 0.5, 0.9999999999999998, 1.0, 2.0]))
    np.testing.assert_allclose(share, [0, 0, 0.5, 1, 1, 1])
    assert share.max() <= 1 and np.isfinite((share * (1 - share)) ** 0.5).all()


@pytest.mark.parametrize("seed", range(4))
def test_motion_is_smooth_and_moves(seed, skeleton):
    clip = motion(np.random.default_rng(seed), "train", skeleton, frames=40, fps=25.0)
    joints = np.stack([poses.forward_kinematics(pose, skeleton) for pose in clip.poses])
    step = np.linalg.norm(np.diff(joints, axis=0), axis=2)
    assert step.max() < 0.35  # metres in a 25th of a second
    assert np.linalg.norm(joints - joints[:1], axis=2).max() > 0.1


@pytest.mark.parametrize("name", ["walk", "run", "wave", "sit_down", "turn"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_named_motions_keep_to_limits_and_move_smoothly(name, split, skeleton):
    clip = motion(np.random.default_rng(1), split, skeleton, frames=40, fps=25.0, name=name)
    joints = np.stack([poses.forward_kinematics(pose, skeleton) for pose in clip.poses])
    acceleration = np.linalg.norm(np.diff(joints, n=2, axis=0), axis=2) * 25.0**2
    assert acceleration.max() < 160  # metres per second squared: feet of runners reach about a hundred
    # Euler angles of large turns are not unique: the knee's turn, which limits bound on one axis, tells
    knee = clip.poses[:, poses.JOINT["left_knee"]]
    assert knee[:, 0].min() > np.deg2rad(-4) and knee[:, 0].max() < np.deg2rad(142)
    assert (clip.airborne >= 0).all() and (clip.airborne > 0).any() == (name == "run")


def test_walking_goes_forward_on_planted_feet(skeleton):
    clip = motion(np.random.default_rng(1), "train", skeleton, frames=50, fps=25.0, name="walk")
    ahead = clip.travel[-1] / 2  # metres per second
    assert 0.6 < np.linalg.norm(ahead) < 2.0
    feet = np.stack([poses.forward_kinematics(pose, skeleton) for pose in clip.poses])[:, [10, 11]]
    feet = feet + clip.travel[:, None]
    lower = feet[..., 1].argmin(1)
    slip = [np.linalg.norm((feet[i + 1, lower[i]] - feet[i, lower[i]])[[0, 2]]) for i in range(49)]
    assert np.median(slip) < 0.4 * np.linalg.norm(ahead) / 25


def test_turning_and_sitting_down_end_elsewhere(skeleton):
    turned = motion(np.random.default_rng(0), "train", skeleton, frames=75, fps=25.0, name="turn")
    facing = [float(Rotation.from_rotvec(pose[0]).apply([0, 0, 1.0])[2]) for pose in turned.poses[[0, -1]]]
    assert facing[0] > 0.95 and facing[1] < 0.5
    hips = []
    for seed in range(4):
        clip = motion(np.random.default_rng(seed), "train", skeleton, frames=75, fps=25.0, name="sit_down")
        hips += [abs(clip.poses[-1, 1, 0] - clip.poses[0, 1, 0])]
    assert min(hips) > np.deg2rad(40)
