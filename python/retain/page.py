"""One self-contained HTML page: headings, sentences, tables and pictures, with nothing fetched from anywhere."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_STYLE = """
:root { color-scheme: light dark; --rule: #8884; --soft: #777; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 62rem; margin: 2.5rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.7rem; line-height: 1.25; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }
p.lead { font-size: 1.1rem; } p.note { color: var(--soft); font-size: .9rem; }
img { max-width: 100%; background: white; border: 1px solid var(--rule); border-radius: 4px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .9rem; border-bottom: 1px solid var(--rule); text-align: right; }
th:first-child, td:first-child { text-align: left; } tr.strong td { font-weight: 600; }
pre { background: #8881; padding: .8rem 1rem; overflow-x: auto; border-radius: 4px; }
"""


@dataclass(frozen=True)
class Table:
    """A table; the first column holds the rows' names.

    Attributes:
        columns: The heading of each column.
        rows: Cells as they are to be read.
        strong: The index of a row to set in bold, or None.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    strong: int | None = None


@dataclass(frozen=True)
class Section:
    """What one heading covers: sentences, points, a table, pictures, a note, commands, each if there is any."""

    title: str
    text: str
    points: Sequence[str] = ()
    table: Table | None = None
    pictures: Sequence[Path] = ()
    note: str = ""
    commands: str = ""


def render(title: str, lead: str, sections: Sequence[Section]) -> str:
    """The page as one string of HTML; pictures are embedded, so the file can be moved or mailed."""
    body = [f"<h1>{html.escape(title)}</h1>", f'<p class="lead">{html.escape(lead)}</p>']
    for section in sections:
        body.append(f"<h2>{html.escape(section.title)}</h2>")
        body.extend(f"<p>{html.escape(paragraph)}</p>" for paragraph in section.text.split("\n\n") if paragraph)
        if section.points:
            body.append(f"<ul>{''.join(f'<li>{html.escape(point)}</li>' for point in section.points)}</ul>")
        if section.table is not None:
            body.append(_table(section.table))
        body.extend(_picture(path, section.title) for path in section.pictures)
        if section.note:
            body.append(f'<p class="note">{html.escape(section.note)}</p>')
        if section.commands:
            body.append(f"<pre>{html.escape(section.commands)}</pre>")
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>",
            *body,
            "</body></html>\n",
        ]
    )


def _table(table: Table) -> str:
    heading = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.columns)
    rows = []
    for index, row in enumerate(table.rows):
        mark = ' class="strong"' if index == table.strong else ""
        rows.append(f"<tr{mark}>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>")
    return f"<table><tr>{heading}</tr>{''.join(rows)}</table>"


def _picture(path: Path, alternative: str) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<p><img alt="{html.escape(alternative)}" src="data:image/png;base64,{data}"></p>'
