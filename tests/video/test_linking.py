import numpy as np

from rscnet.video.linking import iou, link


def test_overlap_by_hand() -> None:
    found = iou(np.array([[0.0, 0, 10, 10]]), np.array([[5.0, 0, 10, 10], [20, 20, 5, 5], [0, 0, 10, 10]]))
    np.testing.assert_allclose(found, [[1 / 3, 0, 1]])


def test_people_who_cross_keep_their_numbers() -> None:
    boxes = {t: [(10.0 + 6 * t, 10.0, 8.0, 20.0), (100.0 - 6 * t, 14.0, 8.0, 20.0)] for t in range(16)}
    boxes = {t: pair[:: 1 if t % 2 else -1] for t, pair in boxes.items()}
    tracks = link(boxes, max_gap=3)
    assert len(tracks) == 2 and all(len(track.boxes) == 16 for track in tracks)
    steps = [np.diff([track.boxes[t][0] for t in range(16)]) for track in tracks]
    assert {int(np.sign(step.mean())) for step in steps} == {1, -1} and all(len(set(step)) == 1 for step in steps)


def test_a_tiny_fast_person_is_followed_without_overlap() -> None:
    tracks = link({t: [(10.0 + 5 * t, 5.0, 3.0, 7.0)] for t in range(6)}, max_gap=2)
    assert [sorted(track.boxes) for track in tracks] == [list(range(6))]


def test_boxes_of_whole_numbers_are_linked_as_others() -> None:
    whole = {t: [(10 + 5 * t, 5, 3, 7)] for t in range(4)}
    (track,) = link(whole, max_gap=2)
    assert sorted(track.boxes) == [0, 1, 2, 3]


def test_no_box_is_lost() -> None:
    random = np.random.default_rng(0)
    boxes = {
        t: [tuple(float(v) for v in random.uniform(2, 90, 4)) for _ in range(random.integers(0, 5))] for t in range(20)
    }
    kept = sorted((t, box) for track in link(boxes, 3) for t, box in track.boxes.items())
    assert kept == sorted((t, box) for t, found in boxes.items() for box in found)


def test_out_of_sight_for_a_while_or_for_good() -> None:
    seen = {t: [(10.0 + t, 5.0, 10.0, 20.0)] for t in (0, 1, 2, 6, 7)}
    assert [sorted(track.boxes) for track in link(seen, max_gap=3)] == [[0, 1, 2, 6, 7]]
    assert [sorted(track.boxes) for track in link(seen, max_gap=2)] == [[0, 1, 2], [6, 7]]


def test_which_overlap_counts_before_nearness() -> None:
    person, overlapping, nearer = (0.0, 0.0, 10.0, 10.0), (6.0, 0.0, 10.0, 10.0), (4.0, 4.0, 2.0, 2.0)  # IoU 0.25, 0.04
    seen = {0: [person], 1: [nearer, overlapping]}
    assert link(seen, max_gap=1, min_iou=0.2)[0].boxes == {0: person, 1: overlapping}
    assert link(seen, max_gap=1, min_iou=0.3)[0].boxes == {0: person, 1: nearer}
