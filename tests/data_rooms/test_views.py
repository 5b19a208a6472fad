"""Views: what is drawn belongs to (seed, epoch, sample), and what is full resolution is the picture itself."""

import albumentations as A
import numpy as np
import pytest
import torch
from small_people import COUNT, RESOLUTION, SIZE, data_module, noise, people

from rscnet.data.augmentation import Augmentation
from rscnet.data.degradations import Bicubic, resize
from rscnet.data.keys import generator
from rscnet.data.plan import BatchKey
from rscnet.data.sample import Sample
from rscnet.data.skipping import SkipList
from rscnet.data.views import ViewDataset, denormalise, normalise
from rscnet.errors import UserError
from rscnet.structures import Batch


@pytest.fixture
def augmentation() -> Augmentation:
    return Augmentation(0.5, {"gain": A.MultiplicativeNoise((0.6, 1.4), per_channel=True, elementwise=False, p=1.0)})


@pytest.fixture
def training(augmentation) -> ViewDataset:
    return ViewDataset(people(), RESOLUTION, Bicubic(), SIZE, seed=0, augmentation=augmentation)


def same(first: Batch, second: Batch) -> bool:
    """Whether every tensor of two batches is equal to the bit."""
    pairs = [
        (first.views, second.views),
        (first.sizes, second.sizes),
        (first.target.keypoints_2d, second.target.keypoints_2d),
        (first.target.parameters.rotations, second.target.parameters.rotations),
        (first.identity, second.identity),
        (first.parts, second.parts),
    ]
    return all(torch.equal(a, b) for a, b in pairs)  # type: ignore[arg-type]


class Refusing(Augmentation):
    """Cannot do what it is asked for."""

    def geometric(self, sample: Sample, random: np.random.Generator) -> Sample:
        raise UserError("augmentation: cannot")


def test_what_an_augmentation_cannot_do_is_no_unreadable_sample():
    views = ViewDataset(people(), RESOLUTION, Bicubic(), SIZE, seed=0, augmentation=Refusing(), skipped=SkipList(None))
    with pytest.raises(UserError, match="augmentation: cannot"):
        views[BatchKey(epoch=0, step=0, indices=(0,), views=1)]


