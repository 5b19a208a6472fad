"""The mean of networks: of equal ones the same again, of two the numbers between, of unlike ones a clear refusal."""

import pytest
import torch

from rscnet.errors import UserError
from rscnet.trained import load_trained
from scripts import average_weights


def test_the_mean_lies_between_and_loads_again(tmp_path, monkeypatch, capsys):
    first, second = load_trained("rsc_small"), load_trained("rsc_small")
    name, value = next((n, v.clone()) for n, v in first.network.state_dict().items() if v.is_floating_point())
    second.network.load_state_dict({**second.network.state_dict(), name: value + 2})
    found = average_weights.average([first, second]).network.state_dict()
    torch.testing.assert_close(found[name], value + 1)
    for other, weight in first.network.state_dict().items():
        if other != name:
            assert torch.equal(found[other], weight), other

    out = tmp_path / "mean.safetensors"
    monkeypatch.setattr("sys.argv", ["average_weights.py", "rsc_small", "rsc_small", str(out)])
    average_weights.main()
    assert "the mean of 2" in capsys.readouterr().out
    again = load_trained(str(out)).network.state_dict()
    assert all(torch.equal(again[name], weight) for name, weight in first.network.state_dict().items())


def test_unlike_networks_are_refused():
    one, other = load_trained("rsc_small"), load_trained("rsc_small")
    other.network.projector = None
    with pytest.raises(UserError, match=r"is another network than .*expected the same layout"):
        average_weights.average([one, other])
