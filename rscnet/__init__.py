"""rscnet: 3D human pose, shape and texture from low-resolution images and videos.

Importing the package is cheap: torch is loaded only when a name below is first used.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("rscnet")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0.0.0"


def __getattr__(name: str) -> object:
    if name == "Predictor":
        from rscnet.predictor import Predictor

        return Predictor
    if name == "UserError":
        from rscnet.errors import UserError

        return UserError
    raise AttributeError(f"module 'rscnet' has no attribute '{name}'")
