"""The mean of networks: of equal ones the same again, of two the numbers between, of unlike ones a clear refusal."""

import pytest
import torch
from tiny_checkpoint import write_checkpoint

from rscnet.errors import UserError
from rscnet.trained import load_trained
from scripts import combine_weights


def test_the_mean_lies_between_and_loads_again(tmp_path, monkeypatch, capsys):
    first, second = load_trained("rsc_small"), load_trained("rsc_small")
    name, value = next((n, v.clone()) for n, v in first.network.state_dict().items() if v.is_floating_point())
    second.network.load_state_dict({**second.network.state_dict(), name: value + 2})
    found = combine_weights.mean([first, second]).network.state_dict()
    torch.testing.assert_close(found[name], value + 1)
    for other, weight in first.network.state_dict().items():
        if other != name:
            assert torch.equal(found[other], weight), other

    out = tmp_path / "mean.safetensors"
    monkeypatch.setattr("sys.argv", ["combine_weights.py", "mean", "rsc_small", "rsc_small", str(out)])
    combine_weights.main()
    assert capsys.readouterr().out == f"written: {out}\n"
    again = load_trained(str(out)).network.state_dict()
    assert all(torch.equal(again[name], weight) for name, weight in first.network.state_dict().items())


def test_a_share_of_a_difference_is_added_and_variances_stay_positive(tmp_path, monkeypatch):
    start, before, after = (load_trained("rsc_small") for _ in range(3))
    was = {name: value.clone() for name, value in start.network.state_dict().items()}
    weight = next(name for name, value in was.items() if value.is_floating_point())
    variance = next(name for name in was if name.endswith("running_var"))
    learned = {weight: was[weight] + 2, variance: was[variance] / 16}
    after.network.load_state_dict({**was, **learned})
    found = combine_weights.add(start, before, after, 0.5).network.state_dict()
    torch.testing.assert_close(found[weight], was[weight] + 1)
    torch.testing.assert_close(found[variance], was[variance] / 4)
    for name, value in was.items():
        if name not in learned:
            torch.testing.assert_close(found[name], value)

    out = tmp_path / "sum.safetensors"
    words = ["combine_weights.py", "add", "rsc_small", "hr_small", "hr_small", str(out)]
    monkeypatch.setattr("sys.argv", words)
    combine_weights.main()
    again = load_trained(str(out)).network.state_dict()
    assert all(torch.equal(again[name], value) for name, value in was.items())


def test_unlike_networks_are_refused():
    one, other = load_trained("rsc_small"), load_trained("rsc_small")
    other.network.projector = None
    with pytest.raises(UserError, match=r"is another network than .*expected the same layout"):
        combine_weights.mean([one, other])


def test_a_shared_normalisation_meets_one_of_each_scale(tmp_path):
    own, shared = (
        load_trained(str(write_checkpoint(tmp_path, "rsc_full", f"encoder.own_norm={own}"))) for own in (True, False)
    )
    name = "encoder.layer1.blocks.0.bn1.running_mean"
    own.network.get_buffer(name)[2] += 1
    expected = (own.network.state_dict()[name] + shared.network.state_dict()[name]) / 2
    torch.testing.assert_close(combine_weights.mean([shared, own]).network.state_dict()[name], expected)
