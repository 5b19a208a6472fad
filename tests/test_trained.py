"""Weights are found, rebuilt from the configuration that they carry, and never loaded by halves."""

import json
from pathlib import Path

import pytest
import torch
from licensed_smpl import write_smpl
from safetensors.torch import save_file
from tiny_checkpoint import write_checkpoint

from rscnet.body.assets import load_embedded
from rscnet.config.build import build
from rscnet.config.compose import compose
from rscnet.errors import UserError
from rscnet.models.checkpoint import load_weights
from rscnet.trained import find, initialise, load_trained, read, shipped


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("dense"), "dense_pretrain")


def test_a_run_folder_stands_for_its_last_checkpoint_else_its_best(tmp_path):
    inside = tmp_path / "checkpoints"
    inside.mkdir()
    with pytest.raises(UserError, match=r"holds no checkpoints/last\.ckpt or checkpoints/best\.ckpt"):
        find(str(tmp_path))
    for name in ("best.ckpt", "last.ckpt"):
        (inside / name).touch()
        assert find(str(tmp_path)) == find(str(inside)) == inside / name
    assert find(str(inside / "best.ckpt")) == inside / "best.ckpt"


def test_names_of_shipped_weights():
    for name in shipped():
        assert find(name).is_file()
    with pytest.raises(UserError, match=r"'hr_smal' is no file, no run folder and no shipped weights"):
        find("hr_smal")
    with pytest.raises(UserError, match=r"'temporal_small' is a temporal network .*; expected one of \['hr_"):
        find("temporal_small")


def test_a_network_is_rebuilt_with_its_weights(weights):
    trained = load_trained(str(weights))
    assert not trained.network.training
    assert (trained.image_size, trained.ranges[0], trained.ranges[-1]) == (64, (64, 64), (16, 24))
    state, _ = load_weights(weights)
    assert set(state) == set(trained.network.state_dict())
    for name, value in trained.network.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_a_lightning_checkpoint_gives_its_network_alone(weights, tmp_path):
    state, config = read(weights)
    path = tmp_path / "last.ckpt"
    content = {f"network.{name}": value for name, value in state.items()} | {"objective.queue": torch.zeros(3)}
    torch.save({"state_dict": content, "rscnet": {"config": config}}, path)
    assert set(load_trained(str(path)).network.state_dict()) == set(state)


def test_licensed_bodies_are_read_where_they_lie_now(tmp_path):
    before, now = tmp_path / "before", tmp_path / "now"
    before.mkdir()
    write_smpl(before, load_embedded(), uv=False)
    path = write_checkpoint(tmp_path, "rsc_full", "body=smpl", f"paths.smpl={before}")
    assert load_trained(str(path)).body.digest == load_trained(str(path), str(before)).body.digest
    before.rename(now)
    with pytest.raises(UserError, match=f"no such folder: {before}"):
        load_trained(str(path))
    assert load_trained(str(path), str(now)).body.faces.shape == (13776, 3)


def test_what_is_not_ours_is_named(tmp_path, dense):
    foreign = tmp_path / "foreign.pt"
    torch.save({"fc.weight": torch.zeros(2)}, foreign)
    with pytest.raises(UserError, match="carries no rscnet configuration"):
        load_trained(str(foreign))
    foreign.write_bytes(b"PK\x03\x04 not a checkpoint")
    with pytest.raises(UserError, match=r"foreign\.pt: .*damaged"):
        load_trained(str(foreign))
    with pytest.raises(UserError, match=r"holds a \w+ \(experiment=dense_pretrain\), which predicts no bodies"):
        load_trained(str(dense))


def network(experiment: str, *words: str) -> torch.nn.Module:
    torch.manual_seed(9)
    return build(compose([f"experiment={experiment}", "preset=smoke", *words]).plain()["model"]["network"])


