"""The benchmark runs and writes all that it promises; its figures are no matter for tests."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "scripts"))

from bench.contrastive import Contrastive  # noqa: E402
from bench.rivals.evaluation import procrustes  # noqa: E402
from bench.rivals.losses import estimate_translation  # noqa: E402
from bench.sizes import QUICK  # noqa: E402
from bench.timing import exponent, interleaved  # noqa: E402
from benchmark import main  # noqa: E402

RATIOS = {
    "contrastive", "train_step_fp32", "train_step_bf16", "body_and_losses", "data_loading", "evaluation", "prediction",
}  # fmt: skip


def test_a_quick_run_writes_every_part(tmp_path: Path) -> None:
    main(["--quick", "--threads", "1", "--output", str(tmp_path)])
    results = json.loads((tmp_path / "benchmarks.json").read_text())
    assert set(results["ratios"]) == RATIOS and all(ratio > 0 for ratio in results["ratios"].values())
    assert results["machine"]["threads"] == 1 and results["machine"]["versions"]["torch"] == torch.__version__
    assert set(results["encoder"]["share_of_peak"]) == {"fp32", "bf16", "original_fp32"}
    assert set(results["curves"]) == {"scales", "batch", "image", "queue"}
    assert all(math.isfinite(curve["exponent"]) for curve in results["curves"].values())
    assert results["rows"]["contrastive"]["figures"]["memory_mb"]["rival"] > 0
    text = (tmp_path / "benchmarks.md").read_text()
    assert "A quick run" in text and all(row["title"] in text for row in results["rows"].values())
    assert (tmp_path / "pictures" / "cost_curves.png").stat().st_size > 1000


def test_a_part_that_does_not_exist_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"^error: --parts: no part contrast; expected some of encoder.*$"):
        main(["--quick", "--parts", "contrast", "--output", str(tmp_path)])
    assert not list(tmp_path.iterdir())


def test_candidates_take_turns() -> None:
    called: list[str] = []
    timings = interleaved({name: lambda name=name: called.append(name) for name in "ab"}, rounds=2, least=0)
    assert called == ["a", "b"] * 3 and timings["a"].rounds == 2


def test_exponent_of_a_square() -> None:
    assert exponent([1, 2, 4, 8], [3, 12, 48, 192]) == pytest.approx(2)


def test_the_rival_leaves_out_a_picture_s_own_entries() -> None:
    rival = Contrastive(QUICK, None)
    first, second = rival.rival(), rival.ours()
    torch.testing.assert_close(first()[0], second()[0])


def test_the_rival_fits_cameras_and_bodies_exactly() -> None:
    random = np.random.default_rng(0)
    joints, translation = random.normal(0, 0.4, (24, 3)), np.array([0.1, -0.2, 45.0])
    moved = joints + translation
    pixels = 5000 * moved[:, :2] / moved[:, 2:] + 112
    np.testing.assert_allclose(estimate_translation(joints, pixels, np.ones(24)), translation, rtol=1e-6)
    turn = np.linalg.qr(random.normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    np.testing.assert_allclose(procrustes(joints @ turn.T * 2.5 + 1, joints), joints, atol=1e-9)
