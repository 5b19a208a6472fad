"""Tiny data sets as their publishers give them out: real pictures and annotations in each raw format.

Each writer makes a folder of people who stand at `standing` in a picture of WIDTH x HEIGHT pixels.
"""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from licensed_smpl import Ch, write_python2_pickle
from PIL import Image
from scipy import sparse
from scipy.io import savemat

from rscnet.joints import ANNOTATION_24, COCO_17

WIDTH, HEIGHT = 96, 80
LSP_NAMES = ANNOTATION_24[:14]
MPII_NAMES = [*LSP_NAMES[:6], "pelvis_mpii", "thorax_mpii", *LSP_NAMES[12:], *LSP_NAMES[6:12]]
OPENPOSE_18 = (
    "nose", "neck_lsp", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip_lsp", "right_knee", "right_ankle", "left_hip_lsp", "left_knee", "left_ankle", "right_eye", "left_eye",
    "right_ear", "left_ear",
)  # fmt: skip
MPI_28 = [
    "", "", "", "spine_h36m", "pelvis_mpii", "neck_lsp", "jaw_h36m", "head_h36m", "", "left_shoulder", "left_elbow",
    "left_wrist", "", "", "right_shoulder", "right_elbow", "right_wrist", "", "left_hip_lsp", "left_knee",
    "left_ankle", "", "", "right_hip_lsp", "right_knee", "right_ankle", "", "",
]  # fmt: skip
MPI_TEST = [
    "head_h36m", "neck_lsp", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow",
    "left_wrist", "right_hip_lsp", "right_knee", "right_ankle", "left_hip_lsp", "left_knee", "left_ankle",
    "pelvis_mpii", "spine_h36m", "jaw_h36m",
]  # fmt: skip
H36M_32 = dict(
    zip(
        [11, 6, 7, 8, 1, 2, 3, 12, 24, 14, 15, 17, 18, 19, 25, 26, 27],
        ["pelvis_mpii", "left_hip_lsp", "left_knee", "left_ankle", "right_hip_lsp", "right_knee", "right_ankle",
         "spine_h36m", "neck_lsp", "jaw_h36m", "head_h36m", "left_shoulder", "left_elbow", "left_wrist",
         "right_shoulder", "right_elbow", "right_wrist"],
        strict=True,
    )
)  # fmt: skip

# Upright, about 60 pixels tall, facing us: the person's right is on the left. x, y, z in tens of centimetres.
BODY = {
    "right_ankle": (-1.5, 8, 0), "right_knee": (-1.5, 4, 0), "right_hip_lsp": (-1, 0, 0), "left_hip_lsp": (1, 0, 0),
    "left_knee": (1.5, 4, 0), "left_ankle": (1.5, 8, 0), "right_wrist": (-3, 0, -1), "right_elbow": (-3, -3, 0),
    "right_shoulder": (-2, -5, 0), "left_shoulder": (2, -5, 0), "left_elbow": (3, -3, 0), "left_wrist": (3, 0, -1),
    "neck_lsp": (0, -5.5, 0), "head_top_lsp": (0, -8, 0), "pelvis_mpii": (0, 0, 0), "thorax_mpii": (0, -5, 0),
    "spine_h36m": (0, -2.5, 0), "jaw_h36m": (0, -6, -1), "head_h36m": (0, -8, 0.5), "nose": (0, -6.5, -1),
    "left_eye": (0.3, -7, -0.8), "right_eye": (-0.3, -7, -0.8), "left_ear": (0.7, -6.8, 0),
    "right_ear": (-0.7, -6.8, 0),
}  # fmt: skip
PIXELS, METRES = 3.5, 0.1


def points_2d(names: Any, shift: float = 0.0) -> np.ndarray:
    """Where named joints are in the picture, in pixels; a nameless one is with the pelvis."""
    return np.array([(WIDTH / 2 + shift + PIXELS * x, HEIGHT / 2 + PIXELS * y) for x, y, _ in _body(names)])


def points_3d(names: Any) -> np.ndarray:
    """The same in metres about the pelvis, in the camera frame."""
    return METRES * np.array(list(_body(names)))


def _body(names: Any) -> Any:
    return (BODY[name or "pelvis_mpii"] for name in names)


