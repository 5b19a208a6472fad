import pytest

from rscnet import joints as j


@pytest.mark.parametrize(
    ("table", "count"),
    [
        (j.SMPL_24, 24), (j.SMPL_54, 54), (j.OPENPOSE_25, 25), (j.ANNOTATION_24, 24), (j.TRAINING_49, 49),
        (j.H36M_17, 17), (j.LSP_14, 14), (j.COCO_17, 17),
    ],
)  # fmt: skip
def test_tables_have_their_names_length(table, count):
    assert len(table) == count
    if table is not j.TRAINING_49:  # some joints are in both of its blocks
        assert len(set(table)) == count


def test_parents_come_before_children_on_the_same_side():
    for child, parent in enumerate(j.SMPL_PARENTS):
        assert parent < child
        side = j.SMPL_24[child].split("_")[0]
        if parent >= 0 and j.SMPL_24[parent].startswith(("left_", "right_")):
            assert j.SMPL_24[parent].startswith(side + "_")


@pytest.mark.parametrize("table", [j.SMPL_24, j.OPENPOSE_25, j.ANNOTATION_24, j.H36M_17, j.LSP_14, j.COCO_17])
def test_flipping_twice_is_nothing(table):
    flip = j.flip_permutation(table)
    assert [flip[i] for i in flip] == list(range(len(table)))
    assert all(table[i].replace("left", "right") == table[k].replace("left", "right") for k, i in enumerate(flip))


def test_flips_by_hand():
    # the permutations that SPIN's code lists
    assert j.SMPL_24_FLIP == [0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22]
    annotation = [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13, 14, 15, 16, 17, 18, 19, 21, 20, 23, 22]
    openpose = [0, 1, 5, 6, 7, 2, 3, 4, 8, 12, 13, 14, 9, 10, 11, 16, 15, 18, 17, 22, 23, 24, 19, 20, 21]
    assert openpose + [25 + i for i in annotation] == j.TRAINING_49_FLIP


def test_training_joints_are_found_among_smpls():
    assert [j.SMPL_54[i] for i in j.TRAINING_49_FROM_SMPL_54] == list(j.TRAINING_49)
    # the map that SPIN's constants give for these 49 joints
    assert j.TRAINING_49_FROM_SMPL_54 == [
        24, 12, 17, 19, 21, 16, 18, 20, 0, 2, 5, 8, 1, 4, 7, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34,
        8, 5, 45, 46, 4, 7, 21, 19, 17, 16, 18, 20, 47, 48, 49, 50, 51, 52, 53, 24, 26, 25, 28, 27,
    ]  # fmt: skip


def test_lsp_joints_of_h36m():
    # SPIN's H36M_TO_J14
    assert j.LSP_14_FROM_H36M_17 == [6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10]
    assert j.H36M_PELVIS == 0 and j.ANNOTATION_HIPS == (2, 3)


def test_missing_joints_are_named():
    with pytest.raises(KeyError, match="tail"):
        j.index_map(["nose", "tail"], j.COCO_17)
