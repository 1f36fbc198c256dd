"""Print rows by `--format`: a table, JSON lines, or a template for each row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bakepy.cli import template
from bakepy.cli.tabular import align

LEAST, PADDING = 10, 3
"""Docker's tables: the least width of a column, and what stands between two."""

Row = Mapping[str, object]


def is_table(form: str) -> bool:
    """Tell whether a format makes a table, with headings."""
    return form.startswith("table")


def is_json(form: str) -> bool:
    """Tell whether a format is JSON, one object a line."""
    return form == "json"


def show(form: str, rows: Iterable[Row], headings: Row) -> str:
    """Return the rows in a format; a table's headings go through the same template. Raises TemplateError."""
    if is_json(form):
        return "".join(f"{template.to_json(row)}\n" for row in rows)
    table = is_table(form)
    body = form.removeprefix("table") if table else form
    nodes = template.parse(body.strip(" ").replace("\\t", "\t").replace("\\n", "\n"))
    text = "".join(f"{template.render(nodes, row)}\n" for row in rows)
    if not table:
        return text
    heading = template.render(nodes, headings, template.HEADING_FUNCTIONS)
    return align(f"{heading}\n{text}", least=LEAST, padding=PADDING)