def test_a_start_says_what_it_loaded(dense):
    allow = compose(["experiment=hr_baseline", "preset=smoke"]).plain()["init_allow"]
    fresh, start = network("hr_baseline"), network("hr_baseline")
    said = initialise(start, str(dense), allow)
    state, _ = read(dense)
    shared = set(start.state_dict()) & set(state)
    assert any(name.startswith("encoder.") for name in shared)
    assert said == (
        f"start: dense_pretrain.safetensors, {len(shared)} tensors loaded, "
        f"{len(start.state_dict()) - len(shared)} new, {len(state) - len(shared)} ignored"
    )
    for name, value in start.state_dict().items():
        expected = state[name] if name in shared else fresh.state_dict()[name]
        assert torch.equal(value, expected), name


@pytest.mark.parametrize(
    ("allow", "message"),
    [
        ({"missing": ["*"], "unexpected": ["projector.*"]}, r"unexpected: \S*alphas"),
        ({"missing": ["*"], "unexpected": ["*.alphas"]}, r"unexpected: projector\."),
    ],
)
def test_a_start_that_does_not_fit_leaves_the_network_alone(weights, allow, message):
    fresh, start = network("hr_baseline"), network("hr_baseline")
    with pytest.raises(UserError, match=message):
        initialise(start, str(weights), allow)
    for name, value in start.state_dict().items():
        assert torch.equal(value, fresh.state_dict()[name])


def test_a_part_is_missing_as_a_whole_or_not_at_all(dense, weights, tmp_path):
    allow = {"missing": ["regressor.*", "encoder.*.alphas"], "unexpected": ["*"]}
    assert "new" in initialise(network("hr_baseline"), str(dense), allow)  # no regressor at all
    state, config = read(weights)
    del state["regressor.fc1.bias"], state["regressor.deccam.weight"]
    path = tmp_path / "torn.ckpt"
    torch.save({"state_dict": state, "rscnet": {"config": config}}, path)
    torn = r"2 missing: regressor\.fc1\.bias, regressor\.deccam\.weight; the file holds other keys of their part"
    with pytest.raises(UserError, match=torn):
        initialise(network("rsc_full"), str(path), allow)
    named = ["regressor.fc1.bias", "regressor.deccam.weight", *allow["missing"]]
    assert " 2 new" in initialise(network("rsc_full"), str(path), {**allow, "missing": named})


def test_every_scale_starts_from_a_normalisation_that_was_shared(dense):
    start, (state, _) = network("rsc_full", "encoder.own_norm=true"), read(dense)
    initialise(start, str(dense), {"missing": ["regressor.*", "projector.*", "*.alphas"], "unexpected": ["head.*"]})
    for name in ("bn1.running_mean", "layer2.blocks.0.downsample.1.weight"):
        value = start.state_dict()[f"encoder.{name}"]
        assert torch.equal(value, state[f"encoder.{name}"].expand(5, -1))


def test_what_a_start_does_not_hold_must_be_allowed(dense):
    with pytest.raises(UserError, match=r"missing: regressor\."):
        initialise(network("hr_baseline"), str(dense), {"missing": [], "unexpected": ["*"]})


def test_a_weights_file_names_networks_and_bodies_only(tmp_path, monkeypatch):
    (tmp_path / "evil.py").write_text("raise RuntimeError('code ran')\ndef f(*_): ...")
    monkeypatch.chdir(tmp_path)
    for node in (
        {"_target_": "rscnet.learning.external.ExternalModule", "callable": "evil:f"},
        {"_target_": "rscnet.models.rscnet.build_rscnet", "encoder": {"_target_": "rscnet.trained.feature_network"}},
        {"_target_": "rscnet.models.rscnet.build_rscnet", "head": {"_target_": "pytorch_lightning.Trainer"}},
        {"_target_": "rscnet.models.resnet.re.compile"},
    ):  # fmt: skip
        body = {"_target_": "rscnet.body.model.embedded_body"}
        record = json.dumps({"config": {"name": "rsc_full", "body": body, "model": {"network": node}}})
        save_file({"weight": torch.zeros(1)}, "x.safetensors", {"rscnet": record})
        with pytest.raises(UserError, match=r"^model\.network.* is not allowed; expected a class of rscnet\.models"):
            load_trained("x.safetensors")
