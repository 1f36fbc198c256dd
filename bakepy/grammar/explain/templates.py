"""Faults of quoted strings, heredocs and bare templates."""

from __future__ import annotations

from bakepy.diagnostics import Span
from bakepy.grammar import strings
from bakepy.grammar.explain.cursor import Cursor, Range, between
from bakepy.grammar.scanner import MAX_DEPTH, Token, TooDeep

Directive = tuple[str, Range]
"""A part of a template that counts for its balance: its keyword, "" for any other part, and its range."""

_WORDS = ("if", "for", "else", "endif", "endfor")
_UNBALANCED = "The control directives within this template are unbalanced."
_UNCLOSED = "Unclosed template interpolation sequence"
_EXTRA = "Extra characters after interpolation expression"
_FOR = "Invalid 'for' directive"


class Templates(Cursor):
    """Read templates."""

    def expression(self) -> Range:
        """Read an expression."""
        raise NotImplementedError

    def escapes(self, token: Token) -> None:
        """Check the escapes in the text of a quoted string."""
        for detail, start, end in strings.escape_faults(token[1]):
            hint = "Double the backslash to have a backslash." if detail.startswith("The symbol") else ""
            self.fault("Invalid escape sequence", detail, (token[2] + start, token[2] + end), hint=hint)

    def template(self, end: str, opener: Token) -> Range:
        """Read the parts of a template up to `end`, and check that its directives pair up."""
        first = self.peek()
        parts: list[Directive] = []
        while True:
            token = self.read()
            if token[0] == end:
                break
            if token[0] in ("LIT", "QUOTED_LIT"):
                if token[0] == "QUOTED_LIT":
                    self.escapes(token)
                parts.append(("", between(token, token)))
            elif token[0] == "INTERP":
                with self.newlines(False):
                    self.interpolation(first, end)
                parts.append(("", between(token, token)))
            elif token[0] == "CONTROL":
                with self.newlines(False):
                    self.directive(token, first, parts)
            else:
                related: tuple[tuple[str, Span], ...] = (("The string begins here", self.span(opener)),)
                detail = "No closing marker was found for the string."
                closing = f"End it with a line that holds nothing but {_marker(opener)} and has a line break after it."
                hint = closing if end == "CHEREDOC" else "Close the quote."
                self.guess("Unterminated template string", detail, token, between(first, token), hint, related)
                token = self.recover(end)
                break
        _Balance(self, parts, between(token, token)).check()
        return between(opener, token)

    def interpolation(self, first: Token, end: str) -> None:
        """Read the expression of `${` and its closing brace."""
        self.expression()
        closer = self.peek()
        if closer[0] == "TEND":
            self.read()
            return
        nesting = "This might be caused by incorrect nesting inside the given expression."
        context = between(first, closer)
        if closer[0] == "END":
            detail = f"There is no closing brace for this interpolation sequence before the end of the file. {nesting}"
            self.guess(_UNCLOSED, detail, first)
        elif closer[0] == "COLON":
            detail = (
                "Template interpolation doesn't expect a colon at this location. Did you intend this to be a literal "
                "sequence to be processed as part of another language? If so, you can escape it by starting with "
                '"$${" instead of just "${".'
            )
            self.guess(_EXTRA, detail, closer, context)
        elif closer[0] in ("CQUOTE", "OQUOTE") and end == "CQUOTE":
            detail = (
                "There is no closing brace for this interpolation sequence before the end of the quoted template. "
                f"{nesting}"
            )
            self.guess(_UNCLOSED, detail, first)
        else:
            detail = (
                "Expected a closing brace to end the interpolation expression, but found extra characters.\n\nThis can "
                "happen when you include interpolation syntax for another language, such as shell scripting, but "
                "forget to escape the interpolation start token. If this is an embedded sequence for another language, "
                'escape it by starting with "$${" instead of just "${".'
            )
            self.guess(_EXTRA, detail, closer, context)
        self.recover("TEND")

    def directive(self, opener: Token, first: Token, parts: list[Directive]) -> None:
        """Read the rest of `%{` up to its closing brace."""
        keyword = self.peek()
        context = between(opener, keyword)
        if keyword[0] != "NAME":
            detail = 'A template directive keyword ("if", "for", etc) is expected at the beginning of a %{ sequence.'
            self.guess("Invalid template directive", detail, keyword, context, "Write %%{ for a literal %{.")
            self.recover("TEND")
            return
        self.read()
        word = keyword[1]
        if word not in _WORDS:
            near = next((known for known in _WORDS if strings.distance(word, known) < 3), None)
            detail = f"{strings.go_quote(word)} is not a valid template control keyword."
            detail += f' Did you mean "{near}"?' if near else ""
            self.guess("Invalid template control keyword", detail, keyword, context)
            self.recover("TEND")
            return
        if word == "for" and (problem := self.directive_names()):
            self.guess(_FOR, problem, self.peek())
            self.recover("TEND")
            return
        if word in ("if", "for"):
            self.expression()
        closer = self.peek()
        parts.append((word, between(opener, closer)))
        if closer[0] == "TEND":
            self.read()
            return
        detail = "Expected a closing brace to end the sequence, but found extra characters."
        self.guess(f"Extra characters in {word} marker", detail, closer, between(first, closer))
        self.recover("TEND")

    def directive_names(self) -> str:
        """Read the names and `in` of a for directive; what is missing, if anything."""
        if self.peek()[0] != "NAME":
            return "For directive requires variable name after 'for'."
        self.read()
        if self.peek()[0] == "COMMA":
            self.read()
            if self.peek()[0] != "NAME":
                return "For directive requires value variable name after comma."
            self.read()
        if not self.next_is_word("in"):
            return "For directive requires 'in' keyword after names."
        self.read()
        return ""


