"""Texture networks through the entrypoint: train, evaluate, predict, and people in Market-1501's layout."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import trimesh
from PIL import Image
from small_runs import run
from tiny_checkpoint import write_checkpoint

from rscnet.body.model import BodyModel
from rscnet.data.synthetic.generator import PersonGenerator
from rscnet.data.textured import TextureDataModule
from rscnet.run import main
from rscnet.trained import load_texture

FEW = ["texglo.judges.reid_unseen=null", "trainer.log_every_n_steps=1"]
ONE_EPOCH = "curriculum.stages.stage0.epochs=1"
TEXTURED = {"texture.png", "mesh.obj", "mesh.mtl", "mesh.glb", "turntable.png"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("texglo")
    return run(output, "experiment=texglo", "curriculum.stages.stage0.epochs=2", "loss.weights.part_style=1", *FEW)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small pictures of one embedded person, named as Market-1501 names them, and one of another."""
    folder = tmp_path_factory.mktemp("crops") / "bounding_box_train"
    folder.mkdir()
    generator = PersonGenerator(BodyModel.embedded(), 64, 0, "test")
    for person, names in ((0, ("0002_c1s1_000451_03", "0002_c2s1_000301_01")), (1, ("0007_c1s1_000551_01",))):
        for image, name in zip(generator.views(person, 2).images, names, strict=False):
            Image.fromarray(image[:, 16:48]).save(folder / f"{name}.png")
    return folder


def result(folder: Path) -> dict:
    return json.loads((folder / "result.json").read_text())


def failure(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        main(["preset=smoke", *words])
    assert caught.value.code == 1
    return capsys.readouterr().err.splitlines()


def test_training_writes_losses_a_table_beside_baselines_and_a_grid(trained):
    logged = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    names = {name for row in logged for name in row}
    assert {"train/l2", "train/cross_view/perceptual", "train/part_style", "train/prior", "val/hidden"} <= names
    found = result(trained)
    assert set(found["by_size"]) == {"64", "32", "16"} and found["steps"] == 4
    assert found["cost"]["pictures"] >= found["steps"] and found["cost"]["images_per_second"] > 0
    assert set(found["rivals"]) == {"mean_texture", "unprojection", "unlit"}
    for table in (found["by_size"], *found["rivals"].values()):
        for row in table.values():
            assert set(row) == {
                "uv_visible", "uv_hidden", "uv_all", "ssim", "ssim_novel", "reid", "reid_novel"
            }  # fmt: skip
            assert all(np.isfinite(value) for value in row.values())
    assert found["rivals"]["unprojection"]["64"]["ssim"] > found["rivals"]["mean_texture"]["64"]["ssim"]
    with Image.open(trained / "textures.png") as grid:
        assert grid.size[0] > 7 * 96


@pytest.mark.parametrize("task", ["train", "check"])
@pytest.mark.parametrize(
    "word",
    [
        "texglo.judges.reid_unseen={_target_: rscnet.trained.feature_network, name: gone}",
        "+evaluation.rivals.other=gone",
    ],
    ids=["judge", "rival"],
)
def test_what_measures_a_texture_network_is_looked_for_before_training(tmp_path, capsys, task, word):
    paths = [f"paths.output={tmp_path / 'out'}", f"paths.cache={tmp_path / 'cache'}"]
    (line,) = failure(capsys, "experiment=texglo", f"task={task}", word, *paths)
    assert line.startswith("error: ") and "gone" in line
    assert not (tmp_path / "cache").exists()


def test_evaluation_gives_the_same_figures_and_takes_other_networks_as_rivals(trained, tmp_path, monkeypatch):
    def prepare(data, *names):  # as after a training on two devices: everybody is measured all the same
        data.trainer = SimpleNamespace(global_rank=1, world_size=2, default_root_dir=str(tmp_path))

    monkeypatch.setattr(TextureDataModule, "prepare", prepare)
    words = ["preset=smoke", "experiment=texglo", "task=evaluate", f"checkpoint={trained}", f"output={tmp_path}", *FEW]
    main([*words, "resolution.eval=[64,32]", f"+evaluation.rivals.unet={trained}", "evaluation.panel_samples=0"])
    assert list(result(tmp_path)["by_size"]) == ["64", "32"]
    assert set(result(tmp_path)["rivals"]) == {"mean_texture", "unprojection", "unlit", "unet"}
    for size, row in result(tmp_path)["by_size"].items():
        assert row == pytest.approx(result(trained)["by_size"][size], rel=1e-4)
        assert row == pytest.approx(result(tmp_path)["rivals"]["unet"][size])


def test_the_papers_losses_and_per_vertex_lookup_train(tmp_path):
    words = ["loss=texture_paper", "model.per_vertex=true", "loss.cross_view=1", "data.background=others"]
    folder = run(tmp_path, "experiment=texglo", *words, ONE_EPOCH, *FEW)
    names = {name for line in (folder / "metrics.jsonl").read_text().splitlines() for name in json.loads(line)}
    assert {"train/perceptual", "train/prior"} <= names and "train/l2" not in names


def test_a_picture_becomes_a_textured_mesh(trained, checkpoint, crops, tmp_path):
    words = ["task=predict", "preset=smoke", "prediction.picture_size=48", f"checkpoint={checkpoint}"]
    main([*words, f"texture={trained}", f"input={crops}", f"output={tmp_path}", "prediction.one_person=true"])
    folder = tmp_path / "0002_c1s1_000451_03" / "person_0"
    assert {path.name for path in folder.iterdir()} >= TEXTURED
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert {Path(file).name for file in summary["fused"]} == TEXTURED
    with Image.open(folder / "texture.png") as picture:
        texture = np.asarray(picture)
    assert texture.shape == (32, 32, 3)
    for name in ("mesh.glb", "mesh.obj"):
        mesh = trimesh.load(folder / name, force="mesh")
        material = mesh.visual.material
        image = getattr(material, "baseColorTexture", None) or material.image
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), texture)
    fused = np.asarray(Image.open(tmp_path / "fused" / "texture.png"))
    assert not np.array_equal(fused, texture)


