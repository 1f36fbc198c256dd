"""The only reader of the environment.

Every variable that bakepy looks at has a property here; definitions look up theirs through `lookup`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bakepy.booleans import FALSE, TRUE

if TYPE_CHECKING:
    from pathlib import Path

    from bakepy.diagnostics import Diagnostic

UNSUPPORTED = {
    "BUILDX_SEND_GIT_QUERY_AS_INPUT": "The frontend must know the queries of repositories' addresses.",
    "BUILDKIT_NO_CLIENT_TOKEN": "Tokens of registries are fetched on this machine.",
}
"""Switches of the reference that change builds and that bakepy does not have, each with what holds instead."""

AWS_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
AWS_SOURCES = (
    *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_ROLE_ARN"),
    *("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
)
"""Variables that name credentials for `type=s3` caches in ways that bakepy does not read."""


class Settings:
    """Answer questions about an environment; tests pass a mapping of their own."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ

    def lookup(self, name: str) -> str | None:
        """Return a variable's value, for definitions that name it."""
        return self._environ.get(name)

    def flag(self, name: str) -> bool:
        """Tell whether a variable is set to one of Go's words for true."""
        return self._environ.get(name, "") in TRUE

    @property
    def docker_config(self) -> Path:
        """Return the folder of Docker's client configuration."""
        return _path(self._environ.get("DOCKER_CONFIG")) or _home() / ".docker"

    @property
    def builder(self) -> str | None:
        """Return the builder that `BUILDX_BUILDER` names."""
        return self._environ.get("BUILDX_BUILDER") or None

    @property
    def buildx_config(self) -> Path:
        """Return the folder that holds the builders, which buildx shares."""
        return _path(self._environ.get("BUILDX_CONFIG")) or self.docker_config / "buildx"

    @property
    def docker_host(self) -> str | None:
        """Return the Docker Engine's address that `DOCKER_HOST` names."""
        return self._environ.get("DOCKER_HOST") or None

    @property
    def docker_context(self) -> str | None:
        """Return the Docker context that `DOCKER_CONTEXT` names."""
        return self._environ.get("DOCKER_CONTEXT") or None

    @property
    def docker_cert_path(self) -> Path:
        """Return the folder of the client's certificate for a Docker Engine over TLS."""
        return _path(self._environ.get("DOCKER_CERT_PATH")) or self.docker_config

    @property
    def data_home(self) -> Path:
        """Return the folder of the user's own data (XDG Base Directory Specification)."""
        # The specification has relative paths ignored.
        named = _path(self._environ.get("XDG_DATA_HOME"))
        return named if named and named.is_absolute() else _home() / ".local" / "share"

    @property
    def path(self) -> str:
        """Return where programs are looked for."""
        return self._environ.get("PATH", os.defpath)

    def environment(self, **changes: str) -> dict[str, str]:
        """Return a copy for a program that is started, with some variables changed."""
        return {**self._environ, **changes}

    @property
    def progress(self) -> str:
        """Return the display that `BUILDKIT_PROGRESS` asks for, empty where it asks for none."""
        return self._environ.get("BUILDKIT_PROGRESS", "")

    @property
    def bake_files(self) -> list[str]:
        """Return the definition files that `BUILDX_BAKE_FILE` names, between colons or another separator."""
        separator = self._environ.get("BUILDX_BAKE_PATH_SEPARATOR") or os.pathsep
        named = self._environ.get("BUILDX_BAKE_FILE", "").split(separator)
        return [name.strip() for name in named if name.strip()]

    @property
    def bake_environment(self) -> Mapping[str, str]:
        """Return the variables that definitions may look up: none where that is turned off."""
        return {} if self.flag("BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP") else self._environ

    @property
    def bake_checks_files(self) -> str | None:
        """Return what `BUILDX_BAKE_ENTITLEMENTS_FS` says on whether builds ask before they use files elsewhere."""
        return self._environ.get("BUILDX_BAKE_ENTITLEMENTS_FS")

    def checks_files(self, *, remote: bool) -> bool:
        """Return whether builds need grants for files outside the working directory; `remote` is for definitions.

        `BUILDX_BAKE_ENTITLEMENTS_FS` decides, else `BAKE_ALLOW_REMOTE_FS_ACCESS` for remote definitions. Raises
        BakeError for a value that is not a boolean.
        """
        remote_access = self._boolean("BAKE_ALLOW_REMOTE_FS_ACCESS") if remote else None
        checks = self._boolean("BUILDX_BAKE_ENTITLEMENTS_FS")
        return not remote_access if checks is None else checks

    def _boolean(self, name: str) -> bool | None:
        """Return a variable as a boolean, None where it is not set. Raises BakeError."""
        text = self._environ.get(name)
        if text is not None and text not in TRUE | FALSE:
            from bakepy.diagnostics import BakeError

            hint = f"Set {name} to 1 or 0, or unset it."
            fault = f'strconv.ParseBool: parsing "{text}": invalid syntax'
            raise BakeError.of(f'failed to parse {name} value "{text}": {fault}', hint=hint)
        return None if text is None else text in TRUE

    @property
    def bake_git_ssh(self) -> tuple[str, ...]:
        """Return the agent sockets or key files that `BUILDX_BAKE_GIT_SSH` names, to read remote definitions with."""
        return tuple(filter(None, self._environ.get("BUILDX_BAKE_GIT_SSH", "").split(",")))

    @property
    def bake_git_secrets(self) -> Mapping[str, str]:
        """Return the variables that hold a Git host's token and header, by the ids that BuildKit asks for.

        Their names' case does not matter, as in the reference.
        """
        wanted = {f"BUILDX_BAKE_{name}": name for name in ("GIT_AUTH_TOKEN", "GIT_AUTH_HEADER")}
        return {wanted[name.upper()]: name for name in reversed(list(self._environ)) if name.upper() in wanted}

    @property
    def default_policy(self) -> bool:
        """Return whether `BUILDX_DEFAULT_POLICY` asks for the reference's own policy."""
        return self.flag("BUILDX_DEFAULT_POLICY")

    @property
    def source_policy(self) -> str:
        """Return the file of a source policy that `EXPERIMENTAL_BUILDKIT_SOURCE_POLICY` names, empty for none."""
        return self._environ.get("EXPERIMENTAL_BUILDKIT_SOURCE_POLICY", "")

    def unsupported(self, *, s3: bool) -> list[Diagnostic]:
        """Return a warning for each variable that is set and has no effect; `s3` is whether a cache is of that type."""
        from bakepy.diagnostics import Diagnostic, Severity

        found = [
            Diagnostic("No effect", f"{name} is not read. {words}", hint=f"Unset {name}.", severity=Severity.WARNING)
            for name, words in UNSUPPORTED.items()
            if self.flag(name)
        ]
        named = [name for name in AWS_SOURCES if self._environ.get(name)]
        if s3 and named and not all(map(self._environ.get, AWS_KEYS)):
            detail = f"{named[0]} is not read: caches of type s3 take their credentials from {' and '.join(AWS_KEYS)}."
            hint = f"Set {' and '.join(AWS_KEYS)}."
            found.append(Diagnostic("No effect", detail, hint=hint, severity=Severity.WARNING))
        return found

    @property
    def metadata_provenance(self) -> str:
        """Return how much provenance `BUILDX_METADATA_PROVENANCE` wants in metadata files: min, max; empty for none."""
        asked = self._environ.get("BUILDX_METADATA_PROVENANCE", "")
        if asked == "disabled" or asked in FALSE:
            return ""
        return "max" if asked == "max" else "min"

    @property
    def metadata_warnings(self) -> bool:
        """Tell whether `BUILDX_METADATA_WARNINGS` wants the builds' warnings in metadata files."""
        return self.flag("BUILDX_METADATA_WARNINGS")

    @property
    def bake_relative_paths(self) -> str:
        """Return what `BUILDX_BAKE_FILE_RELATIVE_PATHS` says on whether contexts start at the folder of their file."""
        return self._environ.get("BUILDX_BAKE_FILE_RELATIVE_PATHS", "").strip()


def _path(text: str | None) -> Path | None:
    """Return a path, or None for none; pathlib is imported only where there is one, as printing needs none."""
    from pathlib import Path

    return Path(text) if text else None


def _home() -> Path:
    from pathlib import Path

    try:
        return Path.home()
    except RuntimeError:
        from bakepy.diagnostics import BakeError

        detail = f"HOME is not set, and no user has the number {os.getuid()}."
        hint = "Set HOME to a folder that this user may write to."
        raise BakeError.of("the home directory is not known", detail, hint=hint) from None