def write_picture(path: Path, width: int = WIDTH, height: int = HEIGHT, grey: bool = False) -> None:
    """A person of sticks, as JPEG or PNG by the path's ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.full((height, width, 3), 90, np.uint8)
    for x, y in points_2d(BODY).astype(int):
        image[max(y - 3, 0) : y + 3, max(x - 3, 0) : x + 3] = (200, 60, 40)
    picture = Image.fromarray(image).convert("L" if grey else "RGB")
    path.write_bytes(_encoded(picture, "PNG" if path.suffix == ".png" else "JPEG"))


def _encoded(picture: Image.Image, kind: str) -> bytes:
    file = BytesIO()
    picture.save(file, kind)
    return file.getvalue()


def write_coco(folder: Path, count: int = 4, split: str = "train2014") -> Path:
    """`count` whole people; one more with two joints, one without a box, and a crowd, in the first picture."""
    whole = np.column_stack([points_2d(n + "_lsp" * n.endswith("_hip") for n in COCO_17), np.full(17, 2)])
    few = whole.copy()
    few[7:] = 0
    crowd = {"iscrowd": 1, "segmentation": {"counts": [0], "size": [HEIGHT, WIDTH]}, "bbox": [0, 0, 9, 9]}
    box = [20.0, 8.0, 50.0, 64.0]
    entries: list[dict] = [{"keypoints": whole.ravel().tolist(), "bbox": box, "image_id": i + 1} for i in range(count)]
    entries += [{"keypoints": few.ravel().tolist(), "bbox": box, "image_id": 1}, {**crowd, "image_id": 1}]
    entries += [{"keypoints": whole.ravel().tolist(), "bbox": [5.0, 5.0, 0.0, 9.0], "image_id": 1}]
    entries = [{"iscrowd": 0, "id": i, "category_id": 1, **entry} for i, entry in enumerate(entries)]
    names = [f"COCO_{split}_{i + 1:012d}.jpg" for i in range(count)]
    images = [{"id": i + 1, "file_name": n, "width": WIDTH, "height": HEIGHT} for i, n in enumerate(names)]
    for i, name in enumerate(names):
        write_picture(folder / split / name, grey=i == 0)
    (folder / "annotations").mkdir(exist_ok=True)
    content = {"images": images, "annotations": entries, "categories": [{"id": 1, "name": "person"}]}
    (folder / "annotations" / f"person_keypoints_{split}.json").write_text(json.dumps(content))
    return folder


def mpii_people(count: int) -> list[dict[str, Any]]:
    """Whole people, and one who lacks a joint."""
    points = points_2d(MPII_NAMES)
    people = [{"image": f"{i:09d}.jpg", "center": [48.0, 40.0], "scale": 0.35, "joints": points} for i in range(count)]
    partial = points.copy()
    partial[9] = -1
    return [*people, {**people[0], "joints": partial}]


def write_mpii(folder: Path, count: int = 4, kind: str = "mat") -> Path:
    """As the publisher's structure, or as the JSON or HDF5 files that the field made of it."""
    people = mpii_people(count)
    for person in people:
        write_picture(folder / "images" / person["image"])
    if kind == "mat":
        _write_mpii_matlab(folder / "mpii_human_pose_v1_u12_1.mat", people)
    elif kind == "h5":
        import h5py

        with h5py.File(folder / "train.h5", "w") as file:
            file["imgname"] = np.array([person["image"] for person in people], "S")
            for key, source in (("center", "center"), ("scale", "scale"), ("part", "joints")):
                file[key] = np.array([person[source] for person in people])
    else:
        seen = [{"joints_vis": (p["joints"] > 0).all(1).astype(int).tolist()} for p in people]
        plain = [{**p, **v, "joints": p["joints"].tolist()} for p, v in zip(people, seen, strict=True)]
        (folder / "train.json").write_text(json.dumps(plain))
    return folder


