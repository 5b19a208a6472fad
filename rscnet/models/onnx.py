"""Networks as ONNX, checked by onnxruntime against torch."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import warnings
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rscnet import __version__
from rscnet.console import say
from rscnet.errors import UserError
from rscnet.models.rscnet import RSCNet
from rscnet.structures import BodyParameters, Prediction

INPUTS, OUTPUTS = ("views", "scale_index"), ("rotations", "betas", "camera", "feature")
NEEDED = ("onnx", "onnxscript", "onnxruntime")


class BodyOutputs(nn.Module):
    """A network's body parameters and pooled feature as plain tensors.

    Args:
        network: in evaluation mode.
    """

    def __init__(self, network: RSCNet) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, views: Float[Tensor, "n 3 s s"], scale_index: Int[Tensor, "n"]
    ) -> tuple[Float[Tensor, "n 24 3 3"], Float[Tensor, "n 10"], Float[Tensor, "n 3"], Float[Tensor, "n c"]]:
        """Rotations (root first, in the camera frame), betas, weak-perspective camera and pooled feature."""
        prediction = self.network(views, scale_index)
        parameters = prediction.parameters
        assert parameters.camera is not None
        return parameters.rotations, parameters.betas, parameters.camera, prediction.feature


class OnnxNetwork(nn.Module):
    """A network run by onnxruntime, on the CPU and without gradients.

    Args:
        path: what `export_onnx` wrote.
        threads: that it may use.

    Raises:
        UserError: onnxruntime is missing.
    """

    def __init__(self, path: Path, threads: int) -> None:
        super().__init__()
        _require(path, ("onnxruntime",))
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def forward(self, views: Float[Tensor, "n 3 s s"], scale_index: Int[Tensor, "n"]) -> Prediction:
        """What the exported network says."""
        inputs = {"views": views.contiguous().numpy(), "scale_index": scale_index.numpy()}
        rotations, betas, camera, feature = (torch.from_numpy(out) for out in self._session.run(list(OUTPUTS), inputs))
        return Prediction(BodyParameters.from_rotations(rotations, betas, camera), feature)


def onnx_network(
    network: RSCNet, image_size: int, scales: int, folder: Path, config: Mapping[str, Any] | None = None
) -> OnnxNetwork:
    """A network through onnxruntime; its file is made when it is first asked for, and found in `folder` afterwards.

    Args:
        network, image_size, scales: see `export_onnx`.
        folder: of the files.
        config: what the network was built from, since not all of it shows in its weights.

    Raises:
        UserError: see `export_onnx`; a folder that cannot be written.
    """
    made_by = json.dumps([image_size, scales, torch.__version__, __version__, OUTPUTS, config], sort_keys=True)
    digest = blake2b(made_by.encode(), digest_size=16)
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode() + value.cpu().numpy().tobytes())
    path = folder / f"{digest.hexdigest()}.onnx"
    if not path.is_file():
        partial = path.with_suffix(f".{os.getpid()}.onnx")
        say(f"onnx: the network is translated once, which may take a minute or two, and kept in {folder}")
        try:
            export_onnx(network, image_size, scales, partial)
            os.replace(partial, path)
        except OSError as error:
            raise UserError(f"paths.cache: cannot write into {folder}: {error.strerror or error}") from None
    return OnnxNetwork(path, torch.get_num_threads())


def export_onnx(network: RSCNet, image_size: int, scales: int, path: Path, tolerance: float = 1e-3) -> float:
    """Writes `path` for any number of views and compares it with torch on views of all scales.

    Args:
        network: in evaluation mode, on the CPU.
        image_size: side of the views in pixels.
        scales: number of resolution ranges.
        path: the .onnx file.
        tolerance: greatest difference of any output that is accepted.

    Returns:
        The greatest difference found.

    Raises:
        UserError: packages that are missing, or outputs that differ; the file is then removed.
    """
    _require(path, NEEDED)
    module = BodyOutputs(network).eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    batch = torch.export.Dim("batch")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it tells of operators that torchvision would bring
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own use of torch
        torch.onnx.export(
            module,
            _example(image_size, 2, scales),
            str(path),
            input_names=list(INPUTS),
            output_names=list(OUTPUTS),
            dynamic_shapes={name: {0: batch} for name in INPUTS},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    difference = _difference(module, path, _example(image_size, scales + 2, scales))
    if not difference <= tolerance:
        path.unlink()
        raise UserError(f"{path}: onnxruntime and torch differ by {difference:.1e}, more than {tolerance:.0e}")
    return difference


def _require(path: Path, packages: Sequence[str]) -> None:
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"{path}: ONNX needs {', '.join(missing)}: pip install 'rscnet[export]'")


def _example(image_size: int, count: int, scales: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(count)
    return torch.randn(count, 3, image_size, image_size, generator=generator), torch.arange(count) % scales


@torch.no_grad()
def _difference(module: BodyOutputs, path: Path, inputs: tuple[Tensor, Tensor]) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = session.run(list(OUTPUTS), {name: value.numpy() for name, value in zip(INPUTS, inputs, strict=True)})
    expected = module(*inputs)
    return max(float(np.abs(a - b.numpy()).max()) for a, b in zip(found, expected, strict=True))
