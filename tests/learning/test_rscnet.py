"""The training module on real samples with a tiny network."""

from types import SimpleNamespace

import pytest
import torch
from small_people import SIZE, data_module, people

from rscnet.config.build import build
from rscnet.config.compose import compose
from rscnet.data.plan import BatchKey
from rscnet.data.views import ViewDataset
from rscnet.errors import UserError
from rscnet.learning.rscnet import RSCNetModule
from rscnet.models.normalisation import ScaleNorm
from rscnet.structures import Batch

# the ramp takes 5 * floor(12 / 8) = 5 steps; the module stands at step 3
STAGES = {"a": {"views": 5, "batch_size": 8, "epochs": 1}}


def module(experiment: str, *words: str) -> tuple[RSCNetModule, dict[str, float]]:
    """A module that stands at step 3, and what it logs."""
    torch.manual_seed(0)
    plain = compose([f"experiment={experiment}", "preset=smoke", *words]).plain()
    built: RSCNetModule = build(plain["model"], "model")
    logged: dict[str, float] = {}
    built.log = lambda name, value, **_: logged.__setitem__(name, float(value))  # type: ignore[method-assign]
    built._trainer = SimpleNamespace(datamodule=data_module(STAGES), global_step=3, world_size=1)  # type: ignore[assignment]
    return built, logged


def batch(views: int, count: int = 8) -> Batch:
    data = data_module(STAGES)
    dataset = ViewDataset(people(), data.resolution, data.degradation, SIZE, 0, data.augmentation)
    return dataset[BatchKey(0, 0, tuple(range(count)), views)]


def test_one_batch_is_learned_by_heart():
    trained, logged = module("hr_baseline", "optimizer.lr=1e-3", "model.network.regressor.dropout=0")
    optimizer, seen = trained.optimizer(trained.parameters()), batch(views=1)
    losses = []
    for _ in range(100):
        optimizer.zero_grad()
        loss = trained.training_step(seen, 0)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.3 * losses[0]
    assert logged["train/weighted/supervised"] == logged["train/total"] == pytest.approx(losses[-1])


@pytest.mark.parametrize("views", [2, 5])
def test_everything_on_gives_a_finite_loss_and_gradients(views):
    trained, logged = module("rsc_full", "loss.supervised.weights.vertices=1")
    loss = trained.training_step(batch(views), 0)
    loss.backward()
    assert torch.isfinite(loss)
    assert logged["train/ramp"] == pytest.approx(0.6)
    weighted = {name: value for name, value in logged.items() if "/weighted/" in name}
    assert set(weighted) == {f"train/weighted/{part}" for part in ("supervised", "consistency", "contrastive")}
    assert min(weighted.values()) > 0
    assert sum(weighted.values()) == pytest.approx(float(loss.detach()), rel=1e-5)
    for name, parameter in trained.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        if name.endswith("alphas"):  # one row for each scale; those that no view has stay as they are
            assert [bool(row.any()) for row in parameter.grad] == [i < views for i in range(5)], name
        else:
            assert parameter.grad.any(), name


@pytest.mark.parametrize("own_norm", [True, False])
def test_what_a_resolution_has_of_its_own_learns_at_a_rate_of_its_own(own_norm):
    words = ("encoder.own_rate=8", f"encoder.own_norm={own_norm}", "optimizer.lr=1e-3", "schedule.mode=constant")
    trained, _ = module("rsc_full", *words)
    optimizer = trained.configure_optimizers()["optimizer"]
    shared, own = optimizer.param_groups
    assert (shared["lr"], own["lr"]) == (1e-3, 8e-3)
    names = {id(parameter): name for name, parameter in trained.named_parameters()}
    chosen = {names[id(parameter)] for parameter in own["params"]}
    norms = {name for name, part in trained.named_modules() if isinstance(part, ScaleNorm)}
    expected = {f"network.encoder.layer{i}.alphas" for i in range(1, 5)}
    assert chosen == expected | {f"{norm}.{part}" for norm in norms for part in ("weight", "bias")}
    assert len(norms) == (20 if own_norm else 0)
    rest = {names[id(parameter)] for parameter in shared["params"]}
    assert chosen | rest == {name for name, p in trained.named_parameters() if p.requires_grad} and not chosen & rest


@pytest.mark.parametrize("words", [("rsc_full",), ("multires_baseline", "encoder.own_norm=true", "encoder.own_rate=8")])
def test_with_one_rate_or_nothing_of_its_own_there_is_one_group(words):
    trained, _ = module(*words)
    [(parameters, rate)] = trained.parameter_groups()
    assert rate == 1 and len(parameters) == sum(p.requires_grad for p in trained.parameters())


@pytest.mark.parametrize("rate", ["-1", "0", "inf", "nan"])
def test_impossible_rates_are_refused(rate):
    with pytest.raises(UserError, match=r"encoder\.own_rate"):
        compose(["experiment=rsc_full", "preset=smoke", f"encoder.own_rate={rate}"])
    with pytest.raises(UserError, match=r"model\.own_rate"):
        module("rsc_full", f"model.own_rate={rate}")


def test_body_data_stay_out_of_the_weights():
    trained, _ = module("rsc_full")
    assert not [name for name in trained.state_dict() if name.startswith("body")]


def test_resolutions_forwarded_apart_or_together_are_the_same_in_evaluation():
    together, _ = module("rsc_full")
    apart, _ = module("rsc_full", "model.sequential=true")
    seen = batch(views=3, count=4)
    with torch.no_grad():
        for trained in (together, apart):
            for name, parameter in trained.network.named_parameters():
                if name.endswith("alphas"):  # so that it matters which row a view has
                    parameter += torch.arange(5.0).reshape(5, *[1] * (parameter.ndim - 1)) / 10
        expected = together.eval()(seen)
        found = apart.eval()(seen)
        assert found.projection is not None
        assert expected.projection is not None
        for a, b in (
            (found.parameters.rotations, expected.parameters.rotations),
            (found.parameters.camera, expected.parameters.camera),
            (found.parameters.betas, expected.parameters.betas),
            (found.projection, expected.projection),
        ):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
        # but batch normalisation sees other statistics in training
        assert not torch.allclose(together.train()(seen).feature, apart.train()(seen).feature, rtol=1e-2)


def test_the_ramp_may_go_down():
    trained, _ = module("rsc_full", "model.ramp=down")
    assert trained.ramp_factor() == pytest.approx(0.4)


def test_dense_pretraining_learns_from_the_same_batches():
    trained, logged = module("dense_pretrain")
    loss = trained.training_step(batch(views=1), 0)
    loss.backward()
    assert logged["train/total"] == pytest.approx(float(loss.detach()))
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in trained.parameters())


def test_the_true_body_is_posed_in_full_precision():
    trained, _ = module("rsc_full", "loss.supervised.weights.vertices=1")
    seen = batch(views=2)
    expected = trained._truth(seen)
    with torch.autocast("cpu", torch.bfloat16):
        found = trained._truth(seen)
    assert expected is not None and expected.vertices is not None and found is not None and found.vertices is not None
    torch.testing.assert_close(found.vertices, expected.vertices)
