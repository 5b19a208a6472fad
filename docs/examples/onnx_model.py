"""Another program's model under rscnet's evaluation: here our own network, run by onnxruntime without torch or rscnet.

python scripts/export_checkpoint.py rsc_small rsc_small.onnx
python -m rscnet.run task=evaluate model=external external.callable=docs.examples.onnx_model:predict
"""

import numpy as np
import onnxruntime
import torch

SESSION = onnxruntime.InferenceSession("rsc_small.onnx", providers=["CPUExecutionProvider"])
MEAN, STD = (torch.tensor(value)[:, None, None] for value in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
LOWER_BOUNDS = torch.tensor([112, 64, 40, 24, 16])  # of the resolution ranges that the network was trained with


def predict(images: torch.Tensor, sizes: torch.Tensor) -> dict[str, np.ndarray]:
    """SMPL parameters of `images` (n, 3, 112, 112), RGB from 0 to 1, whose people are `sizes` pixels tall and wide."""
    views = (images.cpu() - MEAN) / STD
    scale_index = (sizes.cpu()[:, None] < LOWER_BOUNDS).sum(1).clamp(max=len(LOWER_BOUNDS) - 1)
    inputs = {"views": views.numpy(), "scale_index": scale_index.numpy()}
    rotations, betas = SESSION.run(["rotations", "betas"], inputs)
    return {"global_orient": rotations[:, :1], "body_pose": rotations[:, 1:], "betas": betas}
