"""Named joints of every convention that the project meets, as data; flips and index maps are derived, never typed.

Sources: SMPL kinematic tree; smplx's 21 vertex joints; the nine extra regressed joints and the 25 + 24 training joints
that SPIN and RSC-Net use; Human3.6M's 17; LSP's 14; COCO's 17.
"""

from collections.abc import Sequence

SMPL_24 = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle",
    "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder",
    "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand",
)  # fmt: skip

SMPL_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)

# Joints that smplx reads off single vertices, in its order, with the SMPL vertex that each one is.
VERTEX_JOINTS = {
    "nose": 332, "right_eye": 6260, "left_eye": 2800, "right_ear": 4071, "left_ear": 583,
    "left_big_toe": 3216, "left_small_toe": 3226, "left_heel": 3387,
    "right_big_toe": 6617, "right_small_toe": 6624, "right_heel": 6787,
    "left_thumb": 2746, "left_index": 2319, "left_middle": 2445, "left_ring": 2556, "left_pinky": 2673,
    "right_thumb": 6191, "right_index": 5782, "right_middle": 5905, "right_ring": 6016, "right_pinky": 6133,
}  # fmt: skip

EXTRA_9 = (
    "right_hip_lsp", "left_hip_lsp", "neck_lsp", "head_top_lsp", "pelvis_mpii", "thorax_mpii", "spine_h36m",
    "jaw_h36m", "head_h36m",
)  # fmt: skip

SMPL_54 = (*SMPL_24, *VERTEX_JOINTS, *EXTRA_9)

OPENPOSE_25 = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "pelvis", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "right_eye", "left_eye",
    "right_ear", "left_ear", "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe",
    "right_heel",
)  # fmt: skip

# The 24 joints that annotations are stored in: 14 of LSP, pelvis ... head, five of the face.
ANNOTATION_24 = (
    "right_ankle", "right_knee", "right_hip_lsp", "left_hip_lsp", "left_knee", "left_ankle", "right_wrist",
    "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "neck_lsp", "head_top_lsp",
    "pelvis_mpii", "thorax_mpii", "spine_h36m", "jaw_h36m", "head_h36m", "nose", "left_eye", "right_eye", "left_ear",
    "right_ear",
)  # fmt: skip

TRAINING_49 = (*OPENPOSE_25, *ANNOTATION_24)

H36M_17 = (
    "pelvis", "left_hip", "left_knee", "left_ankle", "right_hip", "right_knee", "right_ankle", "spine", "neck", "jaw",
    "head_top", "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist",
)  # fmt: skip

LSP_14 = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist", "right_elbow",
    "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "neck", "head_top",
)  # fmt: skip

COCO_17 = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip


def index_map(wanted: Sequence[str], available: Sequence[str]) -> list[int]:
    """For each name of `wanted`, its position in `available`.

    Raises:
        KeyError: a wanted joint that is not available, named.
    """
    position = {name: i for i, name in enumerate(available)}
    missing = [name for name in wanted if name not in position]
    if missing:
        raise KeyError(f"joints {missing} are not among {list(available)}")
    return [position[name] for name in wanted]


def mirrored_name(name: str) -> str:
    """The joint on the other side of the body: left and right swapped, the middle unchanged."""
    if name.startswith("left_"):
        return "right_" + name.removeprefix("left_")
    if name.startswith("right_"):
        return "left_" + name.removeprefix("right_")
    return name


def flip_permutation(names: Sequence[str]) -> list[int]:
    """Permutation p with `flipped[i] = joints[p[i]]` for a mirrored image."""
    return index_map([mirrored_name(name) for name in names], names)


# The annotation joints need no map of their own where one name occurs twice in TRAINING_49: blocks are permuted apart.
TRAINING_49_FLIP = flip_permutation(OPENPOSE_25) + [25 + i for i in flip_permutation(ANNOTATION_24)]
SMPL_24_FLIP = flip_permutation(SMPL_24)
TRAINING_49_FROM_SMPL_54 = index_map(TRAINING_49, SMPL_54)
LSP_14_FROM_H36M_17 = index_map(LSP_14, H36M_17)
H36M_PELVIS = H36M_17.index("pelvis")
ANNOTATION_HIPS = (ANNOTATION_24.index("right_hip_lsp"), ANNOTATION_24.index("left_hip_lsp"))
# Joints of dense pretraining, as positions in TRAINING_49: the feet of the OpenPose block and all annotation joints.
HEATMAP_30 = (*range(OPENPOSE_25.index("left_big_toe"), len(OPENPOSE_25)), *range(len(OPENPOSE_25), len(TRAINING_49)))
