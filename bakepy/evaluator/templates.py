"""Literals and templates: what is written out, and text with values in it."""

from __future__ import annotations

from functools import lru_cache

from bakepy.diagnostics import Diagnostic
from bakepy.evaluator import limits
from bakepy.evaluator.dispatch import Faults, evaluate, evaluates
from bakepy.evaluator.scope import Scope
from bakepy.grammar.nodes import Invalid, Literal, Number, Parens, Template, TemplateJoin, TemplateWrap
from bakepy.values.convert import convert
from bakepy.values.errors import ConversionError
from bakepy.values.numbers import TooLongError, parse_number
from bakepy.values.types import STRING
from bakepy.values.value import FALSE, NULL, TRUE, UNKNOWN_DYNAMIC, Value, number, string, unknown

_UNKNOWN_STRING = unknown(STRING)
_INVALID = "Invalid template interpolation value"
_DEFAULT_HINT = 'give it another value first, for instance with coalesce(…, "text") or a condition'


@evaluates(Literal)
def _literal(expr: Literal, scope: Scope, faults: Faults) -> Value:
    value = expr.value
    if value is None:
        return NULL
    if isinstance(value, str):
        return string(value)
    return TRUE if value else FALSE


@lru_cache(maxsize=4096)
def _number_value(text: str) -> Value:
    raw = parse_number(text)
    return UNKNOWN_DYNAMIC if raw is None else number(raw)


@evaluates(Number)
def _number(expr: Number, scope: Scope, faults: Faults) -> Value:
    try:
        value = _number_value(expr.text)
    except TooLongError as error:
        faults.append(Diagnostic("Invalid number literal", error.message, expr.span, expr.span))
        return UNKNOWN_DYNAMIC
    if not value.is_known:
        detail = "Failed to recognize the value of this number literal."
        hint = "the exponent of a number may reach some 600 million"
        faults.append(Diagnostic("Invalid number literal", detail, expr.span, expr.span, hint))
    return value


@evaluates(Parens)
def _parens(expr: Parens, scope: Scope, faults: Faults) -> Value:
    return evaluate(expr.inner, scope, faults)


@evaluates(Invalid)
def _invalid(expr: Invalid, scope: Scope, faults: Faults) -> Value:
    faults.extend(expr.faults)
    return UNKNOWN_DYNAMIC


@evaluates(TemplateWrap)
def _wrap(expr: TemplateWrap, scope: Scope, faults: Faults) -> Value:
    return evaluate(expr.inner, scope, faults)


@evaluates(Template)
def _template(expr: Template, scope: Scope, faults: Faults) -> Value:
    out: list[str] = []
    known = True
    for part in expr.parts:
        if type(part) is Literal and type(part.value) is str:
            out.append(part.value)
            continue
        value = evaluate(part, scope, faults)
        raw = value.raw
        if type(raw) is str:
            out.append(raw)
        elif value.is_null:
            detail = "The expression result is null. Cannot include a null value in a string template."
            faults.append(Diagnostic(_INVALID, detail, part.span, expr.span, _DEFAULT_HINT))
        elif not value.is_known:
            known = False
        else:
            try:
                out.append(_text(value))
            except ConversionError as e:
                detail = f"Cannot include the given value in a string template: {e.message}."
                hint = "a template takes strings, numbers and bools; jsonencode(…) or join(…) make text of the rest"
                faults.append(Diagnostic(_INVALID, detail, part.span, expr.span, hint))
    # What could not be included was reported; the text without it is known, so that nothing more is said of it.
    text = "".join(out)
    return string(text) if known and limits.text_fits(text, expr.span, faults) else _UNKNOWN_STRING


@evaluates(TemplateJoin)
def _join(expr: TemplateJoin, scope: Scope, faults: Faults) -> Value:
    each = evaluate(expr.each, scope, faults)
    if not each.is_known:
        return _UNKNOWN_STRING
    out: list[str] = []
    for value in each.elements:
        if value.is_null:
            detail = "An iteration result is null. Cannot include a null value in a string template."
            faults.append(Diagnostic(_INVALID, detail, expr.each.span, hint=_DEFAULT_HINT))
            continue
        if not value.is_known:
            return _UNKNOWN_STRING
        try:
            out.append(_text(value))
        except ConversionError as e:
            detail = f"Cannot include one of the interpolation results into the string template: {e.message}."
            faults.append(Diagnostic(_INVALID, detail, expr.each.span))
    text = "".join(out)
    return string(text) if limits.text_fits(text, expr.span, faults) else _UNKNOWN_STRING


def _text(value: Value) -> str:
    return str(convert(value, STRING).raw)
