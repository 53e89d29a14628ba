"""A report as one HTML page with its pictures inside."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape

from kzoo.evaluation.results import Report

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 0 0 1.5rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .8rem; border-bottom: 1px solid #ddd; text-align: right; }
th:first-child, td:first-child, td:last-child { text-align: left; }
th { border-bottom: 2px solid #888; vertical-align: bottom; }
figure { margin: 2rem 0; }
img { max-width: 100%; }
.note { color: #555; max-width: 48rem; }
"""


def page(
    report: Report,
    sections: Sequence[tuple[str, list[str], list[list[str]]]],
    notes: Sequence[str],
    pictures: Mapping[str, bytes],
) -> str:
    """Return the page; `sections` are tables as (title, headings, cells), `pictures` title to PNG."""
    title = f"Table {report.table.table} on {report.data}"
    source = f"Data: {report.data_source}; licence: {report.licence}."
    figures = [_figure(name, png) for name, png in pictures.items()]
    return plain_page(title, sections, notes, [*figures, f'<p class="note">{escape(source)}</p>'])


def plain_page(
    title: str,
    sections: Sequence[tuple[str, list[str], list[list[str]]]],
    notes: Sequence[str],
    after: Sequence[str] = (),
) -> str:
    """Return a page of tables and notes, with the HTML elements `after` at its end."""
    body = [f"<h1>{escape(title)}</h1>"]
    body += [_table(*section) for section in sections]
    body += [f'<p class="note">{escape(note)}</p>' for note in notes]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join([*body, *after])
        + "\n</body>\n</html>\n"
    )


def _table(title: str, headings: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    rows = "\n".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in cells
    )
    table = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
    return f"<h2>{escape(title)}</h2>\n{table}"


def _figure(title: str, png: bytes) -> str:
    encoded = base64.b64encode(png).decode("ascii")
    return (
        f'<figure><img alt="{escape(title)}" src="data:image/png;base64,{encoded}">'
        f"<figcaption>{escape(title)}</figcaption></figure>"
    )
