"""Say what is wrong with a source that the grammar refuses, in the words and at the places that HCL's users know.

An LALR parser knows which tokens could have followed, not what the author meant. So a source that it refuses is read
once more, top down, the way HCL's own parser reads: each construct names its faults and skips to where it ends. No
tree is made here. Once anything was skipped, what is probably only its consequence is not reported any more.
"""

from bakepy.diagnostics import Diagnostic, Source
from bakepy.grammar.explain.bodies import Bodies
from bakepy.grammar.explain.lexical import lexical
from bakepy.grammar.scanner import Token


def explain(start: str, source: Source, tokens: list[Token]) -> list[Diagnostic]:
    """Return what is wrong with raw tokens, read as `start`: a file, an expression or a template. Raises TooDeep."""
    reader = Bodies(source, tokens)
    reader.faults += lexical(source, tokens)
    if start == "file":
        reader.body("END")
    elif start == "template":
        reader.template("END", reader.peek())
    else:
        with reader.newlines(False):
            reader.whole_expression()
    return reader.faults
