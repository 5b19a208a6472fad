"""Translation between other programs' state dicts and ours: official RSC-Net, SPIN, torchvision's ResNet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from rscnet.errors import UserError
from rscnet.models.checkpoint import Allowed, State, absent_parts, load_strict, load_weights, matches, shortened
from rscnet.models.normalisation import ScaleNorm, for_all_scales
from rscnet.models.rscnet import RSCNet

STRICT: Allowed = {"missing": (), "unexpected": ()}

# (their name, our name) as patterns that read in both directions; `{}` stands for the part that stays.
RULES = (
    ("conv1.{}", "encoder.conv1.{}"),
    ("bn1.{}", "encoder.bn1.{}"),
    ("layer4_mlp.{}", "projector.{}"),
    *((f"{name}.{{}}", f"regressor.{name}.{{}}") for name in ("fc1", "fc2", "decpose", "decshape", "deccam")),
    *((f"init_{name}{{}}", f"regressor.init_{name}{{}}") for name in ("pose", "shape", "cam")),
)
BLOCK_RULES = {
    "rscnet": tuple((f"layer{i}.hmr_layer.{{}}", f"encoder.layer{i}.blocks.{{}}") for i in range(1, 5)),
    "spin": tuple((f"layer{i}.{{}}", f"encoder.layer{i}.blocks.{{}}") for i in range(1, 5)),
}
PREFIXES = ("module.", "model.", "network.", "net.")  # of networks that were saved inside another module
ALPHA = re.compile(r"layer(\d)\.alphas\.(\d+)")


@dataclass(frozen=True)
class ImportReport:
    """What an import did: the recognised layout, how many of our entries were filled, and the names left out.

    `kept` are our entries that the file says nothing of and that keep their values; `ignored` are the file's entries
    that this network has no place for and that are known to be dispensable.
    """

    layout: str
    matched: int
    kept: tuple[str, ...]
    ignored: tuple[str, ...]

    def __str__(self) -> str:
        text = f"{self.layout} layout, {self.matched} entries matched"
        for what, names in (("kept", self.kept), ("ignored", self.ignored)):
            text += f"; {what}: {shortened(names)}" if names else ""
        return text


def import_weights(net: nn.Module, path: str | Path, allow: Allowed = STRICT) -> ImportReport:
    """Load a file of another program into `net`; see `import_state`."""
    state, _ = load_weights(path)
    return import_state(net, state, path, allow)


def import_state(
    net: nn.Module, state: Mapping[str, Tensor], source: str | Path = "state dict", allow: Allowed = STRICT
) -> ImportReport:
    """Load a state dict in a foreign layout, recognised by its names.

    RSC-Net fills everything (without a projector of ours its projector is ignored), SPIN encoder and regressor,
    torchvision's ResNet the encoder; resolution coefficients that a layout does not know keep their values.

    Args:
        net: `RSCNet`, or another network with such an `encoder`.
        state: names and tensors, loaded safely.
        source: where they are from, for messages.
        allow: patterns of our names that the file may lack, and of names that may be left over.

    Raises:
        UserError: an unknown layout, a key that belongs nowhere, a gap in what the layout must fill, or other shapes.
    """
    state = bare_names(state)
    layout = recognise(state, source)
    ours, ignored, unknown = _translate(state, layout)
    ours, expected = for_all_scales(net, ours), net.state_dict()
    if getattr(net, "projector", None) is None:
        ignored += [name for name in ours if name.startswith("projector.")]
    unknown += [name for name in ours if name not in expected and name not in ignored]
    ignored += [name for name in unknown if matches(name, allow["unexpected"])]
    unknown = [name for name in unknown if name not in ignored]
    if unknown:
        raise UserError(f"{source}: {len(unknown)} keys of the {layout} layout match nothing: {shortened(unknown)}")
    ours = {name: value for name, value in ours.items() if name not in ignored}
    stay = [name for name in expected if name not in ours and _may_stay(name, layout)]
    kept = (*stay, *absent_parts((name for name in expected if name not in stay), ours, allow["missing"], source))
    load_strict(net, ours | {name: expected[name] for name in kept}, source)
    return ImportReport(layout, len(ours), kept, tuple(ignored))


def export_official(net: RSCNet) -> State:
    """The network's weights in the official RSC-Net layout.

    Raises:
        UserError: a network with parts that the original does not have, or without coefficients that it has.
    """
    if net.head is not None:
        raise UserError("official layout: the original has no dense head, so this network cannot be written in it")
    if not any(name.endswith(".alphas") for name in net.state_dict()):
        raise UserError("official layout: this network has no resolution coefficients, the original has one per block")
    if any(isinstance(module, ScaleNorm) for module in net.modules()):
        raise UserError("official layout: batch normalisation of the original is one for all scales, own_norm's is not")
    rules = [(mine, theirs) for theirs, mine in (*RULES, *BLOCK_RULES["rscnet"])]
    exported: State = {}
    for name, value in net.state_dict().items():
        if name.endswith(".alphas"):
            stage = name.split(".")[1]
            rows = value.clone()[..., None, None, None, None]
            exported |= {f"{stage}.alphas.{i}": row for i, row in enumerate(rows)}
        else:
            renamed = _renamed(name, rules)
            assert renamed is not None, f"no official name for {name}"
            exported[renamed] = value.clone()
    return exported


def bare_names(state: Mapping[str, Tensor]) -> State:
    """The state dict without what all its names begin with that says only what the network was wrapped in."""
    state = dict(state)
    while prefix := next((p for p in PREFIXES if state and all(name.startswith(p) for name in state)), None):
        state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def recognise(state: Mapping[str, Tensor], source: str | Path) -> str:
    """rscnet, spin or torchvision.

    Raises:
        UserError: none of these.
    """
    state = bare_names(state)
    if "layer1.hmr_layer.0.conv1.weight" in state:
        return "rscnet"
    if "layer1.0.conv1.weight" in state:
        return "spin" if "decpose.weight" in state else "torchvision"
    raise UserError(
        f"{source}: neither an RSC-Net, a SPIN nor a torchvision ResNet state dict; it holds {shortened(state)}"
    )


def _translate(state: Mapping[str, Tensor], layout: str) -> tuple[State, list[str], list[str]]:
    """Entries under our names, and the names that are dispensable and that are unknown."""
    rules = [*RULES, *BLOCK_RULES["rscnet" if layout == "rscnet" else "spin"]]
    ours: State = {}
    ignored: list[str] = []
    unknown: list[str] = []
    rows: dict[str, dict[int, Tensor]] = {}
    for name, value in state.items():
        if layout == "rscnet" and (match := ALPHA.fullmatch(name)):
            rows.setdefault(f"encoder.layer{match[1]}.alphas", {})[int(match[2])] = value.reshape(-1)
        elif layout == "torchvision" and name in ("fc.weight", "fc.bias"):
            ignored.append(name)
        elif (renamed := _renamed(name, rules)) is not None:
            ours[renamed] = value
        else:
            unknown.append(name)
    for name, by_scale in rows.items():
        ours[name] = torch.stack([by_scale[scale] for scale in sorted(by_scale)])
    return ours, ignored, unknown


def _renamed(name: str, rules: list[tuple[str, str]]) -> str | None:
    for before, after in rules:
        prefix = before.removesuffix("{}")
        if name.startswith(prefix):
            return after.format(name.removeprefix(prefix))
    return None


def _may_stay(name: str, layout: str) -> bool:
    if name.endswith("num_batches_tracked"):  # not in files of old torch versions, and of no effect on the output
        return True
    if layout == "rscnet":
        return False
    return name.endswith(".alphas") or name.startswith(
        ("projector.", "regressor.") if layout == "torchvision" else "projector."
    )
