"""Words to the user."""

from rich.console import Console

from rscnet.config.compose import is_rank_zero

_console = Console(soft_wrap=True, highlight=False)


def say(text: object) -> None:
    """Prints on the first rank only; rich tables and plain lines alike."""
    if is_rank_zero():
        _console.print(text)
