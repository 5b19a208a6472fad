"""From raw downloads to trained weights, measurements and predictions, all by the command line."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import raw_sets

from rscnet.run import main
from scripts import (
    pack_images,
    prepare_3dpw,
    prepare_coco,
    prepare_h36m,
    prepare_hr_lspet,
    prepare_lsp,
    prepare_mpi_inf_3dhp,
    prepare_mpii,
)  # fmt: skip

TWO_STEPS = [
    "curriculum.batch_scale=1", "curriculum.stages.stage0.batch_size=5", "curriculum.stages.stage0.epochs=1",
    "data.train.length=10",
]  # fmt: skip


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for `paths.data` with every set of the paper's mixture, made from tiny raw downloads."""
    for library in ("h5py", "cdflib"):
        pytest.importorskip(library)
    raw, out = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("data")
    made = {
        prepare_coco: raw_sets.write_coco(raw / "coco"),
        prepare_mpii: raw_sets.write_mpii(raw / "mpii"),
        prepare_lsp: raw_sets.write_lsp(raw / "lsp"),
        prepare_hr_lspet: raw_sets.write_lspet(raw / "lspet"),
        prepare_3dpw: raw_sets.write_3dpw(raw / "3dpw"),
        prepare_mpi_inf_3dhp: raw_sets.write_mpi_train(raw / "mpi"),
        prepare_h36m: raw_sets.write_h36m(raw / "h36m"),
    }
    for script, folder in made.items():
        script.main([str(folder), "--out", str(out)])
    pack_images.main([str(out), "mpii_train", "--size", "64"])
    shutil.rmtree(raw / "mpii" / "images")  # the pack is enough
    return out


def test_the_mixture_of_prepared_sets_trains_and_is_measured_and_predicts(prepared: Path, tmp_path: Path) -> None:
    words = ["preset=smoke", "data=spin_mix", f"paths.data={prepared}", "evaluation.panel_samples=1"]
    main(["experiment=hr_baseline", f"paths.output={tmp_path}", "legacy=official", *words, *TWO_STEPS])
    (run,) = {path.parent for path in tmp_path.glob("*/*/*/seed*/result.json")}
    codec = ["degradation=video_codec"]
    main(["task=evaluate", f"checkpoint={run}", f"output={tmp_path / 'measured'}", *words, *codec])
    assert (tmp_path / "measured" / "result.json").is_file()
    picture = prepared / "coco_2014_train" / "train2014" / "COCO_train2014_000000000001.jpg"
    main(["task=predict", "preset=smoke", f"checkpoint={run}", f"input={picture}", f"output={tmp_path / 'predicted'}"])
    (parameters,) = (tmp_path / "predicted").rglob("parameters.npz")
    with np.load(parameters) as found:
        assert np.isfinite(found["vertices"]).all()


@pytest.mark.parametrize("data", ["coco", "hr_lspet"])
def test_one_prepared_set_is_checked_by_name(prepared: Path, tmp_path: Path, data: str) -> None:
    words = ["task=check", "experiment=hr_baseline", "preset=smoke", f"data={data}"]
    words += ["curriculum.stages.stage0.batch_size=4"]
    main([*words, f"paths.data={prepared}", f"paths.output={tmp_path}"])
    with pytest.raises(SystemExit, match="1"):
        main([*words, f"paths.data={tmp_path}", f"paths.output={tmp_path}"])
