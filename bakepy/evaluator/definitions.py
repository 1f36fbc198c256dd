"""What the bodies define, before anything is evaluated: variables, functions, global attributes and blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from bakepy.diagnostics import Diagnostic, Severity, Span, nearest
from bakepy.evaluator.dispatch import Faults, evaluate
from bakepy.evaluator.scope import CONSTANTS, suggestion
from bakepy.evaluator.spans import start_span
from bakepy.grammar.nodes import Attribute, Block, Body
from bakepy.values.convert import convert
from bakepy.values.errors import ConversionError
from bakepy.values.types import STRING, Type


class VariableDefinition:
    """Hold a `variable` block. `constraint` is the declared type, once it was read."""

    __slots__ = ("name", "block", "default", "type", "description", "validations", "constraint")

    def __init__(
        self,
        name: str,
        block: Block,
        default: Attribute | None,
        type: Attribute | None,
        description: str,
        validations: list[Block],
        constraint: Type | None = None,
    ) -> None:
        self.name = name
        self.block = block
        self.default = default
        self.type = type
        self.description = description
        self.validations = validations
        self.constraint = constraint


class FunctionDefinition:
    """Hold a `function` block."""

    __slots__ = ("name", "block", "params", "variadic", "result")

    def __init__(
        self, name: str, block: Block, params: Attribute | None, variadic: Attribute | None, result: Attribute | None
    ) -> None:
        self.name = name
        self.block = block
        self.params = params
        self.variadic = variadic
        self.result = result


class GlobalAttribute(NamedTuple):
    """Hold an attribute outside all blocks, which is a variable; `json` where its file has the JSON form."""

    attribute: Attribute
    json: bool


class Definitions:
    """Hold what the bodies define; of two variables, functions or global attributes of a name the later counts."""

    __slots__ = ("variables", "functions", "attributes", "blocks", "warnings")

    def __init__(
        self,
        variables: dict[str, VariableDefinition] | None = None,
        functions: dict[str, FunctionDefinition] | None = None,
        attributes: dict[str, GlobalAttribute] | None = None,
        blocks: list[Block] | None = None,
        warnings: list[Diagnostic] | None = None,
    ) -> None:
        self.variables: dict[str, VariableDefinition] = {} if variables is None else variables
        self.functions: dict[str, FunctionDefinition] = {} if functions is None else functions
        self.attributes: dict[str, GlobalAttribute] = {} if attributes is None else attributes
        self.blocks: list[Block] = [] if blocks is None else blocks
        self.warnings: list[Diagnostic] = [] if warnings is None else warnings


_VARIABLE = ("type", "default", "description")
_FUNCTION = ("params", "variadic_params", "result")
_VALIDATION = ("condition", "error_message")


def collect(
    bodies: Sequence[Body], schemas: Mapping[str, Iterable[str]], reserved: Iterable[str], faults: Faults
) -> Definitions:
    """Return the definitions of all bodies in order; `reserved` names cannot be defined and are passed over.

    `schemas` are the types of the blocks to evaluate, each with the names of its attributes.
    """
    taken = {*reserved, *schemas}
    out = Definitions()
    for body in bodies:
        for name, attribute in body.attributes.items():
            if name not in taken and name != "function":
                out.attributes[name] = GlobalAttribute(attribute, body.json)
        for block in body.blocks:
            if block.type == "variable" and _labelled(block, faults):
                variable = _variable(block, faults, out.warnings)
                if variable.name not in taken:
                    out.variables[variable.name] = variable
            elif block.type == "function" and _labelled(block, faults):
                function = _function(block, faults)
                if function.name not in taken:
                    out.functions[function.name] = function
            elif block.type in schemas and _labelled(block, faults):
                out.blocks.append(block)
                _warn_unknown(block, schemas[block.type], out.warnings, owners={**OWNERS, **schemas})
            elif block.type not in ("variable", "function", *schemas):
                out.warnings.append(_unknown_block(block, ("variable", "function", *schemas), Severity.WARNING))
    return out


def _labelled(block: Block, faults: Faults) -> bool:
    """Tell whether a block has the one label it needs; report it if not."""
    kind = block.type
    if len(block.labels) == 1:
        return True
    if block.labels:
        summary, detail = f"Extraneous label for {kind}", f"Only 1 labels (name) are expected for {kind} blocks."
        subject, hint = block.label_spans[1], f'give it one name: {kind} "{"-".join(block.labels)}"'
    else:
        summary, detail = f"Missing name for {kind}", f"All {kind} blocks must have 1 labels (name)."
        subject, hint = _opening_brace(block), f'name it: {kind} "name" {{'
    faults.append(Diagnostic(summary, detail, subject, block.header.to(_opening_brace(block)), hint))
    return False


def _unlabelled(block: Block, faults: Faults) -> bool:
    """Tell whether a block has no label, as it must; report it if it has."""
    if not block.labels:
        return True
    summary, detail = f"Extraneous label for {block.type}", f"No labels are expected for {block.type} blocks."
    faults.append(Diagnostic(summary, detail, block.label_spans[0], block.header.to(_opening_brace(block))))
    return False


def _opening_brace(block: Block) -> Span:
    source = block.header.source
    at = source.text.find("{", block.header.end, block.span.end)
    return block.header if at < 0 else Span(source, at, at + 1)


def _variable(block: Block, faults: Faults, warnings: list[Diagnostic]) -> VariableDefinition:
    attributes = block.body.attributes
    validations = [b for b in block.body.blocks if b.type == "validation"]
    for rule in validations:
        if _unlabelled(rule, faults):
            _only(rule, _VALIDATION, faults)
    _warn_unknown(block, _VARIABLE, warnings, ("validation",), owners=OWNERS)
    return VariableDefinition(
        name=block.labels[0],
        block=block,
        default=attributes.get("default"),
        type=attributes.get("type"),
        description=_description(attributes.get("description"), faults, json=block.body.json),
        validations=validations,
    )


def _description(attribute: Attribute | None, faults: Faults, *, json: bool) -> str:
    """Evaluate a text in which no names may be used."""
    if attribute is None:
        return ""
    expr = attribute.value
    if json and (text := _json_text(expr.span)) is not None:
        return text
    value = evaluate(expr, CONSTANTS, faults)
    detail = "value must be known"
    implied = not value.is_known
    try:
        value = convert(value, STRING)
        if isinstance(value.raw, str):
            return value.raw
        if value.is_null:
            detail = "null value is not allowed"
    except ConversionError as e:
        detail = e.message
    faults.append(
        Diagnostic("Unsuitable value type", f"Unsuitable value: {detail}", start_span(expr), expr.span, implied=implied)
    )
    return ""


def _json_text(span: Span) -> str | None:
    """Return a string of the JSON form as it is written: where no names may be used, it is no template."""
    import json

    try:
        text = json.loads(span.source.text[span.start : span.end])
    except ValueError:
        return None
    return text if isinstance(text, str) else None


def _function(block: Block, faults: Faults) -> FunctionDefinition:
    _only(block, _FUNCTION, faults)
    attributes = block.body.attributes
    return FunctionDefinition(
        name=block.labels[0],
        block=block,
        params=attributes.get("params"),
        variadic=attributes.get("variadic_params"),
        result=attributes.get("result"),
    )


def _only(block: Block, names: Sequence[str], faults: Faults) -> None:
    """Report what a block holds besides the attributes of these names."""
    body = block.body
    for name, attribute in body.attributes.items():
        if name in names:
            continue
        near = suggestion(name, [n for n in names if n not in body.attributes])
        mean = f' Did you mean "{near}"?' if near else ""
        if body.json:
            summary, detail = "Extraneous JSON object property", f'No argument or block type is named "{name}".{mean}'
        else:
            summary, detail = "Unsupported argument", f'An argument named "{name}" is not expected here.{mean}'
        faults.append(Diagnostic(summary, detail, attribute.name_span, attribute.span))
    faults.extend(_unknown_block(inner, (), Severity.ERROR) for inner in body.blocks)


def _unknown_block(block: Block, names: Sequence[str], severity: Severity) -> Diagnostic:
    near = nearest(block.type, names)
    hint = f'did you mean "{near}"?' if near else ""
    detail = f'Blocks of type "{block.type}" are not expected here.'
    return Diagnostic("Unsupported block type", detail, block.type_span, block.header, hint, severity)


OWNERS = {
    "variable": {"default", "type", "sensitive", "validation"},
    "function": {"params", "variadic_params", "result"},
}
"""The attributes of blocks that have no schema."""


def _warn_unknown(
    block: Block,
    known: Iterable[str],
    warnings: list[Diagnostic],
    blocks: Sequence[str] = (),
    *,
    owners: Mapping[str, Iterable[str]],
) -> None:
    """Warn of what a block holds and nothing reads: it is tolerated, but most often a slip of the pen."""
    names = (*known, "name", "matrix") if block.type == "target" else tuple(known)
    for name, attribute in block.body.attributes.items():
        if name not in names:
            near = nearest(name, names)
            hint = f'did you mean "{near}"?' if near else f"it has no effect in a {block.type}"
            owner = next((kind for kind, own in owners.items() if name in own and kind != block.type), None)
            # "target" in a group is rather a slip for "targets" than meant for a target.
            if owner and not (near and near.startswith(name)):
                hint = f"{name} belongs in a {owner}"
            detail = f'An argument named "{name}" is not expected here.'
            warnings.append(
                Diagnostic("Unsupported argument", detail, attribute.name_span, None, hint, Severity.WARNING)
            )
    for inner in block.body.blocks:
        if inner.type not in blocks:
            warning = _unknown_block(inner, blocks, Severity.WARNING)
            if inner.type in names:
                hint = f"{inner.type} is an attribute: write {inner.type} = {{ … }}"
                warning = Diagnostic(
                    warning.summary, warning.detail, warning.subject, warning.context, hint, Severity.WARNING
                )
            warnings.append(warning)
