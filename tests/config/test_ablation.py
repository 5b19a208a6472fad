"""Ablations change what their cards say and nothing else."""

import pytest
import yaml

from rscnet.config.ablation import check_ablation, difference
from rscnet.config.compose import CONFIG_DIR, compose, compose_tree
from rscnet.config.fingerprint import digest, science
from rscnet.config.preflight import preflight
from rscnet.errors import UserError

NAMES = sorted(path.stem for path in (CONFIG_DIR / "ablation").glob("*.yaml") if path.stem != "none")
SWEEPS = sorted((CONFIG_DIR / "sweep").glob("ablation_*.yaml"))
RSC = ["experiment=rsc_full", "preset=smoke"]


def base_of(name: str) -> list[str]:
    """What an ablation changes: the experiment of the sweep that runs it."""
    for path in SWEEPS:
        params = yaml.safe_load(path.read_text())["hydra"]["sweeper"]["params"]
        if name in params["ablation"].split(","):
            return [f"experiment={params['experiment']}", "preset=smoke"]
    return RSC


@pytest.mark.parametrize("name", NAMES)
def test_every_card_tells_the_truth_and_the_run_is_another_one(name):
    base = base_of(name)
    config = compose([*base, f"ablation={name}"])
    preflight(config)
    assert config.ablation == name
    assert config.card is not None
    assert config.card.why
    assert digest(science(config)) != digest(science(compose(base)))


def test_every_sweep_names_ablations_that_exist():
    assert SWEEPS
    for path in SWEEPS:
        params = yaml.safe_load(path.read_text())["hydra"]["sweeper"]["params"]
        chosen = params["ablation"].split(",")
        assert len(set(chosen)) == len(chosen) > 1
        assert set(chosen) <= {*NAMES, "none"}
        assert chosen[-1] == "none"  # the method itself, which the others are compared with


@pytest.mark.parametrize(
    ("word", "part"),
    [
        ("loss.contrastive.temperature=0.1", "is the same as without the ablation"),
        ("loss.contrastive.temperature=0.3", "is the same as without the ablation"),
        ("loss.contrastive=null", "is the same as without the ablation"),
    ],
)
def test_a_run_whose_name_lies_is_refused(word, part):
    with pytest.raises(UserError, match=r"^ablation=temperature_05: its card says loss\.contrastive\.temperature=0\.5"):
        compose([*RSC, "ablation=temperature_05", word])
    compose([*RSC, "ablation=temperature_05", "optimizer.lr=1e-3"])  # which changes the base alike


def test_card_and_difference_are_compared_both_ways():
    base = {"ablation": "base", "lr": 1, "loss": {"a": 1, "b": {"c": 2}}}

    def check(changes: dict, **found) -> None:
        check_ablation({**base, "ablation": "x", "card": {"changes": changes}, **found}, [], lambda words: base)

    check({"lr": 2}, lr=2)
    check({"loss.b": None}, loss={"a": 1, "b": None})
    with pytest.raises(UserError, match="its card says lr=2, but in this run it is 3"):
        check({"lr": 2}, lr=3)
    with pytest.raises(UserError, match=r"ablation=x: also changes loss\.a to 5, which its card does not say"):
        check({"lr": 2}, lr=2, loss={"a": 5, "b": {"c": 2}})
    with pytest.raises(UserError, match=r"conf/ablation/x\.yaml has no card\.changes"):
        check({}, lr=2)


def test_difference_names_dotted_keys():
    before, after = {"a": {"b": 1, "c": [1, 2]}, "d": 3}, {"a": {"b": 1, "c": [1, 3]}, "e": 4}
    assert difference(before, after) == {"a.c": [1, 3], "d": None, "e": 4}


def test_the_components_differ_as_the_paper_has_them():
    """R, S and C of each row of the table."""
    expected = {
        "hr_only": (False, False, False),
        "multires": (False, False, False),
        "r": (True, False, False),
        "r_s": (True, True, False),
        "r_c": (True, False, True),
        "none": (True, True, True),
    }
    for name, parts in expected.items():
        tree = compose_tree([*RSC, f"ablation={name}"])
        loss = tree["loss"]
        found = (
            tree["model"]["network"]["encoder"]["resolution_aware"],
            loss["consistency"] is not None,
            loss["contrastive"] is not None,
        )
        assert found == parts, name
    views = {stage["views"] for stage in compose_tree([*RSC, "ablation=hr_only"])["curriculum"]["stages"].values()}
    assert views == {1}
