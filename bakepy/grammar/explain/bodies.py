"""Faults of files and blocks."""

from __future__ import annotations

from bakepy.grammar.explain.cursor import Range, between
from bakepy.grammar.explain.expressions import Expressions
from bakepy.grammar.scanner import Token

_REQUIRED = "An argument or block definition is required here."
_NO_EQUALS = f'{_REQUIRED} To set an argument, use the equals sign "=" to introduce the argument value.'
_UNCLOSED = (
    "There is no closing brace for this block before the end of the file. This may be caused by incorrect brace "
    "nesting elsewhere in this file."
)
_SINGLE = "Invalid single-argument block definition"


class Bodies(Expressions):
    """Read bodies."""

    def body(self, end: str) -> None:
        """Read the items up to `end`: CBRACE in a block, END in a file."""
        start = self.previous()
        names: dict[str, Token] = {}
        while True:
            kind = self.peek()[0]
            if kind == end:
                self.read()
                return
            if kind == "NEWLINE":
                self.read()
            elif kind == "NAME":
                self.item(names)
            else:
                self.no_item(end, start)
                self.recover(end)
                return

    def no_item(self, end: str, start: Token) -> None:
        """Report what cannot begin an item."""
        bad = self.read()
        if bad[0] == "OQUOTE":
            hint = "Write the name without quotes. (A file in JSON form needs a name that ends in .json.)"
            self.guess("Invalid argument name", "Argument names must not be quoted.", bad, hint=hint)
        elif bad[0] == "END":
            self.guess("Unclosed configuration block", _UNCLOSED, start, hint="Add the missing “}”.")
        else:
            hint = "There is one “}” too many." if bad[0] == "CBRACE" and end == "END" else ""
            self.guess("Argument or block definition required", _REQUIRED, bad, hint=hint)

    def item(self, names: dict[str, Token]) -> None:
        """Read an attribute or a block; `names` are the attributes so far."""
        name = self.read()
        kind = self.peek()[0]
        if kind == "EQUAL":
            self.attribute(name, single_line=False)
            first = names.setdefault(name[1], name)
            if first is not name:
                where = self.span(first)
                self.fault(
                    "Attribute redefined",
                    f'The argument "{name[1]}" was already set at {where}. Each argument may be set only once.',
                    name,
                    hint="Remove one of the two.",
                    related=(("It was set here first", where),),
                )
        elif kind in ("OQUOTE", "OBRACE", "NAME"):
            self.block(name)
        else:
            hint = f"Write `{name[1]} = …`." if kind == "COLON" else ""
            self.recover_after_item()
            self.fault("Argument or block definition required", _NO_EQUALS, name, hint=hint)

    def attribute(self, name: Token, *, single_line: bool) -> None:
        """Read `= value` and the newline after it."""
        self.read()
        mark = len(self.faults)
        self.expression()
        if self.failed(mark):
            self.recover_after_item()
            return
        if single_line:
            return
        end = self.peek()
        if end[0] in ("NEWLINE", "END"):
            self.read()
            return
        summary, detail = "Missing newline after argument", "An argument definition must end with a newline."
        if end[0] == "COMMA":
            summary = "Unexpected comma after argument"
            detail = f"Argument definitions must be separated by newlines, not commas. {detail}"
        self.guess(summary, detail, end, between(name, end), hint="Remove the comma." if end[0] == "COMMA" else "")
        self.recover_after_item()

    def block(self, name: Token) -> None:
        """Read the labels and the body of a block, and the newline after it."""
        while self.peek()[0] in ("OQUOTE", "NAME"):
            if self.peek()[0] == "OQUOTE":
                self.label()
            else:
                self.read()
        brace = self.peek()
        if brace[0] != "OBRACE":
            self.no_brace(name, brace)
            self.recover_after_item()
            return
        self.read()
        if self.peek()[0] in ("NEWLINE", "END", "CBRACE"):
            self.descend()
            self.body("CBRACE")
            self.depth -= 1
        else:
            self.line_body(name, brace)
        end = self.peek()
        if end[0] in ("NEWLINE", "END"):
            self.read()
            return
        self.guess(
            "Missing newline after block definition",
            "A block definition must end with a newline.",
            end,
            between(name, end),
        )
        self.recover_after_item()

    def no_brace(self, name: Token, bad: Token) -> None:
        """Report what stands where a block must begin."""
        summary, context = "Invalid block definition", between(name, bad)
        if bad[0] == "EQUAL":
            detail = 'The equals sign "=" indicates an argument definition, and must not be used when defining a block.'
            self.fault(summary, detail, bad, context, hint="Remove the “=”, or the labels before it.")
        elif bad[0] == "NEWLINE":
            detail = (
                'A block definition must have block content delimited by "{" and "}", starting on the same line as the '
                "block header."
            )
            self.fault(summary, detail, bad, context)
        else:
            self.guess(
                summary, 'Either a quoted string block label or an opening brace ("{") is expected here.', bad, context
            )

    def line_body(self, name: Token, brace: Token) -> None:
        """Read a body of one attribute on the line of its block, and its brace."""
        mark = len(self.faults)
        self.line_attribute()
        within = self.faults[mark:]
        del self.faults[mark:]
        self.line_end(name, brace)
        self.faults += within

    def line_attribute(self) -> None:
        """Read the one attribute."""
        name = self.read()
        if name[0] != "NAME":
            self.recover_after_item()
            self.fault("Argument or block definition required", _REQUIRED, name)
            return
        following = self.peek()
        if following[0] == "EQUAL":
            self.attribute(name, single_line=True)
            return
        self.recover_after_item()
        if following[0] in ("OQUOTE", "OBRACE", "NAME"):
            detail = (
                "A single-line block definition can contain only a single argument. If you meant to define argument "
                f'"{name[1]}", use an equals sign to assign it a value. To define a nested block, place it on a line '
                "of its own within its parent block."
            )
            self.fault("Argument definition required", detail, between(name, following))
        else:
            self.fault("Argument or block definition required", _NO_EQUALS, name)

    def line_end(self, name: Token, brace: Token) -> None:
        """Read the brace that ends a body on one line."""
        end = self.peek()
        if end[0] == "CBRACE":
            self.read()
            return
        if end[0] == "COMMA":
            detail = (
                "Single-line block syntax can include only one argument definition. To define multiple arguments, use "
                "the multi-line block syntax with one argument definition per line."
            )
            self.fault(_SINGLE, detail, end)
        elif end[0] == "NEWLINE":
            detail = (
                "An argument definition on the same line as its containing block creates a single-line block "
                "definition, which must also be closed on the same line. Place the block's closing brace immediately "
                "after the argument definition."
            )
            self.fault(_SINGLE, detail, end)
        elif end[0] == "END":
            self.guess(
                "Unclosed configuration block", _UNCLOSED, brace, between(name, brace), hint="Add the missing “}”."
            )
        else:
            detail = (
                "A single-line block definition must end with a closing brace immediately after its single argument "
                "definition."
            )
            self.guess(_SINGLE, detail, end)
        self.recover("CBRACE")

    def label(self) -> None:
        """Read a quoted label."""
        opener = self.read()
        while True:
            token = self.read()
            kind = token[0]
            context = between(opener, token)
            if kind == "CQUOTE":
                return
            if kind == "QUOTED_LIT":
                self.escapes(token)
            elif kind in ("INTERP", "CONTROL"):
                mark = token[1][0]
                detail = (
                    "Template sequences are not allowed in this string. To include a literal "
                    f'"{mark}", double it (as "{mark}{mark}") to escape it.'
                )
                self.fault("Invalid string literal", detail, token, context)
                self.recover("TEND")
            elif kind == "END":
                detail = "Unable to find the closing quote mark before the end of the file."
                self.fault("Unterminated string literal", detail, token, context, related=self.opened(opener))
                return
            else:
                self.fault("Invalid string literal", "This item is not valid in a string literal.", token, context)
                self.recover("CQUOTE")
                return

    def whole_expression(self) -> Range:
        """Read an expression with nothing after it."""
        range_ = self.expression()
        if self.peek()[0] != "END":
            detail = "An expression was successfully parsed, but extra characters were found after it."
            self.guess("Extra characters after expression", detail, self.peek())
        return range_
