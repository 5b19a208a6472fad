"""Damaged files for every reader of files of others: annotation npz, packs and pickles of pictures, tracks, boxes,
checkpoints, SMPL pickles. Each may be read or refused by our own error; anything else is a fault: another error, a
crash, a hang, code that is run.

    python scripts/fuzz.py [--inputs 100000] [--seed 0] [--only <reader>] [--engine mutation | atheris]
                           [--output outputs/fuzz]
"""

from fuzzing.run import command

if __name__ == "__main__":
    command()
