"""Files of exported networks; what they compute is compared with torch in tests/test_predictor.py."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rscnet.models import onnx


def test_networks_of_equal_weights_that_were_built_otherwise_have_files_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx, "export_onnx", lambda network, image_size, scales, path: path.write_text("graph"))
    monkeypatch.setattr(onnx, "OnnxNetwork", lambda path, threads: path)
    network: Any = SimpleNamespace(state_dict=dict)
    first, again, other = (onnx.onnx_network(network, 64, 3, tmp_path, {"relu": relu}) for relu in (True, True, False))
    assert first == again != other
    assert {Path(str(first)), Path(str(other))} == set(tmp_path.iterdir())
