"""Records of the build cache as rows, and what they come to."""

from __future__ import annotations

import time
from collections.abc import Iterable

from bakepy.builders.record import go_json
from bakepy.buildkit.requests import CacheRecord
from bakepy.cli.tabular import align
from bakepy.cli.template import Object
from bakepy.cli.units import ago, decimal_size, timestamp
from bakepy.diagnostics import one_line, printable_json

TAB = 8

PRETTY = """ID:           {{.ID}}
{{- if .Parents }}
Parents:
{{- range .Parents }}
 - {{.}}
{{- end }}
{{- end }}
Created at:   {{.CreatedAt}}
Mutable:      {{.Mutable}}
Reclaimable:  {{.Reclaimable}}
Shared:       {{.Shared}}
Size:         {{.Size}}
{{- if .Description}}
Description:  {{ .Description }}
{{- end }}
Usage count:  {{.UsageCount}}
{{- if .LastUsedAt}}
Last used:    {{ .LastUsedAt }}
{{- end }}
{{- if .Type}}
Type:         {{ .Type }}
{{- end }}
"""
"""A record in full, one field a line."""


def row(record: CacheRecord, *, table: bool) -> Object:
    """Return the fields of a record; a table marks what is mutable and what is shared with a star."""
    fields: dict[str, object] = {
        "ID": record.id + ("*" if table and record.mutable else ""),
        "Parents": list(record.parents),
        "CreatedAt": timestamp(record.created),
        "Mutable": record.mutable,
        "Reclaimable": not record.in_use,
        "Shared": record.shared,
        "Size": decimal_size(record.size) + ("*" if table and record.shared else ""),
        "Description": record.description,
        "UsageCount": record.usage_count,
        "LastUsedAt": "" if record.last_used is None else f"{ago(time.time_ns() - record.last_used)} ago",
        "Type": record.type,
    }
    return Object(
        {name: _shown(value) for name, value in fields.items()},
        lambda: printable_json(
            go_json({name: value or None if name == "Parents" else value for name, value in sorted(fields.items())})
        ),
    )


def _shown(value: object) -> object:
    """Return a field as a template prints it: what a builder says is one line that a terminal does not obey."""
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return one_line(value) if isinstance(value, str) else value


def summary(records: Iterable[CacheRecord]) -> str:
    """Return what the records take, and how much of that a prune would free."""
    found = list(records)
    total = sum(record.size for record in found)
    shared = sum(record.size for record in found if record.shared)
    free = sum(record.size for record in found if not record.in_use)
    lines = [("Shared", shared), ("Private", total - shared)] if shared else []
    lines += [("Reclaimable", free), ("Total", total)]
    return sizes(lines)


def sizes(lines: Iterable[tuple[str, int]]) -> str:
    """Return sizes by name, one a line."""
    return align("".join(f"{name}:\t{decimal_size(size)}\n" for name, size in lines), least=1, tab=TAB)
