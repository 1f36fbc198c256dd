"""Definitions made of texts, for tests."""

from datetime import UTC, datetime

from bakepy.evaluator.functions.library import Surroundings
from bakepy.planner.config import Config, Definition
from bakepy.planner.define import World, define
from bakepy.planner.load import File
from bakepy.planner.overrides import parse
from bakepy.planner.select import select

NOW = datetime(2024, 5, 6, tzinfo=UTC)


def world(**variables: str) -> World:
    return World(
        Surroundings(now=lambda: NOW, home=lambda: "/home/u"),
        variables,
        builtins={"BAKE_CMD_CONTEXT": "cwd://", "BAKE_LOCAL_PLATFORM": "linux/amd64"},
    )


def defined(*texts: str, name: str = "docker-bake.hcl", **variables: str) -> Definition:
    """Return what texts define, each a file of its own."""
    names = [name] if len(texts) == 1 else [f"{i}-{name}" for i in range(len(texts))]
    files = [File(n, text.encode()) for n, text in zip(names, texts, strict=True)]
    return define(files, world(**variables))


def selected(text: str, *names: str, sets: tuple[str, ...] = (), **environment: str) -> Config:
    return select(defined(text), names or ("default",), [parse(s, environment.get) for s in sets])