def _write_mpii_matlab(path: Path, people: list[dict[str, Any]]) -> None:
    def structure(rows: list[dict[str, Any]]) -> np.ndarray:
        array = np.zeros((1, len(rows)), [(key, object) for key in rows[0]] if rows else [("x1", object)])
        for i, row in enumerate(rows):
            array[0, i] = tuple(row.values())
        return array

    def person(given: dict[str, Any]) -> dict[str, Any]:
        points = [
            {"x": x, "y": y, "id": float(i), "is_visible": 1.0} for i, (x, y) in enumerate(given["joints"]) if x > 0
        ]
        center = {"x": given["center"][0], "y": given["center"][1]}
        rest = {"scale": given["scale"], "objpos": structure([center])}
        return {"x1": 1.0, "annopoints": structure([{"point": structure(points)}]), **rest}

    nobody = {"x1": 1.0, "annopoints": np.zeros((0, 0)), "scale": np.zeros((0, 0)), "objpos": np.zeros((0, 0))}
    lists = [{"image": structure([{"name": p["image"]}]), "annorect": structure([person(p)])} for p in people]
    lists[0]["annorect"] = structure([person(people[0]), nobody])  # people without joints stand beside others
    lists.append({"image": structure([{"name": "test.jpg"}]), "annorect": structure([nobody])})
    lists.append({"image": structure([{"name": "empty.jpg"}]), "annorect": np.zeros((0, 0))})
    training = np.array([[1] * len(people) + [0, 1]], np.uint8)
    savemat(path, {"RELEASE": structure([{"annolist": structure(lists), "img_train": training}])})


def write_lsp(folder: Path, count: int = 4) -> Path:
    """Joints of `count` people as 3 x 14 x n."""
    joints = np.zeros((3, 14, count))
    joints[:2] = points_2d(LSP_NAMES).T[..., None]
    folder.mkdir(parents=True, exist_ok=True)
    savemat(folder / "joints.mat", {"joints": joints})
    for i in range(count):
        write_picture(folder / "images" / f"im{i + 1:04d}.jpg")
    return folder


def write_lspet(folder: Path, count: int = 4, suffix: str = ".png") -> Path:
    """Joints as 14 x 3 x n; the last person's head is not visible and lies nowhere."""
    joints = np.ones((14, 3, count))
    joints[:, :2] = points_2d(LSP_NAMES)[..., None]
    joints[13, :, -1] = (-20, -30, 0)
    folder.mkdir(parents=True, exist_ok=True)
    savemat(folder / "joints.mat", {"joints": joints})
    for i in range(count):
        write_picture(folder / f"im{2 * i + 1:05d}{suffix}")
    return folder


def pw3d_sequence(frames: int = 3) -> dict[str, Any]:
    """A sequence of two people: a man who stands straight, a woman who is turned; the camera turns with the frames."""
    turns = [np.diag([1.0, -1.0, -1.0, 1.0]) for _ in range(frames)]  # the world's y points up
    detections = np.zeros((frames, 3, 18))
    detections[:, :2] = points_2d(OPENPOSE_18).T
    detections[:, 2] = 0.9
    poses = np.zeros((2, frames, 72))
    poses[1, :, 1] = 0.5  # about the vertical
    poses[:, :, 5] = 0.1
    return {
        "sequence": "downtown_walk_00", "genders": ["m", "f"], "poses": [*poses], "trans": [*np.zeros((2, frames, 3))],
        "betas": [np.arange(10.0), -np.arange(10.0)], "cam_poses": np.array(turns), "cam_intrinsics": np.eye(3),
        "campose_valid": [np.ones(frames, np.int64), np.array([1] * (frames - 1) + [0], np.int64)],
        "poses2d": [detections, detections.copy()], "img_frame_ids": np.arange(frames) * 2,
        "jointPositions": [*np.zeros((2, frames, 72))], "v_template_clothed": [Ch(np.zeros((4, 3)))] * 2,
        "texture_maps": [], "cloth_weights": sparse.csc_matrix(np.eye(3)),
    }  # fmt: skip


def write_3dpw(folder: Path, frames: int = 3, split: str = "test", **changes: Any) -> Path:
    """One sequence, pickled as by Python 2, with its pictures."""
    content = {key: value for key, value in (pw3d_sequence(frames) | changes).items() if value is not None}
    below = folder / "sequenceFiles" / split
    below.mkdir(parents=True, exist_ok=True)
    write_python2_pickle(below / "downtown_walk_00.pkl", content)
    for i in range(frames):
        write_picture(folder / "imageFiles" / "downtown_walk_00" / f"image_{i:05d}.jpg")
    return folder


