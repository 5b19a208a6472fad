"""Contrastive loss across resolutions with a queue of negatives (spec section 3.3)."""

from __future__ import annotations

from typing import Literal

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from rscnet.errors import UserError
from rscnet.losses.pairs import PairWeights, check_pair_weights, pair_weights, scale_pairs

Kernel = Literal["cosine", "mse"]


def similarity(x: Float[Tensor, "*b m d"], y: Float[Tensor, "*b n d"], kernel: Kernel) -> Float[Tensor, "*b m n"]:
    """Cosine, or negative squared distance, of every row of `x` with every row of `y`, by one matrix product."""
    if kernel == "cosine":
        return F.normalize(x, dim=-1) @ F.normalize(y, dim=-1).mT
    squares = x.square().sum(-1)[..., :, None] + y.square().sum(-1)[..., None, :]
    return 2 * (x @ y.mT) - squares


def info_nce(positive: Float[Tensor, "*b a"], negative_logsumexp: Float[Tensor, "*b a"]) -> Float[Tensor, "*b a"]:
    """-log(e^p / (e^p + sum of e^n)) of each anchor, stable for any logits.

    Args:
        positive: similarity to the positive over the temperature.
        negative_logsumexp: logsumexp over the negatives of their similarities over the temperature.
    """
    return F.softplus(negative_logsumexp - positive)


class FeatureQueue(nn.Module):
    """First in, first out store of features of earlier pictures of all resolutions, saved and moved with the network.

    Args:
        size: number of entries.
        features: length of a feature.

    Raises:
        UserError: no entries.
    """

    features: Float[Tensor, "q d"]
    identity: Int[Tensor, "q 2"]
    cursor: Int[Tensor, ""]
    filled: Int[Tensor, ""]

    def __init__(self, size: int = 20_000, features: int = 256) -> None:
        super().__init__()
        if size < 1:
            raise UserError(f"loss.contrastive.queue.size: expected at least 1, got {size}")
        self.register_buffer("features", torch.zeros(size, features))
        self.register_buffer("identity", torch.full((size, 2), -1, dtype=torch.long))
        self.register_buffer("cursor", torch.zeros((), dtype=torch.long))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))

    def __len__(self) -> int:
        return int(self.filled)

    @torch.no_grad()
    def enqueue(self, features: Float[Tensor, "m d"], identity: Int[Tensor, "m 2"]) -> None:
        """Append rows in order, those of all ranks under DDP; the oldest entries give way."""
        size = len(self.features)
        features, identity = _gathered(features.to(self.features.dtype)), _gathered(identity)
        slots = (self.cursor + torch.arange(len(features), device=self.cursor.device)) % size
        # of more rows than slots only the last ones may be written, a slot must not be written twice
        self.features[slots[-size:]] = features[-size:]
        self.identity[slots[-size:]] = identity[-size:]
        self.cursor.copy_((self.cursor + len(features)) % size)
        self.filled.copy_((self.filled + len(features)).clamp(max=size))

    def held(self) -> tuple[Float[Tensor, "c d"], Int[Tensor, "c 2"]]:
        """Features and identities of all entries: views, which the next append may overwrite."""
        filled = len(self)
        return self.features[:filled], self.identity[:filled]

    def left_out(self, count: int | None) -> Bool[Tensor, "c"]:
        """True for each entry that a random draw of `count` (torch's generator) leaves out; nowhere without a count, or
        where there are fewer entries."""
        filled = len(self)
        out = torch.zeros(filled, dtype=torch.bool, device=self.features.device)
        if count is not None and count < filled:
            out[torch.randperm(filled, device=out.device)[count:]] = True
        return out


def _gathered(rows: Tensor) -> Tensor:
    if not (dist.is_available() and dist.is_initialized()):
        return rows
    counts = [torch.zeros(1, dtype=torch.long, device=rows.device) for _ in range(dist.get_world_size())]
    dist.all_gather(counts, torch.tensor([len(rows)], device=rows.device))
    sizes = [int(count) for count in counts]
    # ranks may hold different numbers of rows, but what is gathered has one shape
    padded = rows.new_zeros(max(sizes), *rows.shape[1:])
    padded[: len(rows)] = rows
    parts = [torch.empty_like(padded) for _ in sizes]
    dist.all_gather(parts, padded)
    return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])


