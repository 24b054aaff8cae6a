"""How commands talk: progress bars on stderr, tables on stdout, both plain when nobody is looking at a terminal."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

stdout = Console(soft_wrap=True, highlight=False)
stderr = Console(stderr=True, soft_wrap=True, highlight=False)

Advance = Callable[[int], None]
"""Called with how many more units are done."""


@contextmanager
def progress(description: str, total: int | None, *, unit: str = "") -> Iterator[Advance]:
    """A progress bar on stderr; nothing at all when stderr is not a terminal.

    Args:
        description: What is going on, in two or three words.
        total: How many units there are, or None when that is not known.
        unit: "bytes" shows sizes, anything else shows counts.

    Yields:
        A function to call with the number of units just done. It may be called from any thread.
    """
    count = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), count, TimeRemainingColumn())
    with Progress(*columns, console=stderr, disable=not stderr.is_terminal, transient=True) as bar:
        task = bar.add_task(description, total=total)

        def advance(done: int) -> None:
            bar.advance(task, done)

        yield advance


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table on stdout: drawn on a terminal, tab-separated otherwise. Numbers are right-aligned."""
    if not stdout.is_terminal:
        print("\t".join(columns))
        for row in rows:
            print("\t".join(str(cell) for cell in row))
        return
    drawn = Table(title=title or None, title_justify="left")
    for index, column in enumerate(columns):
        numeric = all(isinstance(row[index], int | float) for row in rows)
        drawn.add_column(column, justify="right" if numeric else "left")
    for row in rows:
        drawn.add_row(*(str(cell) for cell in row))
    stdout.print(drawn)


def emit_json(value: Any) -> None:
    """Print one JSON object on stdout, for machines."""
    json.dump(value, sys.stdout, indent=2)
    sys.stdout.write("\n")


def warn(message: str) -> None:
    """Say on stderr what the user should know but need not act on at once."""
    stderr.print(f"warning: {message}", markup=False)


def stderr_line(message: str) -> None:
    """Say on stderr what is going on."""
    stderr.print(message, markup=False)
