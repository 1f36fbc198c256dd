"""The JSON Schema (draft 2020-12) of definition files in JSON, made of what the attributes state about themselves.

Strings in that form are templates, so that a string with `${` or `%{` may stand for any value; and HCL lets a list of
objects stand wherever an object describes a block (hashicorp/hcl, json/spec.md).
"""

from __future__ import annotations

from typing import Any

from bakepy.model.attribute import Attribute, Shape
from bakepy.model.decoding import ELEMENTS, RESOURCES
from bakepy.model.target import ATTRIBUTES
from bakepy.values.types import NUMBER, STRING, ObjectType, Type

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NAME = "^[a-zA-Z0-9_-]+$"
"""What the names of targets and groups look like."""

COMMENT = "//"
"""The property that HCL passes over wherever properties are names that a schema gives."""

TEMPLATE: Schema = {
    "description": "A template that gives the value.",
    "type": "string",
    "pattern": r"[$%]\{",
}
SCALAR: Schema = {"type": ["string", "number", "boolean"]}
TEXT: Schema = {"type": ["string", "number", "boolean", "null"]}


def json_schema() -> Schema:
    """Return the schema of a whole file; its properties are in the order of the attributes."""
    blocks = {kind: _labelled(kind, named=False) for kind in ("variable", "function")}
    blocks |= {kind: _labelled(kind, named=True) for kind in ("group", "target")}
    return {
        "$schema": DIALECT,
        "title": "Bake definition",
        "description": "Targets to build, in the JSON form of docker-bake files.",
        "$ref": "#/$defs/file",
        "$defs": {
            # Any other property at the top is a variable too.
            "file": _many({"type": "object", "properties": blocks}),
            "variable": _variable(),
            "function": _function(),
            "group": _group(),
            "target": _target(),
            "template": TEMPLATE,
        },
    }


def _many(schema: Schema) -> Schema:
    """Let a list of objects stand for an object."""
    return {"anyOf": [schema, {"type": "array", "items": schema}]}


def _or_template(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"$ref": "#/$defs/template"}]}


def _labelled(kind: str, *, named: bool) -> Schema:
    body = _many({"$ref": f"#/$defs/{kind}"})
    names = {"propertyNames": {"pattern": NAME}} if named else {}
    return _many({"type": "object", **names, "additionalProperties": body})


def _closed(doc: str, properties: Schema, required: tuple[str, ...] = ()) -> Schema:
    """Return the schema of a block's body, whose properties are all known."""
    needs = {"required": list(required)} if required else {}
    known = {COMMENT: {"description": "A comment."}, **properties}
    return {"description": doc, "type": "object", "properties": known, "additionalProperties": False, **needs}


def _described(doc: str, schema: Schema) -> Schema:
    return {"description": doc, **schema}


def _variable() -> Schema:
    rule = _closed(
        "A condition that the value must meet.",
        {
            "condition": _described("An expression that gives true or false.", {"type": ["string", "boolean"]}),
            "error_message": _described("What to say where the condition does not hold.", TEXT),
        },
    )
    return _closed(
        "A value that definitions use, and that the command line and the environment may change.",
        {
            "type": _described("Its type, such as string or list(string).", {"type": ["string", "null"]}),
            "default": {"description": "Its value where nothing else sets it."},
            "description": _described("What the variable is for.", TEXT),
            "validation": _many(rule),
        },
    )


def _function() -> Schema:
    return _closed(
        "A function that expressions may call.",
        {
            "params": _described("The names of its parameters.", {"type": "array", "items": {"type": "string"}}),
            "variadic_params": _described("The name that takes all further arguments.", {"type": "string"}),
            "result": {"description": "What it returns: an expression of its parameters."},
        },
    )


def _group() -> Schema:
    texts = _or_template({"type": ["array", "null"], "items": SCALAR})
    properties = {
        "description": _described("What the group is for.", TEXT),
        "targets": _described("The targets and groups in it.", texts),
    }
    return _closed("A name for several targets.", properties, ("targets",))


def _target() -> Schema:
    rows = _or_template({"type": "object", "additionalProperties": _or_template({"type": "array"})})
    matrix = {
        "name": _described("The name of each row's target, where there is a matrix.", {"type": "string"}),
        "matrix": _described("Axes with their values; there is one target for each combination.", rows),
    }
    return _closed("One build.", {**matrix, **{a.name: _described(a.doc, _attribute(a)) for a in ATTRIBUTES}})


def _attribute(attribute: Attribute) -> Schema:
    match attribute.shape:
        case Shape.TEXT:
            return TEXT
        case Shape.FLAG:
            return _or_template({"enum": [True, False, "true", "false", "1", "0", None]})
        case Shape.TEXTS:
            return _or_template({"type": ["array", "null"], "items": SCALAR})
        case Shape.MAP:
            return _or_template({"type": ["object", "null"], "additionalProperties": TEXT})
        case Shape.STRICT_MAP:
            return _or_template({"type": ["object", "null"], "additionalProperties": SCALAR})
        case Shape.ENTRIES:
            return _or_template(
                {"type": ["array", "null"], "items": {"anyOf": [{"type": "string"}, _entry(attribute)]}}
            )
        case Shape.RESOURCES:
            return _or_template(_object(RESOURCES))


def _entry(attribute: Attribute) -> Schema:
    """Return the schema of an entry that is written as an object."""
    kind = ELEMENTS.get(attribute.entry)
    if isinstance(kind, ObjectType):
        return _object(kind)
    return {"type": "object", "additionalProperties": SCALAR}


def _object(kind: ObjectType) -> Schema:
    properties = {name: _value(inner) for name, inner in kind.attributes.items()}
    return {"type": ["object", "null"], "properties": properties, "additionalProperties": False}


def _value(kind: Type) -> Schema:
    if kind is STRING:
        return TEXT
    if kind is NUMBER:
        return _or_template({"type": ["integer", "null"]})
    return _or_template({"type": ["array", "null"], "items": SCALAR})