class ContrastiveLoss(nn.Module):
    """The feature of a low-resolution view should be nearer to its picture at high resolution than to other pictures.

    Over all pairs of views: the anchor is the lower resolution (with gradient), the positive the higher one (without),
    negatives come from the queue, which already holds this batch. Entries of the anchor's own picture never count.

    Args:
        queue: store of negatives.
        temperature: divisor of the similarities (0.1 for `cosine`; the unbounded `mse` wants a large one).
        kernel: `cosine`, or `mse` for the negative squared distance.
        negatives: number of entries drawn once per call; None takes the whole queue.
        pair_weights: how pairs of resolutions are weighted.

    Raises:
        UserError: an unknown choice, a temperature that is not positive, or no negatives.
    """

    def __init__(
        self,
        queue: FeatureQueue,
        temperature: float = 0.1,
        kernel: Kernel = "cosine",
        negatives: int | None = 16_384,
        pair_weights: PairWeights = "gap",
    ) -> None:
        super().__init__()
        check_pair_weights(pair_weights, "loss.contrastive")
        if kernel not in ("cosine", "mse") or temperature <= 0:
            raise UserError(
                f"loss.contrastive: kernel must be 'cosine' or 'mse' and temperature positive, got kernel={kernel!r}, "
                f"temperature={temperature}"
            )
        if negatives is not None and negatives < 1:
            raise UserError(f"loss.contrastive.negatives: expected at least 1, or null for all, got {negatives}")
        self.queue = queue
        self.temperature = temperature
        self.kernel: Kernel = kernel
        self.negatives = negatives
        self.pair_weights: PairWeights = pair_weights

    def forward(
        self,
        projection: Float[Tensor, "m d"],
        identity: Int[Tensor, "n 2"],
        views: int,
        keys: Float[Tensor, "m d"] | None = None,
    ) -> Float[Tensor, ""]:
        """Sum over pairs with the pairs' weights of the mean over samples.

        Rows of `projection` are view-major, views from high to low resolution; `identity` names the n pictures. In
        training mode the batch is appended to the queue first, high resolution first. `keys` are the same rows seen by
        another network; positives and the queue are then made of them, without them of `projection` itself.
        """
        # half precision would round similarities by more than a temperature of 0.1 forgives
        with torch.autocast(projection.device.type, enabled=False):
            features = projection.float()
            positives = (features if keys is None else keys.float()).detach()
            if self.training:
                self.queue.enqueue(positives, identity.repeat(views, 1))
            entries, owners = self.queue.held()
            same = (identity[:, :1] == owners[:, 0]) & (identity[:, 1:] == owners[:, 1])
            barred = same | self.queue.left_out(self.negatives)
            by_view = features.unflatten(0, (views, -1))
            denominator = self._negatives(by_view[1:], entries, barred)  # the highest resolution is never an anchor
            high, low = scale_pairs(views, features.device)
            positive = positives.unflatten(0, (views, -1))[high][..., None, :]
            logits = similarity(by_view[low][..., None, :], positive, self.kernel)[..., 0, 0] / self.temperature
            per_pair = info_nce(logits, denominator[low - 1]).mean(-1)
            return (pair_weights(views, self.pair_weights, features.device) * per_pair).sum()

    def _negatives(
        self, anchors: Float[Tensor, "v n d"], entries: Float[Tensor, "c d"], barred: Bool[Tensor, "n c"]
    ) -> Float[Tensor, "v n"]:
        """Logsumexp over the entries that are not barred of each anchor's similarity over the temperature.

        Entries are read where they lie: scaling and barring logits is many times cheaper than gathering and normalising
        entries. The slope is formed at once, so that no logits are kept, and the queue may change before backward.
        """
        length = torch.linalg.vector_norm(entries, dim=-1)
        if self.kernel == "cosine":
            anchors, own = F.normalize(anchors, dim=-1), 0.0
            scale, offset = length.clamp(min=1e-12).reciprocal(), torch.zeros_like(length)
        else:
            own, scale, offset = anchors.square().sum(-1), torch.full_like(length, 2.0), -length.square()
        scale, offset = scale / self.temperature, (offset / self.temperature).masked_fill(barred, -torch.inf)
        with torch.no_grad():
            logits = torch.addcmul(offset, anchors @ entries.mT, scale)
            total = logits.logsumexp(-1)
            # of an anchor without any negative the total is minus infinity, and no entry has a share in it
            shares = logits.sub_(total.clamp(min=torch.finfo(total.dtype).min)[..., None]).exp_()
            slope = shares.mul_(scale) @ entries
        return total + ((anchors - anchors.detach()) * slope).sum(-1) - own / self.temperature
