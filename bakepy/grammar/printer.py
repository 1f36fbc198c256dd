"""Print a tree as text in the native syntax that reads as the same tree.

Comments and layout are not in the tree; a heredoc comes out as a quoted string.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bakepy.grammar import nodes
from bakepy.grammar.nodes import Expr, GetAttr, Literal, Step, Template

_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}
_CONSTANTS = {True: "true", False: "false", None: "null"}


def print_body(body: nodes.Body, indent: str = "") -> str:
    """Return the lines of a body: its attributes, then its blocks."""
    lines = [f"{indent}{a.name} = {print_expr(a.value)}\n" for a in body.attributes.values()]
    for block in body.blocks:
        header = " ".join([block.type, *map(quote, block.labels)])
        inner = print_body(block.body, indent + "  ")
        lines.append(f"{indent}{header} {{\n{inner}{indent}}}\n" if inner else f"{indent}{header} {{}}\n")
    return "".join(lines)


def print_expr(node: Expr) -> str:
    """Return an expression on one line."""
    match node:
        case Literal(value=str() as text):
            return quote(text)
        case Literal():
            return _CONSTANTS[node.value]  # type: ignore[index]
        case nodes.Number():
            return node.text
        case Template():
            return f'"{_parts(node.parts, at_end=True)}"'
        case nodes.TemplateWrap():
            return f'"${{{print_expr(node.inner)}}}"'
        case nodes.Unary():
            return node.op + print_expr(node.operand)
        case nodes.Binary():
            return f"{print_expr(node.left)} {node.op} {print_expr(node.right)}"
        case nodes.Conditional():
            return f"{print_expr(node.condition)} ? {print_expr(node.yes)} : {print_expr(node.no)}"
        case nodes.Parens():
            return f"({print_expr(node.inner)})"
        case nodes.Call():
            return f"{node.name}({_list(node.args)}{'...' if node.expand else ''})"
        case _:
            return _print_collection(node)


def _print_collection(node: Expr) -> str:
    match node:
        case nodes.Tuple():
            return f"[{_list(node.items)}]"
        case nodes.Object():
            return "{" + ", ".join(f"{_key(item)} = {print_expr(item.value)}" for item in node.items) + "}"
        case nodes.ForTuple():
            return f"[{_for_head(node)}: {print_expr(node.body)}{_condition(node.condition)}]"
        case nodes.ForObject():
            results = f"{print_expr(node.key_body)} => {print_expr(node.value_body)}{'...' if node.group else ''}"
            return f"{{{_for_head(node)}: {results}{_condition(node.condition)}}}"
        case nodes.Variable():
            return node.root + _steps(node.steps)
        case nodes.Traverse():
            return _stepped(node.source) + _steps(node.steps)
        case nodes.Index():
            return f"{_stepped(node.collection)}[{print_expr(node.key)}]"
        case nodes.Splat():
            return _stepped(node.source) + ("[*]" if node.full else ".*") + print_expr(node.each)
        case nodes.SplatItem():
            return ""
        case _:
            raise TypeError(f"{type(node).__name__} has no text")


def quote(text: str) -> str:
    """Return the text as a quoted string that holds no template."""
    return f'"{_escape(text)}"'


def _escape(text: str) -> str:
    escaped = "".join(_ESCAPES.get(c) or (c if c.isprintable() else f"\\U{ord(c):08x}") for c in text)
    return escaped.replace("${", "$${").replace("%{", "%%{")


def _parts(parts: Sequence[Expr], *, at_end: bool) -> str:
    """Print a template's parts; `at_end` where a quote follows and not a directive."""
    out = ""
    for index, part in enumerate(parts):
        follows_text = index > 0 and isinstance(parts[index - 1], Literal)
        if isinstance(part, Literal) and isinstance(part.value, str) and part.value and not follows_text:
            out += _text(part.value, before_sequence=index < len(parts) - 1 or not at_end)
        else:
            out += _sequence(part)
    return out


def _text(text: str, *, before_sequence: bool) -> str:
    """Print text of a template, with a last `$` or `%` as its code where it would escape a sequence after it."""
    if before_sequence and text[-1:] in ("$", "%"):
        return f"{_escape(text[:-1])}\\u{ord(text[-1]):04x}"
    return _escape(text)


def _sequence(part: Expr) -> str:
    match part:
        case nodes.Conditional(yes=yes, no=no) if _is_section(yes) and _is_section(no):
            return f"%{{ if {print_expr(part.condition)} }}{_section(yes)}%{{ else }}{_section(no)}%{{ endif }}"
        case nodes.TemplateJoin(each=nodes.ForTuple() as each):
            return f"%{{ {_for_head(each)} }}{_section(each.body)}%{{ endfor }}"
        case _:
            return f"${{{print_expr(part)}}}"


def _is_section(node: Expr) -> bool:
    return isinstance(node, Template) or (isinstance(node, Literal) and isinstance(node.value, str))


def _section(node: Expr) -> str:
    """Print the template between two directives."""
    if isinstance(node, Template):
        return _sequence(node.parts[0]) if len(node.parts) == 1 else _parts(node.parts, at_end=False)
    return _text(str(node.value), before_sequence=True) if isinstance(node, Literal) else _sequence(node)


def _list(items: Iterable[Expr]) -> str:
    return ", ".join(map(print_expr, items))


def _key(item: nodes.ObjectItem) -> str:
    return str(item.key.value) if item.bare and isinstance(item.key, Literal) else print_expr(item.key)


def _for_head(node: nodes.ForTuple | nodes.ForObject) -> str:
    names = f"{node.key_name}, {node.value_name}" if node.key_name else node.value_name
    return f"for {names} in {print_expr(node.collection)}"


def _condition(node: Expr | None) -> str:
    return f" if {print_expr(node)}" if node else ""


def _stepped(node: Expr) -> str:
    """Print what steps follow; a number needs a space, lest the dot be taken for its own."""
    return print_expr(node) + (" " if isinstance(node, nodes.Number) else "")


def _steps(steps: Iterable[Step]) -> str:
    out = ""
    for step in steps:
        if isinstance(step, GetAttr):
            out += f".{step.name}"
        elif step.legacy:
            out += f".{print_expr(step.key)} "
        else:
            out += f"[{print_expr(step.key)}]"
    return out