def test_shapes_and_kinds(training):
    batch = training[BatchKey(epoch=0, step=0, indices=(3, 1, 4), views=5)]
    assert batch.views.shape == (5, 3, 3, SIZE, SIZE)
    assert batch.sizes.shape == batch.scale_index.shape == (5, 3)
    assert batch.target.keypoints_2d.shape == (3, 49, 3)
    assert batch.target.joints_3d.shape == (3, 24, 4)
    assert batch.target.parameters.rotations.shape == (3, 24, 3, 3)
    assert batch.target.parameters.camera is None
    assert batch.identity.tolist() == [[0, 3], [0, 1], [0, 4]]
    assert batch.parts is not None
    assert (batch.parts.shape, batch.parts.dtype) == ((3, SIZE // 4, SIZE // 4), torch.int64)
    assert batch.views.dtype == batch.target.parameters.rotations.dtype == torch.float32
    assert batch.scale_index.tolist() == [[i] * 3 for i in range(5)]
    for index, (low, high) in enumerate(RESOLUTION.ranges):
        assert all(low <= size < max(high, low + 1) for size in batch.sizes[index].tolist())


def test_samples_do_not_depend_on_their_batch(training):
    whole = training[BatchKey(2, 0, (5, 2, 7), 3)]
    for row, index in enumerate((5, 2, 7)):
        alone = training[BatchKey(2, 9, (index,), 3)]
        torch.testing.assert_close(whole.views[:, row : row + 1], alone.views, rtol=0, atol=0)
        assert torch.equal(whole.sizes[:, row], alone.sizes[:, 0])
    fewer = training[BatchKey(2, 0, (5,), 2)]  # a view does not depend on those that follow it
    assert torch.equal(fewer.sizes, whole.sizes[:2, :1])


def test_some_views_of_each_sample_are_drawn_in_order(training):
    batch = training[BatchKey(0, 0, tuple(range(COUNT)), 5, shown=2)]
    assert batch.views.shape == (2, COUNT, 3, SIZE, SIZE)
    high, low = batch.scale_index
    assert bool((high < low).all())
    assert set(high.tolist()) | set(low.tolist()) == {0, 1, 2, 3, 4}
    for size, index in zip(batch.sizes.flatten().tolist(), batch.scale_index.flatten().tolist(), strict=True):
        assert RESOLUTION.scale_index(size) == index
    assert same(batch, training[BatchKey(0, 5, tuple(range(COUNT)), 5, shown=2)])
    assert not torch.equal(batch.scale_index, training[BatchKey(1, 0, tuple(range(COUNT)), 5, shown=2)].scale_index)


def test_epochs_and_seeds_draw_anew(training, augmentation):
    key = BatchKey(0, 0, (0, 1, 2, 3), 5)
    first = training[key]
    assert same(first, training[key])
    assert not torch.equal(first.sizes, training[BatchKey(1, 0, key.indices, 5)].sizes)
    other = ViewDataset(people(), RESOLUTION, Bicubic(), SIZE, seed=1, augmentation=augmentation)
    assert not torch.equal(first.sizes, other[key].sizes)


def test_workers_change_nothing(augmentation):
    stages = {"a": {"views": 3, "batch_size": 4, "epochs": 1}}

    class Position:
        current_epoch = global_step = global_rank = 0
        world_size = 1

    batches = []
    for workers in (0, 2):
        data = data_module(stages, augmentation, workers=workers)
        data.trainer = Position()  # type: ignore[assignment]
        batches.append(list(data.train_dataloader()))
    assert len(batches[0]) == len(batches[1]) == COUNT // 4
    assert all(same(a, b) for a, b in zip(*batches, strict=True))
    assert not same(batches[0][0], batches[0][1])


def test_evaluation_sizes_are_fixed_and_full_resolution_is_the_picture():
    dataset = ViewDataset(people(), RESOLUTION, Bicubic(), SIZE, seed=0, sizes=[500, 64, 32, 16])
    batch = dataset[BatchKey(0, 0, (0, 1), 4)]
    assert batch.sizes.tolist() == [[64] * 2, [64] * 2, [32] * 2, [16] * 2]
    assert batch.scale_index[:, 0].tolist() == [0, 0, 2, 4]
    for row in (0, 1):
        np.testing.assert_array_equal(denormalise(batch.views[1])[row], people()[row].image)
    torch.testing.assert_close(batch.target.keypoints_2d[1], torch.from_numpy(people()[1].keypoints_2d))


def test_normalised_pictures_come_back():
    pictures = np.stack([noise(8, seed) for seed in range(3)])
    views = normalise(pictures)
    assert views.shape == (3, 3, 8, 8)
    np.testing.assert_array_equal(denormalise(views), pictures)
    middle = normalise(np.full((1, 1, 1, 3), 128, np.uint8)).flatten()
    expected = (128 / 255 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(middle, expected)


@pytest.mark.parametrize("antialias", [True, False])
def test_a_degraded_picture_has_lost_its_detail(antialias):
    picture = noise()
    degrade, random = Bicubic(antialias), generator(0)
    views = [degrade(picture, size, SIZE, random) for size in (64, 48, 32, 16)]
    np.testing.assert_array_equal(views[0], picture)
    detail = [np.abs(np.diff(view.astype(int), axis=1)).mean() for view in views]
    assert detail == sorted(detail, reverse=True)
    assert detail[-1] < detail[0] / 3
    assert {view.shape for view in views} == {(SIZE, SIZE, 3)}


def test_antialiasing_averages_before_it_samples():
    # one-pixel stripes are grey from afar; without a filter they alias
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    inner = (slice(8, -8), slice(8, -8))
    grey = Bicubic(True)(stripes, 24, 64, generator(0))[inner].astype(int)
    aliased = Bicubic(False)(stripes, 24, 64, generator(0))[inner].astype(int)
    assert np.abs(grey - 127.5).max() < 30
    assert np.abs(aliased - 127.5).max() > 100


def test_a_small_picture_is_enlarged_and_never_sharpened():
    small = noise(16)
    views = [Bicubic()(small, size, SIZE, generator(0)) for size in (16, 48, 64)]
    np.testing.assert_array_equal(views[0], resize(small, SIZE))
    np.testing.assert_array_equal(views[1], views[0])
    np.testing.assert_array_equal(views[2], views[0])