class _Balance:
    """Check that every directive of a template has its end; after a fault the rest is read as if outside of it."""

    def __init__(self, cursor: Cursor, parts: list[Directive], end: Range) -> None:
        self.cursor = cursor
        self.parts = [*parts, ("end", end)]
        self.at = 0

    def check(self) -> None:
        """Read all parts."""
        while self.parts[self.at][0] != "end":
            self.part(0)

    def part(self, depth: int) -> None:
        """Read one part, with all that a directive encloses."""
        word, range_ = self.parts[self.at]
        if depth > MAX_DEPTH:
            raise TooDeep(range_[0])
        self.at += 1
        if word in ("if", "for"):
            self.section(word, range_, depth)
        elif word:
            self.cursor.fault(f"Unexpected {word} directive", _UNBALANCED, range_)

    def section(self, opening: str, opened: Range, depth: int) -> None:
        """Read up to the end of a directive."""
        where, related = self.cursor.span(opened), (("The directive is here", self.cursor.span(opened)),)
        seen_else = False
        while True:
            word, range_ = self.parts[self.at]
            if word not in ("end", "else", "endif", "endfor"):
                self.part(depth + 1)
                continue
            if word == "end":
                detail = f"The {opening} directive at {where} is missing its corresponding end{opening} directive."
                self.cursor.fault("Unexpected end of template", detail, range_, related=related)
                return
            self.at += 1
            if word == f"end{opening}":
                return
            if word == "else" and opening == "if" and not seen_else:
                seen_else = True
                continue
            if word == "else":
                detail = (
                    f"Already in the else clause for the if started at {where}."
                    if opening == "if"
                    else "An else clause is not expected for a for directive."
                )
            elif opening == "if":
                detail = f"Expecting an endif directive for the if started at {where}."
            else:
                detail = f"Expecting an endfor directive corresponding to the for directive at {where}."
            self.cursor.fault(f"Unexpected {word} directive", detail, range_, related=related)
            return


def _marker(opener: Token) -> str:
    return opener[1].lstrip("<-").strip()
