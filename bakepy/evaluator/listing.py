"""Variables as lists of variables show them: their values as JSON, as cty writes it."""

from __future__ import annotations

from bakepy.evaluator.definitions import VariableDefinition
from bakepy.evaluator.module import VariableInfo
from bakepy.evaluator.scope import Scope
from bakepy.values.convert import convert
from bakepy.values.errors import ValueFault
from bakepy.values.types import DYNAMIC, STRING, CollectionType, ObjectType, Primitive, TupleType, Type
from bakepy.values.value import Value


def describe(variable: VariableDefinition, root: Scope) -> VariableInfo:
    """Describe a variable whose value is in `root`."""
    kind = variable.constraint
    found = root.variables[variable.name]
    value = found if isinstance(found, Value) and not found.is_null else None
    return VariableInfo(
        name=variable.name,
        description=variable.description,
        type="" if kind is None else kind.friendly_name_for_constraint(),
        show=lambda: None if value is None else _shown(value, kind),
    )


def _shown(value: Value, kind: Type | None) -> str:
    """Return JSON, or plain text for strings and for what is primitive without a declared type."""
    if kind is None and value.type.is_primitive:
        return str(convert(value, STRING).raw)
    try:
        text = _json(value, kind or value.type)
    except ValueFault:
        return ""
    return text.strip('"') if kind is STRING else text


def _json(value: Value, kind: Type) -> str:
    """Return the JSON of a value; where its type was declared as `any`, its type goes with it."""
    from bakepy.values.json import encode, encode_string

    if value.is_null or not kind.has_dynamic():
        return encode(value)
    if kind is DYNAMIC:
        return f'{{"value":{encode(value)},"type":{_type_json(value.type)}}}'
    if isinstance(kind, TupleType):
        return f"[{','.join(_json(v, k) for v, k in zip(value.elements, kind.elements, strict=True))}]"
    if isinstance(value.raw, tuple) and isinstance(kind, CollectionType):
        return f"[{','.join(_json(v, kind.element) for v in value.elements)}]"
    members = []
    for name, member in value.mapping.items():
        inner = kind.attributes[name] if isinstance(kind, ObjectType) else DYNAMIC
        members.append(f"{encode_string(name)}:{_json(member, inner)}")
    return f"{{{','.join(members)}}}"


def _type_json(kind: Type) -> str:
    from bakepy.values.json import encode_string

    if isinstance(kind, Primitive):
        return encode_string(kind.name)
    if isinstance(kind, CollectionType):
        return f'["{kind.kind}",{_type_json(kind.element)}]'
    if isinstance(kind, TupleType):
        return f'["tuple",[{",".join(_type_json(e) for e in kind.elements)}]]'
    attributes = kind.attributes if isinstance(kind, ObjectType) else {}
    members = ",".join(f"{encode_string(n)}:{_type_json(t)}" for n, t in sorted(attributes.items()))
    return f'["object",{{{members}}}]'
