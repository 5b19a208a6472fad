"""All steps in order: mesh, skinning, shapes, correctives, regressors, atlas, mean parameters -> `BodyAssets`."""

import numpy as np
from scipy.spatial.transform import Rotation

from rscnet.body.assets import BodyAssets
from rscnet.data.synthetic.poses import combinations, euler_angles, mirrored
from rscnet.joints import EXTRA_9, H36M_17

from . import atlas, correctives, landmarks, regressors, relax, shapes, skeleton, skinning, topology

MEAN_CAMERA = (0.9, 0.0, 0.0)
UPRIGHT = np.diag([1.0, -1.0, -1.0])  # the pi turn about x that stands a body up in the camera frame


def build_assets() -> BodyAssets:
    """The embedded body. The same code gives the same arrays."""
    mesh = topology.build()
    mirror = relax.relax(mesh)
    vertices, joints = mesh.vertices, skeleton.rest_joints()
    weights = skinning.skinning_weights(mesh, joints, mirror)
    rig = shapes.ShapeRig(vertices, relax.vertex_normals(vertices, mesh.faces), weights, joints)
    shapedirs, joint_shapes = shapes.shape_directions(rig)
    posedirs = correctives.pose_directions(vertices, weights, joints, mirror, relax.grid_average(mesh))

    body = regressors.SkinnedBody(vertices, shapedirs, weights)
    own = regressors.joint_landmarks(joints, joint_shapes)
    named = regressors.named_landmarks(body, joints, joint_shapes)
    fitted = {name: regressors.regress(body, landmark, follow_pose=True) for name, landmark in named.items()}

    order = landmarks.vertex_order(vertices, mirror)
    new_id = np.argsort(order)
    return _stored(
        v_template=(vertices - [0, skeleton.FLOOR_TO_ORIGIN, 0])[order],
        f=new_id[mesh.faces],
        weights=weights[order],
        shapedirs=shapedirs[order],
        posedirs=posedirs[order],
        J_regressor=np.stack([regressors.regress(body, landmark, follow_pose=False) for landmark in own])[:, order],
        kintree_table=np.array([skeleton.PARENTS, range(24)]),
        vt=atlas.texture_coordinates(mesh),
        ft=mesh.corners,
        mirror=new_id[mirror[order]],
        part_labels=weights[order].argmax(1),
        J_regressor_h36m=np.stack([fitted[name] for name in H36M_17])[:, order],
        J_regressor_extra=np.stack([fitted[name] for name in EXTRA_9])[:, order],
        mean_pose=mean_rotations()[:, :, :2].reshape(-1),
        mean_shape=np.zeros(10),
        mean_cam=np.array(MEAN_CAMERA),
    )


def mean_rotations() -> np.ndarray:
    """Chordal mean of the training poses of the library and their mirror images, root upright, (24, 3, 3)."""
    total = np.zeros((24, 3, 3))
    for row in combinations("train"):
        for euler in (euler_angles(row), mirrored(euler_angles(row))):
            total += row.weight * Rotation.from_euler("xyz", euler, degrees=True).as_matrix()
    total[0] = UPRIGHT
    left, _, right = np.linalg.svd(total)
    return left @ right


STORAGE = {
    "f": np.uint16,
    "ft": np.uint16,
    "mirror": np.uint16,
    "part_labels": np.uint8,
    "kintree_table": np.int16,
    "shapedirs": np.float16,
    "posedirs": np.float16,
}


def _stored(**arrays: np.ndarray) -> BodyAssets:
    """Small storage types: half floats where a tenth of a millimetre does not matter."""
    return BodyAssets(**{name: array.astype(STORAGE.get(name, np.float32)) for name, array in arrays.items()})
