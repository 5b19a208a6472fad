import pytest
import torch

from rscnet.body import BodyModel
from rscnet.data.synthetic.generator import PersonGenerator, RenderedPeople


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def body() -> BodyModel:
    return BodyModel.embedded()


@pytest.fixture(scope="session")
def generator(body: BodyModel) -> PersonGenerator:
    return PersonGenerator(body, 48, seed=3, split="train", texture_size=32)


@pytest.fixture(scope="session")
def people(generator: PersonGenerator) -> RenderedPeople:
    """Twenty pictures: more than one group of bodies."""
    return generator.generate(range(20), with_uv=True)
