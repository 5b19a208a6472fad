import pytest

from rscnet.learning.base import learning_rate_factor


@pytest.mark.parametrize(
    ("progress", "mode", "warmup", "factor"),
    [
        (0.0, "constant", 0.0, 1.0),
        (1.0, "constant", 0.0, 1.0),
        (0.0, "constant", 0.2, 0.0),
        (0.05, "constant", 0.2, 0.25),
        (0.2, "constant", 0.2, 1.0),
        (0.05, "cosine", 0.2, 0.25),
        (0.2, "cosine", 0.2, 1.0),
        (0.6, "cosine", 0.2, 0.5),
        (0.4, "cosine", 0.2, 0.8535533905932737),  # (1 + cos 45 degrees) / 2
        (1.0, "cosine", 0.2, 0.0),
        (1.2, "cosine", 0.2, 0.0),
    ],
)
def test_factor_by_hand(progress, mode, warmup, factor):
    assert learning_rate_factor(progress, mode, warmup) == pytest.approx(factor, abs=1e-12)
