"""Faults of expressions."""

from __future__ import annotations

import re

from bakepy.grammar.explain.cursor import Range, between
from bakepy.grammar.explain.templates import Templates
from bakepy.grammar.scanner import Token

_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")
_OPERATORS = ("OPERATOR", "MINUS", "STAR")
_NO_ATTRIBUTE = ("Invalid attribute name", "An attribute name is required after a dot.")
_FOR = "Invalid 'for' expression"


class Expressions(Templates):
    """Read expressions; a method returns where its expression starts and ends, as far as it was read."""

    def expression(self) -> Range:
        """Read an expression, conditionals included."""
        self.descend()
        try:
            return self.conditional()
        finally:
            self.depth -= 1

    def conditional(self) -> Range:
        """Read an operation and, after a question mark, what it chooses from."""
        start, mark = self.peek(), len(self.faults)
        condition = self.operation()
        if self.failed(mark) or self.peek()[0] != "QUESTION":
            return condition
        self.read()
        mark = len(self.faults)
        self.expression()
        if self.failed(mark):
            return condition
        colon = self.peek()
        if colon[0] != "COLON":
            detail = "The conditional operator (...?...:...) requires a false expression, delimited by a colon."
            self.fault("Missing false expression in conditional", detail, colon, between(start, colon))
            return condition
        self.read()
        mark = len(self.faults)
        no = self.expression()
        return condition if self.failed(mark) else between(start, no)

    def operation(self) -> Range:
        """Read operands with operators between them."""
        mark = len(self.faults)
        whole = self.operand()
        while not self.failed(mark) and self.peek()[0] in _OPERATORS:
            self.read()
            whole = between(whole, self.operand())
        return whole

    def operand(self) -> Range:
        """Read a term and the steps into its value."""
        return self.steps(self.term())

    def term(self) -> Range:
        """Read a literal, name, call, template, collection, or parentheses; or a prefix operator and its operand."""
        token = self.peek()
        kind = token[0]
        if kind == "OPAREN":
            return self.parens(self.read())
        if kind == "NUMBER":
            self.number(self.read())
            return between(token, token)
        if kind == "NAME":
            self.read()
            return self.call(token) if self.peek()[0] in ("OPAREN", "DCOLON") else between(token, token)
        if kind in ("OQUOTE", "OHEREDOC"):
            self.read()
            return self.template("CQUOTE" if kind == "OQUOTE" else "CHEREDOC", token)
        if kind in ("MINUS", "BANG"):
            self.read()
            self.descend()
            operand = self.operand()
            self.depth -= 1
            return between(token, operand)
        if kind == "OBRACK":
            return self.tuple_of(self.read())
        if kind == "OBRACE":
            return self.object_of(self.read())
        if kind == "END":
            detail = "Expected the start of an expression, but found the end of the file."
            self.guess("Missing expression", detail, token)
        else:
            hint = "There is no value after the equals sign." if kind == "NEWLINE" else ""
            detail = "Expected the start of an expression, but found an invalid expression token."
            self.guess("Invalid expression", detail, token, hint=hint)
        self.recovering = True
        return between(token, token)

    def number(self, token: Token) -> None:
        """Check a number."""
        if not _NUMBER.fullmatch(token[1]):
            detail = "Failed to recognize the value of this number literal."
            hint = "Write versions in quotes." if token[1].count(".") > 1 else ""
            self.fault("Invalid number literal", detail, token, hint=hint)

    def parens(self, opener: Token) -> Range:
        """Read what stands in parentheses."""
        with self.newlines(False):
            mark = len(self.faults)
            inner = self.expression()
            if len(self.faults) > mark:
                self.recover("CPAREN")
                return inner
            closer = self.peek()
            if closer[0] != "CPAREN":
                detail = "Expected a closing parenthesis to terminate the expression."
                context = between(opener, closer)
                self.fault("Unbalanced parentheses", detail, closer, context, related=self.opened(opener))
                self.recovering = True
            return between(opener, self.read())

    # Steps

    def steps(self, start: Range) -> Range:
        """Read the steps into the value of what starts at `start`."""
        whole = start
        while True:
            kind = self.peek()[0]
            if kind == "DOT":
                whole = self.dot_step(start, whole)
            elif kind == "OBRACK":
                whole = self.bracket_step(start)
            else:
                return whole

    def dot_step(self, start: Range, whole: Range) -> Range:
        """Read `.name`, `.0` or `.*`."""
        dot, token = self.read(), self.peek()
        if token[0] == "NAME":
            return between(start, self.read())
        if token[0] == "NUMBER":
            self.read()
            self.legacy_index(token, token, "")
            return between(start, token)
        if token[0] == "STAR":
            return self.attribute_splat(start, whole)
        self.fault(*_NO_ATTRIBUTE, token)
        self.recovering = True
        return between(start, dot)

    def legacy_index(self, token: Token, subject: Token, with_splat: str) -> None:
        """Check the number of an index of the old kind."""
        first, dot, second = token[1].partition(".")
        if dot:
            detail = (
                "When using the legacy index syntax, chaining two indexes together is not permitted. Use the proper "
                f"index syntax{with_splat} instead, like [{first}][{second}]."
            )
            self.fault("Invalid legacy index syntax", detail, subject)
        else:
            self.number(token)

    def attribute_splat(self, start: Range, whole: Range) -> Range:
        """Read `*` and the attributes after it."""
        star = last = self.read()
        while self.peek()[0] == "DOT":
            self.read()
            token = self.peek()
            if token[0] == "NUMBER":
                self.read()
                self.legacy_index(token, star, " with a full splat expression [*]")
            elif token[0] == "NAME":
                self.read()
            else:
                if token[0] == "STAR":
                    detail = "A splat expression (*) cannot be used inside another attribute-only splat expression."
                    self.guess("Nested splat expression not allowed", detail, token)
                else:
                    self.guess(*_NO_ATTRIBUTE, star)
                self.recovering = True
                return whole
            last = token
        return between(start, last)

    def bracket_step(self, start: Range) -> Range:
        """Read `[key]` or `[*]`."""
        opener = self.read()
        if self.peek()[0] == "STAR":
            self.read()
            closer = self.read()
            if closer[0] != "CBRACK" and not self.recovering:
                detail = 'The star for a full splat operator must be immediately followed by a closing bracket ("]").'
                self.fault("Missing close bracket on splat index", detail, closer)
                closer = self.recover("CBRACK")
            return between(start, self.steps(between(opener, closer)))
        with self.newlines(False):
            mark = len(self.faults)
            self.expression()
            if self.failed(mark):
                closer = self.recover("CBRACK")
            else:
                closer = self.read()
                if closer[0] != "CBRACK" and not self.recovering:
                    detail = 'The index operator must end with a closing bracket ("]").'
                    self.fault("Missing close bracket on index", detail, closer, related=self.opened(opener))
                    closer = self.recover("CBRACK")
        return between(start, closer)

    # Calls

    def call(self, name: Token) -> Range:
        """Read the rest of a function's name, and its arguments."""
        opener = self.read()
        while opener[0] == "DCOLON":
            scope = self.read()
            if scope[0] != "NAME":
                detail = "Function scope resolution symbol :: must be followed by a function name in this scope."
                self.fault("Missing function name", detail, scope, between(name, scope))
                self.recover_over("OPAREN")
                return between(name, scope)
            opener = self.read()
        if opener[0] != "OPAREN":
            detail = "Function selector must be followed by an open parenthesis to begin the function call."
            self.fault("Missing open parenthesis", detail, opener, between(name, opener))
            self.recover_over("OPAREN")
            return between(name, opener)
        with self.newlines(False):
            closer = self.arguments(name, opener)
        return between(name, closer)

    def arguments(self, name: Token, opener: Token) -> Token | Range:
        """Read arguments and the parenthesis that closes them."""
        while self.peek()[0] != "CPAREN":
            mark = len(self.faults)
            self.expression()
            if self.failed(mark):
                closer = self.recover("CPAREN")
                return closer if closer[0] == "CPAREN" else (0, 0)
            separator = self.read()
            if separator[0] == "CPAREN":
                return separator
            if separator[0] == "ELLIPSIS":
                if self.peek()[0] == "CPAREN":
                    return self.read()
                detail = "An expanded function argument (with ...) must be immediately followed by closing parentheses."
                self.guess("Missing closing parenthesis", detail, separator, between(name, separator))
                return self.recover("CPAREN")
            if separator[0] == "END":
                detail = (
                    "There is no closing parenthesis for this function call before the end of the file. This may be "
                    "caused by incorrect parenthesis nesting elsewhere in this file."
                )
                self.fault("Unterminated function call", detail, between(name, opener))
                return self.recover("CPAREN")
            if separator[0] != "COMMA":
                detail = "A comma is required to separate each function argument from the next."
                self.fault("Missing argument separator", detail, separator, between(name, separator))
                return self.recover("CPAREN")
        return self.read()

    # Collections

    def tuple_of(self, opener: Token) -> Range:
        """Read a tuple, or a for-expression that makes one."""
        with self.newlines(False):
            if self.next_is_word("for"):
                return self.for_expression(opener, "CBRACK")
            while self.peek()[0] != "CBRACK":
                mark = len(self.faults)
                self.expression()
                if self.failed(mark):
                    return between(opener, self.recover("CBRACK"))
                if self.peek()[0] == "CBRACK":
                    break
                if self.peek()[0] != "COMMA":
                    self.tuple_separator(opener, self.peek())
                    return between(opener, self.recover("CBRACK"))
                self.read()
            return between(opener, self.read())

    def tuple_separator(self, opener: Token, bad: Token) -> None:
        """Report what stands where a comma must."""
        if bad[0] == "END":
            detail = (
                "There is no corresponding closing bracket before the end of the file. This may be caused by incorrect "
                "bracket nesting elsewhere in this file."
            )
            self.guess("Unterminated tuple constructor expression", detail, opener, hint="Add the missing “]”.")
        else:
            detail = "Expected a comma to mark the beginning of the next item."
            hint = "Put a comma between the items, or close the list before this with “]”."
            self.guess("Missing item separator", detail, bad, between(opener, bad), hint)

    def object_of(self, opener: Token) -> Range:
        """Read an object, or a for-expression that makes one."""
        with self.newlines(False):
            is_for = self.next_is_word("for")
        if is_for:
            with self.newlines(False):
                return self.for_expression(opener, "CBRACE")
        with self.newlines(True):
            while self.peek()[0] != "CBRACE":
                if self.peek()[0] == "NEWLINE":
                    self.read()
                elif not self.pair(opener):
                    return between(opener, self.recover("CBRACE"))
            return between(opener, self.read())

    def pair(self, opener: Token) -> bool:
        """Read a key, its value and the separator after it; False where the place is lost."""
        mark = len(self.faults)
        self.expression()
        if self.failed(mark):
            return False
        if self.peek()[0] not in ("EQUAL", "COLON"):
            self.pair_separator(opener, self.peek())
            return False
        self.read()
        mark = len(self.faults)
        self.expression()
        if self.failed(mark):
            return False
        bad = self.peek()
        if bad[0] in ("COMMA", "NEWLINE"):
            self.read()
        elif bad[0] == "END":
            self.unterminated_object(opener)
            return False
        elif bad[0] != "CBRACE":
            detail = "Expected a newline or comma to mark the beginning of the next attribute."
            self.guess("Missing attribute separator", detail, bad, between(opener, bad))
            return False
        return True

    def pair_separator(self, opener: Token, bad: Token) -> None:
        """Report what stands where an equals sign must."""
        summary, context = "Missing key/value separator", between(opener, bad)
        detail = 'Expected an equals sign ("=") to mark the beginning of the attribute value.'
        if bad[0] == "END":
            self.unterminated_object(opener)
        elif bad[0] in ("NEWLINE", "COMMA"):
            detail = 'Expected an attribute value, introduced by an equals sign ("=").'
            self.guess("Missing attribute value", detail, bad, context)
        elif bad[0] == "NAME":
            detail += (
                " If you intended to given an attribute name containing periods or spaces, write the name in quotes to "
                "create a string literal."
            )
            self.guess(summary, detail, bad, context)
        else:
            self.guess(summary, detail, bad, context)

    def unterminated_object(self, opener: Token) -> None:
        """Report an object that the end of the file ends."""
        detail = (
            "There is no corresponding closing brace before the end of the file. This may be caused by incorrect brace "
            "nesting elsewhere in this file."
        )
        self.guess("Unterminated object constructor expression", detail, opener, hint="Add the missing “}”.")

    def for_expression(self, opener: Token, closer: str) -> Range:
        """Read a for-expression from its `for` on."""
        self.read()
        problem = self.for_head()
        if problem:
            self.guess(_FOR, problem, self.peek(), between(opener, self.peek()))
            return between(opener, self.recover(closer))
        mark = len(self.faults)
        self.expression()
        if self.failed(mark):
            return between(opener, self.recover(closer))
        if self.peek()[0] != "COLON":
            detail = "For expression requires a colon after the collection expression."
            self.guess(_FOR, detail, self.peek(), between(opener, self.peek()))
            return between(opener, self.recover(closer))
        self.read()
        return self.for_results(opener, closer)

    def for_head(self) -> str:
        """Read the names and `in`; what is missing, if anything."""
        if self.peek()[0] != "NAME":
            return "For expression requires variable name after 'for'."
        self.read()
        if self.peek()[0] == "COMMA":
            self.read()
            if self.peek()[0] != "NAME":
                return "For expression requires value variable name after comma."
            self.read()
        if not self.next_is_word("in"):
            return "For expression requires the 'in' keyword after its name declarations."
        self.read()
        return ""

    def for_results(self, opener: Token, closer: str) -> Range:
        """Read what a for-expression makes of each element."""
        key: Range | None = None
        mark = len(self.faults)
        value = self.expression()
        if self.peek()[0] == "FATARROW":
            self.read()
            key, value = value, self.expression()
        if self.failed(mark):
            return between(opener, self.recover(closer))
        ellipsis = self.read() if self.peek()[0] == "ELLIPSIS" else None
        if self.next_is_word("if"):
            self.read()
            mark = len(self.faults)
            self.expression()
            if self.failed(mark):
                return between(opener, self.recover(closer))
        if self.peek()[0] == closer:
            end = self.read()
        else:
            detail = "Extra characters after the end of the 'for' expression."
            self.guess(_FOR, detail, self.peek(), between(opener, self.peek()))
            end = self.recover(closer)
        whole = between(opener, end)
        if closer == "CBRACK":
            if key:
                self.fault(_FOR, "Key expression is not valid when building a tuple.", key, whole)
            if ellipsis:
                detail = "Grouping ellipsis (...) cannot be used when building a tuple."
                self.fault(_FOR, detail, ellipsis, whole)
        elif key is None:
            self.fault(_FOR, "Key expression is required when building an object.", value, whole)
        return whole
