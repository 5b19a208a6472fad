"""Weights of other programs come in, and ours go out, through the scripts and through `init_from`."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from official_state import assert_golden, official_state
from safetensors import safe_open
from tiny_checkpoint import write_checkpoint

from rscnet.config.build import build
from rscnet.config.compose import compose
from rscnet.models.checkpoint import load_weights
from rscnet.models.official import export_official
from rscnet.run import main
from rscnet.trained import initialise, load_trained, read

SCRIPTS = Path(__file__).parents[2] / "scripts"
STRICT = {"missing": [], "unexpected": []}


def script(monkeypatch: pytest.MonkeyPatch, name: str, *words: object) -> None:
    monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
    runpy.run_path(str(SCRIPTS / f"{name}.py"), run_name="__main__")


def failure(monkeypatch: pytest.MonkeyPatch, name: str, *words: object) -> str:
    with pytest.raises(SystemExit) as caught:
        script(monkeypatch, name, *words)
    message = str(caught.value.code)
    assert message.startswith("error: ") and "\n" not in message
    return message


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The released file, wrapped as the training code wraps it, of a network on several GPUs."""
    path = tmp_path_factory.mktemp("official") / "RSC-Net.pt"
    torch.save({"model": {f"module.{name}": value for name, value in official_state().items()}, "epoch": 3}, path)
    return path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("tiny"))


def test_released_weights_come_in_and_go_back_bit_by_bit(official, tmp_path, monkeypatch, capsys):
    ours, theirs = tmp_path / "official.safetensors", tmp_path / "back" / "RSC-Net.pt"
    script(monkeypatch, "import_checkpoint", official, ours, "body=embedded")
    assert f"RSC-Net.pt: rscnet layout, {len(official_state()) - 16} entries matched\n" in capsys.readouterr().out
    trained = load_trained(str(ours))
    assert (trained.image_size, trained.ranges[-1]) == (224, (24, 40))
    assert_golden(trained.network)
    script(monkeypatch, "export_checkpoint", ours, theirs)
    state, expected = torch.load(theirs, weights_only=True), official_state()
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], expected[name]) for name in expected)


def test_released_weights_are_a_start(official):
    network = build(compose(["experiment=paper", "body=embedded"]).plain()["model"]["network"])
    assert "rscnet layout" in initialise(network, str(official), STRICT)
    assert_golden(network)


def tiny_state(tiny: Path, layout: str) -> dict[str, torch.Tensor]:
    """The tiny network as another program would have written it."""
    state = export_official(load_trained(str(tiny)).network)
    if layout == "rscnet":
        return state
    kept = {name: value for name, value in state.items() if "alphas" not in name and "mlp" not in name}
    if layout == "torchvision":
        encoder = {name: value for name, value in kept.items() if name.startswith(("conv1", "bn1", "layer"))}
        kept = encoder | {"fc.weight": torch.zeros(1000, 64), "fc.bias": torch.zeros(1000)}
    return {name.replace(".hmr_layer", ""): value for name, value in kept.items()}


@pytest.mark.parametrize(("layout", "relu"), [("rscnet", True), ("spin", False), ("torchvision", True)])
def test_each_layout_gives_the_network_that_it_was_trained_as(tiny, layout, relu, tmp_path, monkeypatch, capsys):
    source, output = tmp_path / "foreign.pth", tmp_path / "ours.safetensors"
    torch.save(tiny_state(tiny, layout), source)
    script(monkeypatch, "import_checkpoint", source, output, "preset=smoke", "body=embedded", "data=synthetic")
    assert f"foreign.pth: {layout} layout, " in capsys.readouterr().out
    network = load_trained(str(output)).network
    assert isinstance(network.regressor.activation, torch.nn.ReLU if relu else torch.nn.Identity)
    assert any("alphas" in name for name in network.state_dict()) == (layout != "spin")
    before = load_trained(str(tiny)).network.state_dict()
    same = [name for name, value in network.state_dict().items() if torch.equal(value, before[name])]
    assert "encoder.layer4.blocks.1.conv2.weight" in same
    assert ("regressor.fc1.weight" in same) == (layout != "torchvision")


