"""Every test that docs/reliability.md names is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "reliability.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)))


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[name for _, name in NAMED])
def test_it_is_there(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_row_names_one() -> None:
    table = TEXT.split("| what | what happens | test |\n")[1].split("\n\n")[0]
    rows = table.splitlines()[1:]
    assert len(rows) > 25
    assert all("::test_" in row.split("|")[3] for row in rows)
