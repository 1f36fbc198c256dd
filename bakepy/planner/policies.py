"""The policies that a build asks for. bakepy does not evaluate policies, so that a build which has one must not start.

A target's policies are those of its attribute, in whose list `reset=true` drops what stands before it, and the file
beside its Dockerfile that has the Dockerfile's name and ".rego", unless it is reset. `disabled=true` is for none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from bakepy.diagnostics import BakeError, Diagnostic
from bakepy.model.policy import Policy
from bakepy.model.target import Target
from bakepy.model.text import quote
from bakepy.planner.arguments import Argument
from bakepy.planner.config import Config, Definition
from bakepy.planner.places import Related, related
from bakepy.planner.spec import Dockerfile, LocalDockerfile, SolveSpec
from bakepy.planner.specify import POLICY

COMBINED = "disabled policy cannot be combined with other policy flags"
WITHOUT = "Pass --policy disabled=true, or the override *.policy=disabled=true, to build without policies."
SOURCE = "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY"
DEFAULT = "BUILDX_DEFAULT_POLICY"


def check(config: Config, specs: Mapping[str, SolveSpec], *, default: bool, source: str) -> None:
    """Raise BakeError where a policy would have to be evaluated; for the arguments, see `faults`."""
    if found := list(faults(config, specs, default=default, source=source)):
        raise BakeError(found)


def faults(config: Config, specs: Mapping[str, SolveSpec], *, default: bool, source: str) -> Iterator[Diagnostic]:
    """Yield a fault for each policy that the solves of a run would have to be checked by, once for all targets.

    `default` is whether the environment asks for the reference's own policy, `source` the file of a source policy that
    it names.
    """
    if source:
        hint = f"Unset {SOURCE} to build without it."
        yield Diagnostic(f"{SOURCE} names the source policy {quote(source)}, which bakepy cannot evaluate", hint=hint)
    if default and not all(disabled(config.targets[name]) for name in specs):
        hint = f"Unset {DEFAULT}, or pass --policy disabled=true, to build without it."
        yield Diagnostic(f"{DEFAULT} asks for the default policy, which bakepy cannot evaluate", hint=hint)
    seen: set[str] = set()
    for name, spec in specs.items():
        for policy, attribute in wanted(config.targets[name], spec.dockerfile):
            if policy not in seen:
                seen.add(policy)
                message = f"bakepy cannot evaluate the policy {quote(policy)} of target {quote(name)}"
                yield Diagnostic(message, hint=WITHOUT, related=_places(config.definition, name, policy, attribute))


def disabled(target: Target) -> bool:
    """Return whether a target is built without policies."""
    return any(policy.disabled for policy in target.policy or ())


def wanted(target: Target, dockerfile: Dockerfile) -> list[tuple[str, str]]:
    """Return the policies of a target, each with the attribute that is the reason for it. Raises BakeError.

    A policy is shown by its file or, without one, by its settings.
    """
    policies = target.policy or []
    if disabled(target):
        if policies != [Policy(disabled=True)]:
            raise BakeError.of(COMBINED, f"target {target.name}")
        return []
    found = [] if (path := beside(dockerfile)) is None or not os.path.lexists(path) else [(path, "dockerfile")]
    for policy in policies:
        found = [] if policy.reset else found
        settings = {key: value for key, value in policy.fields().items() if key not in {"filename", "reset"}}
        shown = policy.files or ([",".join(f"{key}={value}" for key, value in settings.items())] if settings else [])
        found += ((text, "policy") for text in shown)
    return found


def beside(dockerfile: Dockerfile) -> str | None:
    """Return the path of the policy beside a Dockerfile of this machine, None for other Dockerfiles."""
    if not isinstance(dockerfile, LocalDockerfile):
        return None
    folder, name = os.path.split(dockerfile.path)
    lower = os.path.join(folder, name.lower())
    # As a frontend does, take "dockerfile" where there is no "Dockerfile".
    path = lower if name == "Dockerfile" and not os.path.lexists(dockerfile.path) else dockerfile.path
    return path + POLICY


def _places(definition: Definition, name: str, policy: str, attribute: str) -> Related:
    """Return where a policy is asked for: on the command line, or where the target sets the attribute."""
    typed = any(
        s.attribute == "policy" and s.argument is None and policy in s.change.values for s in definition.settings
    )
    if typed and attribute == "policy":
        return Argument("--policy", policy).place()
    return related(definition, name, attribute, policy)
