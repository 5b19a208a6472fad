"""The published recipe, checked before it runs: what is missing and how to get it, and what it would do."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from licensed_smpl import write_smpl
from spin_sets import write_set
from tiny_checkpoint import write_checkpoint

from rscnet.body.assets import load_embedded
from rscnet.models.official import export_official
from rscnet.run import main
from rscnet.trained import load_trained

CHECK = ["experiment=paper", "task=check"]
SETS = {
    "h36m_train_protocol1": 96, "lsp_dataset_original_train": 4, "mpii_train": 8, "hr-lspet_train": 4,
    "coco_2014_train": 8, "mpi_inf_3dhp_train": 6, "3dpw_test": 5,
}  # fmt: skip
TINY = ["encoder.depth=18", "encoder.width=0.125", "trainer.accelerator=cpu", "threads=1"]


def test_a_machine_without_files_is_told_of_each(capsys):
    with pytest.raises(SystemExit) as caught:
        main(CHECK)
    assert caught.value.code == 1
    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith("error: ") for line in lines) and len(lines) == len(set(lines))
    for name in ("_neutral_", "_m_", "_f_"):
        assert (
            sum(f"missing basicmodel{name}lbs" in line and "https://smpl.is.tue.mpg.de" in line for line in lines) == 1
        )
    for name in ("J_regressor_h36m.npy", "J_regressor_extra.npy", "smpl_mean_params.npz"):
        assert sum(f"missing {name}; get SPIN's" in line and "put the file there" in line for line in lines) == 1
    assert sum("model_checkpoint.pt: missing; get SPIN's weights from http" in line for line in lines) == 1
    for name in SETS:
        (line,) = (line for line in lines if f"<paths.data>/{name}.npz" in line)
        script = re.search(r"from http\S+ .*python (scripts/prepare_\w+\.py) <raw> .*--out <paths.data>", line)
        script = script or re.search(r"from http\S+, then: python (scripts/prepare_\w+\.py) <raw> --out", line)
        assert script and Path(__file__).parents[2].joinpath(script[1]).is_file()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Paths to tiny files in all the formats that the recipe reads."""
    data, smpl = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("smpl")
    for name, count in SETS.items():
        write_set(data, name, count, **({"has_smpl": np.arange(count) % 2} if name == "mpii_train" else {}))
    assets = load_embedded()
    write_smpl(smpl, assets, uv=False)
    names = ("v_template", "f", "weights", "shapedirs", "posedirs", "J_regressor", "kintree_table")
    for gender in ("MALE", "FEMALE"):
        np.savez(smpl / f"SMPL_{gender}.npz", **{name: getattr(assets, name) for name in names})
    start = write_checkpoint(data, "paper", "body=embedded", "data=synthetic", "init_from=none")
    state = export_official(load_trained(str(start)).network)
    spin = {name.replace(".hmr_layer", ""): value for name, value in state.items() if not re.search("alphas|mlp", name)}
    torch.save({"model": spin}, data / "model_checkpoint.pt")
    return [f"paths.data={data}", f"paths.smpl={smpl}"]


def test_with_all_files_the_schedule_is_shown(files, tmp_path, capsys):
    main([*CHECK, *files, *TINY, f"paths.output={tmp_path}"])
    out = capsys.readouterr().out
    assert "start: model_checkpoint.pt, spin layout" in out and "kept: encoder.layer1.alphas" in out
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if line.startswith("│")]
    sets = {row[1]: (row[0], *row[2:]) for row in rows if len(row) == 6}
    assert sets["h36m_train_protocol1"] == ("train", "96", "96", "96", "30.0 %")
    assert sets["mpii_train"] == ("train", "8", "4", "8", "20.0 %")
    assert sets["mpi_inf_3dhp_train"][-1] == "10.0 %"
    assert sets["3dpw_test"] == ("test", "5", "5", "5", "")
    assert "96 training samples, 24 steps" in out
    # stage, sizes that join, batch, pictures a step, steps, passes, ramp: section 4 of the reference document
    assert [row for row in rows if len(row) == 7] == [
        ["0", "224 + 128..223", "24", "48", "2", "0.500", "0.100"],
        ["1", "... + 64..127", "12", "36", "4", "0.500", "0.300"],
        ["2", "... + 40..63", "8", "32", "6", "0.500", "0.600"],
        ["3", "... + 24..39", "8", "40", "12", "1.000", "1.000"],
    ]
    pictures = 2 * 48 + 4 * 36 + 6 * 32 + 12 * 40
    assert re.search(rf"estimate: \S+ GPU hours, \S+ GiB of GPU memory \({pictures:,} pictures x ", out)
    assert "everything is in place" in out
    assert not list(tmp_path.iterdir())


def test_one_missing_file_is_the_one_that_is_told(files, capsys):
    data = Path(files[0].removeprefix("paths.data="))
    (data / "model_checkpoint.pt").rename(data / "elsewhere.pt")
    try:
        with pytest.raises(SystemExit):
            main([*CHECK, *files, *TINY])
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: init_from: {data / 'model_checkpoint.pt'}: missing; get SPIN's weights")
    finally:
        (data / "elsewhere.pt").rename(data / "model_checkpoint.pt")
