"""The entrypoint: every mistake is one clear line on stderr and exit code 1."""

import pytest

from rscnet.config.build import build, check_targets
from rscnet.config.compose import CONFIG_DIR, compose, experiments
from rscnet.config.preflight import preflight
from rscnet.errors import UserError
from rscnet.run import main

PRESETS = ["cpu", "cpu64", "gpu", "paper", "smoke"]
RSC = ["experiment=rsc_full", "preset=smoke"]


def test_every_preset_is_tried():
    assert sorted(path.stem for path in (CONFIG_DIR / "preset").glob("*.yaml")) == PRESETS


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("experiment", experiments())
def test_every_experiment_composes_in_every_preset(experiment, preset):
    config = compose([f"experiment={experiment}", f"preset={preset}"])
    preflight(config)
    assert (config.name, config.preset) == (experiment, preset)
    assert config.resolution.ranges[0] == (config.image_size, config.image_size)


@pytest.mark.parametrize("experiment", [name for name in experiments() if name != "paper"])  # which needs files
def test_every_experiment_can_run_in_seconds(experiment):
    main([f"experiment={experiment}", "preset=smoke", "task=check"])


def errors_of(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 1
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["sed=3"], ["sed: unknown key", "'seed'"]),
        (["optimizer.lrr=3"], ["optimizer.lrr: unknown key", "'lr'"]),
        (
            ["data=spin", "data.train.company=0.4"],
            ["data.train.company: unknown key of this choice; the defaults have it"],
        ),
        (["data.train.clutter=null"], ["data.train.clutter: expected float, got None"]),
        (["data.train.clutter=2"], ["synthetic people: clutter is a share of the pictures, expected 0 to 1, got 2"]),
        (["data.train.pose_noise=-1"], ["synthetic people: pose_noise: expected 0 or more, got -1"]),
        (["+sead=3"], ["sead: unknown key", "'seed'"]),
        (["+optimizer.lrr=3"], ["optimizer.lrr: torch.optim.Adam has no such argument", "'lr'"]),
        (["+model.network.encoder.widht=1"], ["model.network.encoder.widht: ", "no such argument", "'width'"]),
        (["loss.total_scale=much"], ["loss.total_scale: expected float, got 'much'"]),
        (["loss.supervised.weights.pose=x"], ["loss.supervised.weights.pose: expected float or null, got 'x'"]),
        (["loss.supervised.terms.pose=3"], ["loss.supervised.terms.pose: expected Module, got 3"]),
        (["loss.consistency=5"], ["loss.consistency: expected ScaleConsistency or null, got 5"]),
        (["loss.scale_weights=rank"], ["loss.scale_weights: expected one of 'index', 'uniform', got 'rank'"]),
        (["model.network.regressor.iterations=2.5"], ["model.network.regressor.iterations: expected int, got 2.5"]),
        (["callbacks.nonfinite.action=halt"], ["callbacks.nonfinite.action: expected one of 'stop', 'skip'"]),
        (["schedule.mode=cosin"], ["schedule.mode: ", "'constant' or 'cosine'", "got 'cosin'"]),
        (["foo"], ["foo: expected key=value"]),
        (["resolution.eval=[52"], ["resolution.eval=[52: expected key=value, brackets in pairs"]),
        (["preset=64"], ["preset=64: expected key=<name of a choice>"]),
        (["optimizer.lr=nan"], ["optimizer.lr: expected float or Tensor, got nan"]),
        (["image_size=big"], ["image_size: ", "integer", "got 'big'"]),
        (["hydra/launcher=joblb"], ["hydra/launcher=joblb: there is no", "did you mean 'joblib'?"]),
        (["resolution=papr"], ["resolution=papr: there is no conf/resolution/papr.yaml", "'paper'"]),
        (["experiment=rsc_ful"], ["experiment=rsc_ful: there is no", "'rsc_full'"]),
        (["resolution.eval=[32,64]"], ["resolution.eval: ", "from high to low", "[64, 32]"]),
        (["image_size=48"], ["resolution.ranges: full resolution is 64 px", "image_size=48"]),
        (["+trainer.limit_train_batches=1"], ["trainer.limit_train_batches: a run goes to the end of its plan"]),
        (["+trainer.limit_train_batches=0"], ["trainer.limit_train_batches: a run goes to the end of its plan"]),
        (["+trainer.limit_test_batches=1"], ["trainer.limit_test_batches: a run goes to the end of its plan"]),
        (["+trainer.max_steps=3"], ["trainer.max_steps: a run goes to the end of its plan"]),
        (["+trainer.accumulate_grad_batches=2"], ["trainer.accumulate_grad_batches: each batch of the plan is a step"]),
        (["trainer.log_every_n_steps=0"], ["trainer.log_every_n_steps: expected a whole number from 1, got 0"]),
        (
            ["keypoint_head={_target_: rscnet.models.dense.DenseHead, _partial_: true, channels: 8, parts: 3}"],
            ["keypoint_head.parts: nothing teaches parts without keypoint_loss"],
        ),
        (["trainer.accelerator=foo"], ["trainer.accelerator: expected one of auto, cpu, gpu", "got 'foo'"]),
        (["trainer.devices=0"], ["trainer.devices: expected a number from 1"]),
        (["model.network.projector=null"], ["model.network.projector: the contrastive loss compares its features"]),
        (["data.train=null"], ["data.train: expected Source, got null"]),
        (["degradation=null"], ["degradation=null: expected key=<name of a choice>"]),
        (["paths.smpl=/data/SMPL (v1.1), é", "image_size=big"], ["image_size: "]),
        (["init_from=/data/run=1/last.ckpt", "image_size=big"], ["image_size: "]),
        (["resolution.eval=[0]"], ["resolution.eval: ", "got [0]"]),
        (
            ["loss.supervised.terms.pose._target_=rscnet.losses.supervised.Pos"],
            ["loss.supervised.terms.pose._target_: cannot import", "supervised has no 'Pos', did you mean 'Pose'?"],
        ),
        (["trainer.sync_batchnorm=true"], ["trainer.sync_batchnorm: works on GPUs only"]),
        (
            ["trainer.sync_batchnorm=true", "trainer.accelerator=gpu", "encoder.own_norm=true"],
            ["trainer.sync_batchnorm: normalises all scales together; add encoder.own_norm=false"],
        ),
        (
            ["task=check", "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=4"],
            ["trainer.devices: stage 2 has batches of 3 samples", "too few for 4 processes"],
        ),
        (["curriculum.stages.stage3.views=6"], ["curriculum.stages.stage3.views: 6 views", "has 5"]),
        (["curriculum.stages.stage3.shown=abc"], ["curriculum.stages.stage3.shown: ", "integer", "got 'abc'"]),
        (["curriculum.stages.stage3.views=null"], ["curriculum.stages.stage3.views: ", "integer", "got None"]),
        (["curriculum.stages=5"], ["curriculum.stages: "]),
        (["curriculum.stages.stage3=5"], ["curriculum.stages.stage3: ", "got 5"]),
        (["model.sequential=true", "curriculum.stages.stage3.shown=2"], ["model.sequential: ", "leave one of the two"]),
        (["curriculum=single"], ["loss: consistency and contrastive compare views", "set both losses to null"]),
        (["optimizer._target_=os.system"], ["optimizer._target_: 'os.system' is not allowed"]),
        (["optimizer._target_=torch.optim.Adams"], ["optimizer._target_: cannot import 'torch.optim.Adams'"]),
        (["task=predict", "input=nowhere.jpg"], ["input: no such file or folder: nowhere.jpg"]),
        (["task=evaluate"], ["checkpoint: task=evaluate needs checkpoint="]),
        (["task=evaluate", "checkpoint=nothing"], ["checkpoint: 'nothing' is no file, no run folder"]),
        (["task=check", "model=external", "external.callable=json:dumps"], ["model: another program's model can only"]),
        (["input=" + ",".join(["outputs/rsc_full/base/0123456789/seed0"] * 200), "image_size=big"], ["image_size: "]),
        (["experiment=none"], ["experiment: task=train needs one of contrastive_pretrain"]),
    ],
)
def test_a_mistake_is_one_clear_line(capsys, tmp_path, words, parts):
    (line,) = errors_of(capsys, *RSC, f"paths.output={tmp_path}", *words)
    assert line.startswith("error: " + parts[0])
    for part in parts:
        assert part in line