def test_a_texture_for_another_body_is_one_line(trained, checkpoint, crops, tmp_path, capsys, monkeypatch):
    words = ["task=predict", f"checkpoint={checkpoint}", f"texture={trained}", f"input={crops}", f"output={tmp_path}"]
    monkeypatch.setattr("rscnet.texturing.Texturer.fits", lambda self, body: False)
    (line,) = failure(capsys, *words)
    assert line.startswith("error: texture: ") and "another body" in line


def test_market_layout_trains_and_evaluates_on_predicted_bodies(checkpoint, crops, tmp_path, capsys):
    market, results = crops.parent, tmp_path / "results"
    predict = ["task=predict", "preset=smoke", "prediction.picture_size=48", "texture=none"]
    main([*predict, f"checkpoint={checkpoint}", f"input={crops}", f"output={results / 'bounding_box_train'}"])
    for name in ("query", "bounding_box_test"):  # the same people stand for the test split
        (market / name).exists() or (market / name).symlink_to(crops, target_is_directory=True)
        (results / name).symlink_to(results / "bounding_box_train", target_is_directory=True)
    words = ["experiment=texglo", "data=market1501", f"paths.market1501={market}", f"paths.results={results}"]
    words += [ONE_EPOCH, "curriculum.stages.stage0.batch_size=2", FEW[0]]
    main(["preset=smoke", *words, f"paths.output={tmp_path / 'runs'}"])
    (folder,) = {path.parent for path in (tmp_path / "runs").glob("*/*/*/seed*/result.json")}
    assert set(result(folder)["by_size"]["64"]) == {"ssim", "ssim_novel", "reid", "reid_novel"}

    broken = crops / "0009_c1s1_000551_01.png"
    broken.write_bytes(b"no picture")
    try:
        lines = failure(capsys, *words, f"paths.output={tmp_path / 'strict'}")
        assert "0009_c1s1_000551_01.png: damaged" in lines[0] and "data.skip_bad=true" in lines[1]
        main(["preset=smoke", "task=evaluate", f"checkpoint={folder}", *words, "data.skip_bad=true",
              f"output={tmp_path / 'skipping'}"])  # fmt: skip
        assert "pictures skipped" in capsys.readouterr().out
    finally:
        broken.unlink()
    assert load_texture(str(folder)).network.uv_size == 32
