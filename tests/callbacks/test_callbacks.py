"""Callbacks by themselves; tests/tasks shows them in runs."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from small_people import RESOLUTION, SIZE, body, data_module, people

from rscnet.callbacks.averaging import MovingAverage
from rscnet.callbacks.checkpoints import RunCheckpoints
from rscnet.callbacks.curriculum import CurriculumCallback
from rscnet.callbacks.errors import ResolutionErrors
from rscnet.callbacks.nonfinite import NonFiniteGuard
from rscnet.callbacks.randomness import KeyedRandomness
from rscnet.data.degradations import Bicubic
from rscnet.data.plan import BatchKey
from rscnet.data.views import ViewDataset
from rscnet.errors import UserError
from rscnet.geometry.rotations import axis_angle_to_matrix
from rscnet.models.resnet import ResolutionAwareResNet
from rscnet.structures import BodyParameters, Prediction

STAGES = {f"stage{i}": {"views": i + 2, "batch_size": 4, "epochs": 1} for i in range(4)}


def trainer(epoch: int = 0, step: int = 0, **settings: Any) -> Any:
    return SimpleNamespace(
        datamodule=data_module(STAGES), current_epoch=epoch, global_step=step, global_rank=0,
        **{"callbacks": []} | settings,
    )  # fmt: skip


class Encoder(torch.nn.Module):
    """A network that remembers which rows were copied."""

    def __init__(self) -> None:
        super().__init__()
        self.network = SimpleNamespace(encoder=self)
        self.copied: list[tuple[int, int]] = []
        self.known: list[int] = []

    def known_scales(self) -> list[int]:
        return self.known

    def warm_start(self, source: int, target: int) -> None:
        self.copied.append((source, target))


def test_each_stage_starts_one_row_once():
    callback, module = CurriculumCallback(), Encoder()
    for epoch, expected in ((0, [(0, 1)]), (1, [(1, 2)]), (1, []), (2, [(2, 3)]), (3, [(3, 4)]), (3, [])):
        module.copied.clear()
        callback.on_train_epoch_start(trainer(epoch), module)  # type: ignore[arg-type]
        assert module.copied == expected


def test_a_reloaded_run_does_not_overwrite_what_it_learned():
    before, after, module = CurriculumCallback(), CurriculumCallback(), Encoder()
    before.on_train_epoch_start(trainer(1), module)  # type: ignore[arg-type]
    assert module.copied == [(0, 1), (1, 2)]
    after.load_state_dict(before.state_dict())
    after.on_train_epoch_start(trainer(1), module)  # type: ignore[arg-type]
    assert module.copied == [(0, 1), (1, 2)]
    after.on_train_epoch_start(trainer(2), module)  # type: ignore[arg-type]
    assert module.copied[2:] == [(2, 3)]


def test_scales_that_the_start_knows_keep_their_coefficients():
    before, after, module = CurriculumCallback(), CurriculumCallback(), Encoder()
    module.known = [0, 1, 2]
    before.on_train_epoch_start(trainer(1), module)  # type: ignore[arg-type]
    assert module.copied == []
    module.known = [0, 1, 2, 3, 4]  # as all are, once training goes
    after.load_state_dict(before.state_dict())
    after.on_train_epoch_start(trainer(3), module)  # type: ignore[arg-type]
    assert module.copied == [(2, 3), (3, 4)]


def test_an_encoder_that_follows_is_started_too():
    module, follower = Encoder(), Encoder()
    module.teacher = follower.network  # type: ignore[assignment]
    CurriculumCallback().on_train_epoch_start(trainer(0), module)  # type: ignore[arg-type]
    assert module.copied == follower.copied == [(0, 1)]


def test_a_backbone_of_ones_own_need_not_know_its_scales():
    copied: list[tuple[int, int]] = []
    encoder = SimpleNamespace(warm_start=lambda *rows: copied.append(rows))
    CurriculumCallback().on_train_epoch_start(trainer(0), SimpleNamespace(network=SimpleNamespace(encoder=encoder)))  # type: ignore[arg-type]
    assert copied == [(0, 1)]


def test_rows_of_the_real_encoder():
    encoder = ResolutionAwareResNet(depth=18, width=0.125)
    alphas = [p for name, p in encoder.named_parameters() if name.endswith("alphas")]
    assert encoder.known_scales() == []
    with torch.no_grad():
        for alpha in alphas:
            alpha[0] = torch.rand_like(alpha[0])
    assert encoder.known_scales() == [0]
    before = [alpha.detach().clone() for alpha in alphas]
    CurriculumCallback().on_train_epoch_start(trainer(0), SimpleNamespace(network=SimpleNamespace(encoder=encoder)))  # type: ignore[arg-type]
    assert alphas
    for alpha, old in zip(alphas, before, strict=True):
        assert torch.equal(alpha[1], old[0])
        assert torch.equal(alpha[[0, 2, 3, 4]], old[[0, 2, 3, 4]])


def test_the_average_is_started_with_the_network():
    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = torch.nn.Module()
            self.network.encoder = ResolutionAwareResNet(depth=18, width=0.125, own_norm=True)

    module, averaging = Module(), MovingAverage(0.9, share=0.1)
    torch.nn.init.uniform_(module.network.encoder.bn1.running_mean)
    averaging.setup(trainer(), module, "fit")
    CurriculumCallback().on_train_epoch_start(trainer(0, callbacks=[averaging]), module)
    assert len({id(one) for one in (module, *averaging.copies)}) == 3
    for encoder in (one.network.encoder for one in (module, *averaging.copies)):  # type: ignore[union-attr]
        statistics = encoder.bn1.running_mean
        assert torch.equal(statistics[1:], statistics[:1].expand(4, -1)) and encoder.layer1.alphas[1, 0] == 1


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_stops_the_run(tmp_path, value):
    logged = {"train/contrastive": torch.tensor(value), "train/ramp": torch.tensor(1)}
    state = trainer(step=17, callback_metrics=logged, default_root_dir=tmp_path, world_size=1)
    told = rf"the loss is {value} at step 17 of epoch 0 \(not finite: train/contrastive\).* init_from={tmp_path}"
    with pytest.raises(UserError, match=told):
        NonFiniteGuard().on_before_backward(state, None, torch.tensor(value))  # type: ignore[arg-type]
    NonFiniteGuard().on_before_backward(state, None, torch.tensor(1.0))  # type: ignore[arg-type]


def test_a_step_draws_the_same_however_it_was_reached():
    def drawn(seed: int, step: int) -> float:
        KeyedRandomness(seed).on_train_batch_start(trainer(step=step), None, None, 0)  # type: ignore[arg-type]
        return float(torch.rand(()))

    first = drawn(0, 5)
    assert drawn(0, 6) != first
    assert drawn(1, 5) != first
    assert drawn(0, 5) == first


class Recorder(torch.nn.Module):
    device = torch.device("cpu")

    def __init__(self) -> None:
        super().__init__()
        self.body = body()
        self.logged: dict[str, float] = {}

    def log(self, name: str, value: float, **_: Any) -> None:
        self.logged[name] = float(value)


def test_errors_are_those_of_each_size():
    data = ViewDataset(people(), RESOLUTION, Bicubic(), SIZE, 0, sizes=RESOLUTION.eval_sizes)
    batch = data[BatchKey(0, 0, (0, 1, 2), 3)]
    truth = batch.target.parameters
    # right at 64 px; turned as a whole about the pelvis at 32 px; another pose at 16 px
    turned = axis_angle_to_matrix(torch.tensor([0.0, 0.5, 0.0])) @ truth.global_orient
    rolled = truth[[1, 2, 0]]
    predicted = BodyParameters(
        torch.cat([truth.global_orient, turned, rolled.global_orient]),
        torch.cat([truth.body_pose, truth.body_pose, rolled.body_pose]),
        torch.cat([truth.betas, truth.betas, rolled.betas]),
    )
    callback, module = ResolutionErrors(), Recorder()
    callback.on_validation_epoch_start(trainer(), module)  # type: ignore[arg-type]
    callback.on_validation_batch_end(trainer(), module, Prediction(predicted, torch.zeros(9, 1)), batch, 0)  # type: ignore[arg-type]
    callback.on_validation_epoch_end(trainer(), module)  # type: ignore[arg-type]
    errors = callback.errors
    assert list(errors) == [64, 32, 16]
    assert errors[64] == pytest.approx({"mpjpe": 0, "pa_mpjpe": 0, "pve": 0}, abs=0.01)
    assert errors[32]["pa_mpjpe"] == pytest.approx(0, abs=0.01)
    assert errors[32]["mpjpe"] > 50
    assert errors[16]["pa_mpjpe"] > 20
    assert module.logged["val/pve/32px"] == errors[32]["pve"]
    assert module.logged["val/pa_mpjpe"] == pytest.approx(sum(row["pa_mpjpe"] for row in errors.values()) / 3)


def test_a_module_that_predicts_no_bodies_has_no_errors():
    callback, module = ResolutionErrors(), Recorder()
    callback.on_test_epoch_start(trainer(), module)  # type: ignore[arg-type]
    callback.on_test_batch_end(trainer(), module, None, None, 0)  # type: ignore[arg-type]
    callback.on_test_epoch_end(trainer(), module)  # type: ignore[arg-type]
    assert (callback.errors, module.logged) == ({}, {})


class Saver(SimpleNamespace):
    """A trainer that writes its step."""

    is_global_zero = True
    world_size = 1

    def save_checkpoint(self, path) -> None:
        path.write_text(str(self.global_step))


def test_two_checkpoints_are_kept_and_an_epoch_s_last_batch_waits_for_its_end(tmp_path):
    callback = RunCheckpoints(tmp_path, {}, every_n_steps=2)
    state: Any = Saver(global_step=0, num_training_batches=4)
    written = []
    for batch in range(4):
        state.global_step += 1
        callback.on_train_batch_end(state, None, None, None, batch)  # type: ignore[arg-type]
        written.append({path.name: path.read_text() for path in tmp_path.iterdir()})
    assert written == [{}, {"last.ckpt": "2"}, {"last.ckpt": "2"}, {"last.ckpt": "2"}]
    callback.on_train_epoch_end(state, None)  # type: ignore[arg-type]
    callback.on_train_end(state, None)  # type: ignore[arg-type]
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"last.ckpt": "4", "previous.ckpt": "2"}


def test_only_a_better_validation_of_training_is_kept(tmp_path, capsys):
    callback = RunCheckpoints(tmp_path, {}, monitor="val/total")
    best = tmp_path / "best.ckpt"

    def validated(step: int, value: float | None, kind: str = "fit") -> str | None:
        metrics = {} if value is None else {"val/total": torch.tensor(value)}
        state: Any = Saver(global_step=step, callback_metrics=metrics, state=SimpleNamespace(fn=kind))
        callback.on_validation_end(state, None)  # type: ignore[arg-type]
        return best.read_text() if best.exists() else None

    assert validated(0, None, "validate") is None and not capsys.readouterr().out
    assert validated(0, None) is None
    assert "monitor: val/total is not among what is logged (nothing): no best.ckpt" in capsys.readouterr().out
    assert validated(0, None) is None and not capsys.readouterr().out  # told once
    assert validated(1, 5.0) == "1"
    assert validated(2, 6.0) == "1"
    assert validated(3, 1.0, "validate") == "1"
    assert validated(4, 4.0) == "4"
    assert validated(5, math.nan) == "4"
    assert validated(6, -math.inf) == "4"
    reloaded = RunCheckpoints(tmp_path, {})
    reloaded.load_state_dict(callback.state_dict())
    assert reloaded.best == 4.0