def test_several_mistakes_are_told_at_once(capsys):
    lines = errors_of(capsys, *RSC, "seed=-1", "schedule.warmup=2", "+optimizer.lrr=1", "prediction.turntable=-3")
    assert [line.split(":")[1] for line in lines] == [" seed", " schedule.warmup", " prediction.turntable"]
    lines = errors_of(capsys, *RSC, "+optimizer.lrr=1", "+model.network.regressor.iterrations=1")
    assert len(lines) == 2
    assert "'iterations'" in "".join(lines)


@pytest.mark.parametrize(
    ("words", "code"), [([], 0), (["--help"], 0), (["preset=smoke"], 1)], ids=["nothing", "help", "no experiment"]
)
def test_without_an_experiment_they_are_listed(capsys, words, code):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == code
    text = capsys.readouterr().out
    assert "usage: python -m rscnet.run" in text
    for name, explanation in experiments().items():
        assert f"  {name} " in text
        assert explanation in text
        assert explanation


def test_the_composed_tree_can_be_printed(capsys):
    import yaml

    main(["--cfg", *RSC, "seed=3"])
    tree = yaml.safe_load(capsys.readouterr().out)
    assert (tree["seed"], tree["data"]["seed"], tree["data"]["image_size"]) == (3, 3, 64)


def test_only_known_packages_are_called():
    with pytest.raises(UserError, match=r"a\.b\[1\]\._target_: 'builtins\.eval' is not allowed"):
        check_targets({"a": {"b": [{}, {"_target_": "builtins.eval"}]}})
    with pytest.raises(UserError, match="is not allowed"):
        build({"_target_": "rscnet.resolution.ResolutionSet", "ranges": {"_target_": "os.getcwd"}, "eval": [2]})
    for through in (
        "rscnet.tasks.train.shutil.rmtree", "rscnet.records.os.getcwd", "torch.nn.functional.math.sqrt",
        "rscnet.records.write_text", "rscnet.learning.external.load_function", "rscnet.tasks.train.run",
        "rscnet.config.build._call",
    ):  # fmt: skip
        with pytest.raises(UserError, match="is not allowed"):
            check_targets({"_target_": through})


def test_a_constructor_that_fails_is_named():
    with pytest.raises(UserError, match=r"^optimizer: cannot be built: '<=' not supported"):
        build({"_target_": "torch.optim.Adam", "params": [], "lr": "fast"}, "optimizer")
    with pytest.raises(UserError, match=r"^resolution: .*at least one entry"):  # its own words, not wrapped
        build({"_target_": "rscnet.resolution.ResolutionSet", "ranges": [], "eval": [2]}, "resolution")
