"""Words to the user are shown as they are."""

from rich.table import Table

from rscnet.console import say


def test_a_path_in_brackets_is_a_path(capsys):
    say("runs[old]/rsc_full[/v2]")
    assert capsys.readouterr().out == "runs[old]/rsc_full[/v2]\n"


def test_tables_keep_their_markup(capsys):
    table = Table("size")
    table.add_row("[bold]52[/bold]")
    say(table)
    out = capsys.readouterr().out
    assert "52" in out and "bold" not in out
