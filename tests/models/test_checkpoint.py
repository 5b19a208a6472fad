import argparse
import os
from pathlib import PurePosixPath

import numpy as np
import pytest
import torch
from torch import nn

from rscnet.errors import UserError
from rscnet.models.checkpoint import load_strict, load_weights, save_safetensors
from rscnet.models.normalisation import ScaleNorm


@pytest.fixture
def module() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def assert_same(state, module):
    assert state.keys() == module.state_dict().keys()
    assert all(torch.equal(state[name], value) for name, value in module.state_dict().items())


def test_safetensors_round_trip(tmp_path, module):
    path = tmp_path / "new" / "weights.safetensors"
    save_safetensors(path, module, {"config": "{}"})
    state, metadata = load_weights(path)
    assert_same(state, module)
    assert metadata == {"config": "{}"}
    assert os.listdir(path.parent) == ["weights.safetensors"]


def test_saving_copes_with_shared_tensors(tmp_path):
    layer = nn.Linear(3, 3)
    shared = nn.Sequential(layer, nn.Linear(3, 3))
    shared[1].weight = layer.weight
    save_safetensors(tmp_path / "w.safetensors", shared, {})
    assert_same(load_weights(tmp_path / "w.safetensors")[0], shared)


def test_half_precision_rounds_matrices_and_leaves_vectors(tmp_path, module):
    save_safetensors(tmp_path / "w.safetensors", module, {}, half=True)
    state, _ = load_weights(tmp_path / "w.safetensors")
    assert {name for name, value in state.items() if value.dtype == torch.float16} == {"0.weight"}
    weight = module[0].weight.detach().clone()
    load_strict(module, state)
    assert module[0].weight.dtype == torch.float32
    torch.testing.assert_close(module[0].weight.detach(), weight.half().float(), rtol=0, atol=0)


def test_half_precision_leaves_the_normalisation_of_each_scale(tmp_path):
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1), ScaleNorm(3, scales=2))
    save_safetensors(tmp_path / "w.safetensors", module, {}, half=True)
    state, _ = load_weights(tmp_path / "w.safetensors")
    assert {name for name, value in state.items() if value.dtype == torch.float16} == {"0.weight"}


def test_failed_saving_leaves_the_old_file(tmp_path, module):
    path = tmp_path / "w.safetensors"
    save_safetensors(path, module, {"n": "1"})
    with pytest.raises(Exception, match=r"metadata|str"):
        save_safetensors(path, module, {"n": object()})  # type: ignore[dict-item]
    assert load_weights(path)[1] == {"n": "1"} and os.listdir(tmp_path) == ["w.safetensors"]


@pytest.mark.parametrize("zipped", [True, False])
def test_what_programs_keep_beside_weights_is_no_obstacle(tmp_path, module, zipped):
    content = {
        "model": module.state_dict(),
        "best": np.float64(53.2),
        "order": np.arange(3),
        "args": argparse.Namespace(lr=5e-5, names=np.array(["a", None], object)),
    }
    torch.save(content, tmp_path / "w.pt", _use_new_zipfile_serialization=zipped)
    assert_same(load_weights(tmp_path / "w.pt")[0], module)


def test_anything_else_is_named(tmp_path, module):
    torch.save({"model": module.state_dict(), "path": PurePosixPath("a")}, tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"not loaded \(it calls for pathlib\.PurePosixPath\)"):
        load_weights(tmp_path / "w.pt")


@pytest.mark.parametrize("wrapper", ["state_dict", "model", "model_state_dict", None])
def test_checkpoints_bare_and_wrapped(tmp_path, module, wrapper):
    path = tmp_path / "w.ckpt"
    torch.save({wrapper: module.state_dict(), "epoch": 2} if wrapper else module.state_dict(), path)
    state, metadata = load_weights(path)
    assert_same(state, module)
    assert metadata == ({"epoch": 2} if wrapper else {})


@pytest.mark.parametrize("name", ["w.safetensors", "w.ckpt"])
@pytest.mark.parametrize("damage", ["truncated", "flipped header", "empty", "text"])
def test_damaged_file_is_one_line_with_its_name(tmp_path, module, name, damage):
    path = tmp_path / name
    if name.endswith("ckpt"):
        torch.save({"state_dict": module.state_dict()}, path)
    else:
        save_safetensors(path, module, {})
    content = path.read_bytes()
    damaged = {
        "truncated": content[: len(content) // 2],
        "flipped header": bytes(255 - byte for byte in content[:16]) + content[16:],
        "empty": b"",
        "text": b"404: not found\n",
    }[damage]
    path.write_bytes(damaged)
    with pytest.raises(UserError, match=name) as error:
        load_weights(path)
    assert "\n" not in str(error.value)


class Code:
    def __reduce__(self):
        return (os.mkdir, ("executed",))


def test_code_in_a_checkpoint_is_never_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {}, "hook": Code()}, "w.ckpt")
    with pytest.raises(UserError, match="more than plain weights"):
        load_weights("w.ckpt")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("content", [[1, 2], {}, {"epoch": 3}])
def test_file_without_weights(tmp_path, content):
    torch.save(content, tmp_path / "w.ckpt")
    with pytest.raises(UserError, match=r"w\.ckpt"):
        load_weights(tmp_path / "w.ckpt")


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match="no such weights file"):
        load_weights(tmp_path / "nowhere.ckpt")


def test_strict_loading_lists_every_kind_of_fault(module):
    before = {name: value.clone() for name, value in module.state_dict().items()}
    state = {f"extra.{i}": torch.zeros(1) for i in range(10)} | dict(module.state_dict())
    del state["1.bias"]
    state["0.weight"] = torch.zeros(4, 9)
    with pytest.raises(UserError) as error:
        load_strict(module, state, "w.ckpt")
    message = str(error.value)
    assert message.startswith("w.ckpt: ") and "\n" not in message
    assert "1 missing: 1.bias" in message
    assert "10 unexpected: extra.0" in message and "and 2 more" in message and "extra.9" not in message
    assert "0.weight [4, 9] instead of [4, 3]" in message
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


def test_strict_loading_of_a_fitting_state(module):
    state = {name: value + 1 for name, value in module.state_dict().items()}
    load_strict(module, state)
    assert_same(state, module)