def test_foreign_and_partial_files_are_told_key_by_key(tiny, tmp_path, monkeypatch, capsys):
    path, output = tmp_path / "weights.pt", tmp_path / "ours.safetensors"
    torch.save({"attention.weight": torch.zeros(2), "head.bias": torch.zeros(2)}, path)
    assert "holds attention.weight, head.bias" in failure(monkeypatch, "import_checkpoint", path, output)
    state = tiny_state(tiny, "rscnet")
    del state["fc1.bias"], state["layer4.hmr_layer.0.conv1.weight"]
    torch.save(state, path)
    words = ["preset=smoke", "body=embedded", "data=synthetic"]
    message = failure(monkeypatch, "import_checkpoint", path, output, *words)
    assert "2 missing: encoder.layer4.blocks.0.conv1.weight, regressor.fc1.bias" in message
    assert not output.exists()
    part = failure(monkeypatch, "import_checkpoint", path, output, *words, "--allow-missing", "encoder.layer4.*")
    assert "1 missing: encoder.layer4.blocks.0.conv1.weight; the file holds other keys of their part" in part
    gaps = ["encoder.layer4.blocks.0.conv1.weight", "regressor.fc1.bias"]
    allowed = [word for key in gaps for word in ("--allow-missing", key)]
    script(monkeypatch, "import_checkpoint", path, output, *words, *allowed)
    assert "kept: encoder.layer4.blocks.0.conv1.weight, regressor.fc1.bias" in capsys.readouterr().out
    start = ["task=check", "experiment=rsc_full", "preset=smoke", f"init_from={path}", f"paths.output={tmp_path}"]
    with pytest.raises(SystemExit):  # the experiment lets a start without any regressor pass, but not half of one
        main(start)
    assert "1 missing: regressor.fc1.bias; the file holds other keys of their part" in capsys.readouterr().err
    main([*start, f"init_allow.missing=[{','.join(gaps)}]"])
    assert "start: weights.pt, rscnet layout" in capsys.readouterr().out
    assert "import_checkpoint.py" in failure(monkeypatch, "export_checkpoint", path, output)


def test_code_in_a_weights_file_never_runs(tmp_path, monkeypatch):
    class Hostile:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    path = tmp_path / "hostile.pt"
    torch.save({"model": Hostile()}, path)
    assert "is not loaded" in failure(monkeypatch, "import_checkpoint", path, tmp_path / "ours.safetensors")
    assert not (tmp_path / "ran").exists()


def test_safetensors_carry_weights_and_configuration(tiny, tmp_path, monkeypatch):
    output = tmp_path / "network.safetensors"
    script(monkeypatch, "export_checkpoint", tiny, output)
    state, config = read(output)
    assert state.keys() == load_weights(tiny)[0].keys()
    assert config["image_size"] == 64
    with safe_open(output, framework="pt") as file:
        assert str(tmp_path) not in json.dumps(file.metadata())


def test_onnx_says_what_torch_says(tiny, tmp_path, monkeypatch, capsys):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    output = tmp_path / "network.onnx"
    script(monkeypatch, "export_checkpoint", tiny, output)
    assert "onnxruntime and torch differ by at most" in capsys.readouterr().out
    network = load_trained(str(tiny)).network
    views, scales = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(8)), torch.tensor([4, 0, 2])
    with torch.no_grad():
        prediction = network(views, scales)
    expected = prediction.parameters
    session = onnxruntime.InferenceSession(str(output), providers=["CPUExecutionProvider"])
    found = session.run(None, {"views": views.numpy(), "scale_index": scales.numpy()})
    wanted = (expected.rotations, expected.betas, expected.camera, prediction.feature)
    for value, truth in zip(found, wanted, strict=True):
        np.testing.assert_allclose(value, truth.numpy(), atol=1e-5)
    assert "expected a name that ends in" in failure(monkeypatch, "export_checkpoint", tiny, tmp_path / "network.bin")
