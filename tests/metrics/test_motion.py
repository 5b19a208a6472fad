import torch

from rscnet.metrics.functional import jitter
from rscnet.metrics.motion import MotionErrors


def test_jitter_by_hand() -> None:
    frames = torch.arange(6.0)
    joints = torch.stack([frames**3, torch.zeros(6), torch.zeros(6)], 1)[:, None]
    torch.testing.assert_close(jitter(joints, fps=2.0), torch.full((3,), 6.0 * 8))


def test_motion_errors_by_hand() -> None:
    """Joints that go to and fro by a metre, a truth at rest: accelerations of two metres per frame squared."""
    joints = torch.zeros(5, 14, 3)
    joints[1::2, :, 0] = 1.0
    rest, pelvis = torch.zeros(5, 14, 3), torch.zeros(5, 3)
    errors = MotionErrors()
    errors.update(joints, rest, pelvis, pelvis, fps=10.0)
    found = errors.compute()
    torch.testing.assert_close(found["mpjpe"], torch.tensor(400.0).double())
    torch.testing.assert_close(found["accel"], torch.tensor(200.0).double())
    torch.testing.assert_close(found["jitter"], torch.tensor(4 * 1000 / 10).double())
    errors.update(rest, rest, pelvis, pelvis, fps=10.0)
    torch.testing.assert_close(errors.compute()["accel"], torch.tensor(100.0).double())


def test_motion_is_of_the_body_not_of_its_place() -> None:
    joints, way = torch.randn(6, 14, 3), torch.randn(6, 3)
    errors = MotionErrors()
    errors.update(joints + way[:, None], joints, way, torch.zeros(6, 3), fps=1.0)
    assert errors.compute()["accel"] < 1e-5
