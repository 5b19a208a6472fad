"""The embedded body, loaded once."""

import pytest

from rscnet.body import BodyModel, load_embedded


@pytest.fixture(scope="session")
def assets():
    return load_embedded()


@pytest.fixture(scope="session")
def body(assets):
    return BodyModel(assets)
