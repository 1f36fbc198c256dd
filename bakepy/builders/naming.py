"""Names for builders that were given none: an adjective and someone who built things."""

from __future__ import annotations

import re
from collections.abc import Container

ADJECTIVES = re.findall(
    r"\w+",
    "able agile ample apt balmy bold brave breezy bright brisk calm candid cheery civil clear clever cosy crisp curious"
    " daring deft dapper eager earnest easy fair fearless fleet fluent frank fresh gentle genial glad golden hardy"
    " hearty honest humble jaunty jolly keen kind lively lucid lucky mellow merry mindful modest neat nimble noble"
    " patient playful plucky polite proud quick quiet ready robust rosy serene sharp sincere snappy sober sound spry"
    " steady sturdy sunny swift tidy tranquil upbeat vivid warm watchful witty zesty",
)

BUILDERS = re.findall(
    r"\w+",
    "aalto archimedes baker banneker barry bazalgette bell brunel brunelleschi clarke cooper dijkstra eiffel engelbart"
    " euler fuller galileo goldberg gropius hadid hamilton harrison hero hooke hopper imhotep jacquard jobst kahn"
    " kaplan keller khan knuth lamarr lamport liskov lovelace maillart mandrot marconi morandi nervi noether otto"
    " palladio pei perlman piranesi pontes ritchie roebling roebuck shannon sinan somerville stephenson strauss"
    " telford tesla thompson torvalds turing utzon vitruvius watt whitworth wren wright zuse",
)


def random_name(taken: Container[str]) -> str:
    """Return a name such as `eager_hopper` that is not taken."""
    import random

    while True:
        name = f"{random.choice(ADJECTIVES)}_{random.choice(BUILDERS)}"  # noqa: S311 (a name is no secret)
        if name not in taken:
            return name
        if (numbered := f"{name}{random.randrange(10)}") not in taken:  # noqa: S311
            return numbered
