"""The whole objective of a texture network: rendered pictures of several views, and priors on UV maps."""

from __future__ import annotations

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor, nn

from rscnet.errors import UserError
from rscnet.losses.texture import RenderedPeople, UVMaps
from rscnet.render.light import FittedLight


class TextureObjective(nn.Module):
    """Weighted sum of terms; a weight of 0 or null switches a term off.

    Args:
        pictures: named terms on rendered pictures.
        maps: named terms on UV maps.
        weights: of all terms, by name.
        cross_view: weight of the terms on other pictures than the one that the network saw (the cross-view loss; the
            original has 0 or 1).
        light: finds the light in each photo that rendered people stand in; None draws them without light, as the paper.

    Raises:
        UserError: a weight without a term.
    """

    def __init__(
        self,
        pictures: Mapping[str, nn.Module | None],
        maps: Mapping[str, nn.Module | None],
        weights: Mapping[str, float | None],
        cross_view: float = 1.0,
        light: FittedLight | None = None,
    ) -> None:
        super().__init__()
        terms = {**pictures, **maps}
        if unknown := sorted(name for name, weight in weights.items() if weight and terms.get(name) is None):
            raise UserError(f"loss.weights.{unknown[0]}: there is no such term; known are {', '.join(sorted(terms))}")
        self.pictures = nn.ModuleDict({n: t for n, t in pictures.items() if t is not None and weights.get(n)})
        self.maps = nn.ModuleDict({n: t for n, t in maps.items() if t is not None and weights.get(n)})
        self.weights = {name: float(weight) for name, weight in weights.items() if weight}
        self.cross_view, self.light = cross_view, light

    def forward(
        self, people: RenderedPeople | None, uv: UVMaps
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """Total, and detached terms without their weights, those of other views as `cross_view/<name>`.

        Args:
            people: of k pictures of n people, picture-major, those that the network saw first; None where no term on
                pictures is switched on.
            uv: of the n people.
        """
        total, logs = uv.maps.new_zeros(()), {}
        own = len(uv.maps)
        for name, term in self.pictures.items():
            assert people is not None
            values = term(people)
            same, other = values[:own].mean(), values[own:].mean() if len(values) > own else values.new_zeros(())
            total = total + self.weights[name] * (same + self.cross_view * other)
            logs |= {name: same, f"cross_view/{name}": other}
        for name, term in self.maps.items():
            logs[name] = term(uv).mean()
            total = total + self.weights[name] * logs[name]
        return total, {name: value.detach() for name, value in logs.items()} | {"total": total.detach()}