def write_mpi_train(folder: Path, frames: int = 12, pictures: bool = True) -> Path:
    """S1/Seq1 with eight cameras, annotations in millimetres; frame 2 of camera 0 leaves the picture."""
    cells = [np.empty((14, 1), object) for _ in range(2)]
    for camera in range(14):
        seen = np.repeat(points_2d(MPI_28)[None], frames, 0)
        if camera == 0:
            seen[1, :, 0] += 3000
        body = np.repeat(points_3d(MPI_28)[None] * 1000 + (100, 0, 3000), frames, 0)
        cells[0][camera, 0], cells[1][camera, 0] = seen.reshape(frames, -1), body.reshape(frames, -1)
    sequence = folder / "S1" / "Seq1"
    sequence.mkdir(parents=True)
    savemat(sequence / "annot.mat", {"annot2": cells[0], "annot3": cells[1]})
    for camera in (0, 1, 2, 4, 5, 6, 7, 8) if pictures else ():
        for frame in range(frames):
            write_picture(sequence / "imageFrames" / f"video_{camera}" / f"frame_{frame + 1:06d}.jpg")
    return folder


def write_mpi_test(folder: Path, frames: int = 4) -> Path:
    """TS1 in MATLAB's v7.3; frame 2 is not valid."""
    import h5py

    below = folder / "mpi_inf_3dhp_test_set" / "TS1"
    below.mkdir(parents=True)
    with h5py.File(below / "annot_data.mat", "w", userblock_size=512) as file:
        file["annot2"] = np.repeat(points_2d(MPI_TEST)[None, None], frames, 0)
        for name in ("annot3", "univ_annot3"):
            file[name] = np.repeat(points_3d(MPI_TEST)[None, None] * 1000 + (0, 0, 3000), frames, 0)
        file["valid_frame"] = np.array([[1.0], [0.0], *[[1.0]] * (frames - 2)])
    for i in range(frames):
        write_picture(below / "imageSequence" / f"img_{i + 1:06d}.jpg")
    return folder


def h36m_arrays(frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the 32 joints as 1 x f x 96 in millimetres and 1 x f x 64 in pixels."""
    names = [H36M_32.get(i, "") for i in range(32)]
    body, seen = points_3d(names) * 1000 + (50, 0, 4000), points_2d(names)
    return np.repeat(body.reshape(1, 1, -1), frames, 1), np.repeat(seen.reshape(1, 1, -1), frames, 1)


def write_h36m(
    folder: Path, subjects: tuple[int, ...] = (1,), frames: int = 6, masks: bool = True, cdf: bool = True
) -> Path:
    """One action by two cameras: poses, the publisher's boxes, and pictures of every fifth frame."""
    for subject in subjects:
        for camera in ("54138969", "60457274"):
            stem = f"Directions 1.{camera}"
            below = folder / f"S{subject}" / "MyPoseFeatures"
            for kind, values in zip(("D3_Positions_mono", "D2_Positions"), h36m_arrays(frames), strict=True):
                (below / kind).mkdir(parents=True, exist_ok=True)
                if cdf:
                    _write_cdf(below / kind / f"{stem}.cdf", values)
                else:
                    np.savez(below / kind / f"{stem}.npz", Pose=values[0].astype(np.float32))
            if masks:
                _write_masks(folder / f"S{subject}" / "MySegmentsMat" / "ground_truth_bb" / f"{stem}.mat", frames)
            for frame in range(0, frames, 5):
                write_picture(folder / "images" / f"S{subject}_Directions_1.{camera}_{frame + 1:06d}.jpg")
    return folder


def _write_cdf(path: Path, values: np.ndarray) -> None:
    from cdflib.cdfwrite import CDF

    file = CDF(str(path))
    sizes = list(values.shape[1:])
    specification = {"Variable": "Pose", "Data_Type": 44, "Num_Elements": 1, "Rec_Vary": True, "Dim_Sizes": sizes}
    file.write_var(specification, var_data=values.astype(np.float32))
    file.close()


def _write_masks(path: Path, frames: int) -> None:
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[10:70, 20:80] = 1  # a square of 60
    with h5py.File(path, "w", userblock_size=512) as file:
        cells = file.create_dataset("Masks", (frames, 1), h5py.ref_dtype)
        for i in range(frames):
            cells[i, 0] = file.create_dataset(f"#refs#/{i}", data=mask.T).ref
