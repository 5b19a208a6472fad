from rscnet.data.keys import generator


def draws(*key: int | str) -> tuple[int, ...]:
    return tuple(generator(*key).integers(2**40, size=4).tolist())


def test_a_key_is_a_stream():
    # fixed for good: another stream would change what every run sees
    assert draws(0, 1, "order") == (100847032354, 684027730749, 962476151025, 904208572921)
    assert draws(0, 1, "order") == (100847032354, 684027730749, 962476151025, 904208572921)


def test_every_entry_counts_and_its_type():
    keys = [(0, 1), (1, 0), (0, "1"), ("0", 1), (0, 1, 2), (0, 12), (0,), (1,), ("0", "1")]
    assert len({draws(*key) for key in keys}) == len(keys)
