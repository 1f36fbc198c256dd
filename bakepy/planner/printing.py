"""What `--print` and `--list` show, in the reference's exact form: Go's JSON and tables with tabs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bakepy.diagnostics import one_line, printable_json
from bakepy.planner.config import Config, Definition

ESCAPES = {
    **{code: f"\\u{code:04x}" for code in (*range(0x20), *map(ord, "<>&"), 0x2028, 0x2029)},
    **{ord(char): "\\" + letter for char, letter in zip('"\\\b\f\n\r\t', '"\\bfnrt', strict=True)},
}
"""What Go's JSON escapes: what JSON must, and some characters for the sake of HTML and JavaScript."""


def to_json(value: Any) -> str:
    """Return plain data as Go's `json.MarshalIndent` prints it with two spaces; mappings keep their order."""
    out: list[str] = []
    _write(value, "\n", out)
    return "".join(out)


def _write(value: Any, line: str, out: list[str]) -> None:
    if isinstance(value, str):
        out.append(_quoted(value))
    elif value is None or isinstance(value, bool):
        out.append({None: "null", True: "true", False: "false"}[value])
    elif isinstance(value, Mapping):
        _write_items(((_quoted(k) + ": ", v) for k, v in value.items()), "{}", line, out)
    elif isinstance(value, list | tuple):
        _write_items((("", item) for item in value), "[]", line, out)
    else:
        out.append(str(value))


def _quoted(text: str) -> str:
    return '"' + text.translate(ESCAPES) + '"'


def _write_items(items: Iterable[tuple[str, Any]], brackets: str, line: str, out: list[str]) -> None:
    inner = line + "  "
    opened = False
    for key, item in items:
        out.append(("," if opened else brackets[0]) + inner + key)
        _write(item, inner, out)
        opened = True
    out.append(line + brackets[1] if opened else brackets)


def show(config: Config) -> str:
    """Return what `--print` shows: the groups and targets of a run by name."""
    groups = {name: group.json() for name, group in sorted(config.groups.items())}
    targets = {name: target.json() for name, target in sorted(config.targets.items())}
    return printable_json(to_json({**({"group": groups} if groups else {}), "target": targets})) + "\n"


def list_targets(definition: Definition, form: str) -> str:
    """Return the list of targets and groups as a table or JSON; names with a leading `_` are private."""
    rows: list[dict[str, Any]] = []
    for name, target in definition.targets.items():
        rows.append({"name": name, **_described(target.description or "")})
    for group in (*definition.groups.values(), *definition.shadowed):
        members = ", ".join(sorted(group.targets))
        both = f"{group.description} ({members})" if group.description and members else group.description or members
        rows.append({"name": group.name, **_described(both), "group": True})
    rows = [row for row in _sorted(rows) if not row["name"].startswith("_")]
    if form == "json":
        return printable_json(to_json(rows or None)) + "\n"
    return table([("TARGET", "DESCRIPTION"), *((row["name"], row.get("description", "")) for row in rows)])


def _sorted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = [row["name"] for row in rows]
    if len(set(names)) == len(names):
        return sorted(rows, key=lambda row: row["name"])
    from bakepy.planner.pdqsort import pdqsorted

    return pdqsorted(rows, lambda row: row["name"])


def _described(text: str) -> dict[str, str]:
    return {"description": text} if text else {}


def list_variables(definition: Definition, form: str) -> str:
    """Return the list of variables as a table or JSON."""
    found = sorted(definition.variables or (), key=lambda variable: variable.name)
    if form == "json":
        rows = [
            {
                "name": v.name,
                **_described(v.description),
                **({"type": v.type} if v.type else {}),
                **({} if v.value is None else {"value": v.value}),
            }
            for v in found
        ]
        return printable_json(to_json(rows if definition.variables is not None else None)) + "\n"
    cells = [(v.name, v.type, "<null>" if v.value is None else v.value, v.description) for v in found]
    return table([("VARIABLE", "TYPE", "VALUE", "DESCRIPTION"), *cells])


def table(rows: Sequence[Sequence[str]], tab: int = 8) -> str:
    """Return rows in columns that tabs align, the last column as it is."""
    lines = [""] * len(rows)
    for column in range(len(rows[0])):
        cells = [one_line(row[column]) for row in rows]
        last = column == len(rows[0]) - 1
        width = (max(map(len, cells)) + 1 + tab - 1) // tab * tab
        for i, cell in enumerate(cells):
            lines[i] += cell if last else cell + "\t" * -(-(width - len(cell)) // tab)
    return "\n".join(lines) + "\n"
