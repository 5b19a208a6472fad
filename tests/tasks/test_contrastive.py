"""The self-supervised stage through the entrypoint, and the full model that starts from it."""

import json

import pytest
import torch
from PIL import Image
from small_people import noise
from small_runs import PowerCut, at_step, cut_power, run

from rscnet.run import main

HEAD = "keypoint_head={_target_: rscnet.models.dense.DenseHead, _partial_: true, channels: 8, parts: 0}"
QUICK = ["curriculum.stages.stage2=null", "curriculum.stages.stage3=null", "evaluation.panel_samples=0"]


def weights(folder) -> dict[str, torch.Tensor]:
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


@pytest.mark.parametrize("head", [[], [HEAD]], ids=["as the paper", "with a keypoint head"])
def test_the_full_model_starts_from_unlabelled_pictures(head, tmp_path, capsys):
    before = run(tmp_path / "before", "experiment=contrastive_pretrain", "model.queue_features=momentum", *QUICK, *head)
    result = json.loads((before / "result.json").read_text())
    assert result["by_size"] == {}
    for name in ("retrieval", "alignment", "retrieval_feature", "alignment_feature"):
        assert {f"val/{name}/32px", f"val/{name}/16px"} <= set(result["metrics"])
    assert result["metrics"]["val/missed"] == pytest.approx(1 - result["metrics"]["val/retrieval"])
    assert (before / "checkpoints" / "best.ckpt").exists()
    learned = weights(before)
    moved = [
        not torch.equal(learned[f"teacher.{name}"], learned[f"network.{name}"]) for name in ("projector.0.weight",)
    ]
    assert moved == [True]
    capsys.readouterr()
    nothing = ["evaluation.rivals.mean_pose=null", "optimizer.lr=0"]
    after = run(tmp_path / "after", "experiment=rsc_full", f"init_from={before}", *QUICK, *head, *nothing)
    assert "start: last.ckpt" in capsys.readouterr().out
    started = weights(after)
    for name, value in learned.items():
        if name.startswith("network.") and value.is_floating_point() and "running" not in name:
            assert torch.equal(started[name], value), name


def test_a_killed_run_goes_on_with_the_encoder_that_follows(tmp_path):
    words = ["experiment=contrastive_pretrain", "callbacks.checkpoints.every_n_steps=2", *QUICK[1:]]  # eight steps
    whole = run(tmp_path / "whole", *words)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(PowerCut):
        at_step(patch, 5, cut_power)
        run(tmp_path / "cut", *words)
    expected, found = weights(whole), weights(run(tmp_path / "cut", *words))
    assert any(name.startswith("teacher.") for name in expected)
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def test_any_folder_of_pictures_will_do(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for i in range(24):
        Image.fromarray(noise(48, seed=i)).save(pictures / f"{i}.png")
    words = ["data=images", f"paths.data={pictures}", "curriculum.stages.stage1=null", f"paths.output={tmp_path}"]
    main(["experiment=contrastive_pretrain", "preset=smoke", *words, *QUICK])
    (result,) = tmp_path.rglob("result.json")
    assert json.loads(result.read_text())["steps"] >= 1
