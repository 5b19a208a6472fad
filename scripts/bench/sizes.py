"""How large the benchmark is: the published sizes, or tiny ones that only prove that it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """What is measured.

    Attributes:
        image: side of the network's input in pixels.
        view_sizes: size of each view of a person in pixels, from high to low resolution.
        width: factor on the channels of the ResNet-50.
        batch: people in a training step.
        queue, negatives: entries of the feature queue, and how many of them are drawn.
        frames: of the evaluation.
        pictures: of the data set that is loaded.
        rounds: repetitions of quick parts.
        least: seconds that one measurement of a quick part takes at least.
        step_rounds: repetitions of a whole training step and of the contrastive term, which take seconds each.
        product: side of the matrices whose product is the machine's peak.
        curve_batch, curve_image, curve_queue: along which the cost curves run.
        bodies: of a batch that is drawn.
    """

    image: int = 224
    view_sizes: tuple[int, ...] = (224, 176, 96, 52, 32)
    width: float = 1.0
    batch: int = 8
    queue: int = 20_000
    negatives: int = 16_384
    frames: int = 35_515
    pictures: int = 48
    rounds: int = 5
    least: float = 0.2
    step_rounds: int = 2
    product: int = 2048
    curve_batch: tuple[int, ...] = (1, 2, 4, 8)
    curve_image: tuple[int, ...] = (96, 128, 160, 224)
    curve_queue: tuple[int, ...] = (2_500, 5_000, 10_000, 20_000, 40_000)
    bodies: int = 16

    @property
    def views(self) -> int:
        """Views of each person."""
        return len(self.view_sizes)


FULL = Sizes()
QUICK = Sizes(
    image=64, view_sizes=(64, 48, 32, 24, 16), width=0.125, batch=2, queue=256, negatives=128, frames=48, pictures=4,
    rounds=1, least=0.0, step_rounds=1, product=128, curve_batch=(1, 2), curve_image=(64, 96), curve_queue=(128, 256),
    bodies=2,
)  # fmt: skip
