"""Read the proxies that Docker's client configuration names for builds."""

from __future__ import annotations

from pathlib import Path

from bakepy.files import read_object

PROXIES = {
    "httpProxy": "HTTP_PROXY",
    "httpsProxy": "HTTPS_PROXY",
    "noProxy": "NO_PROXY",
    "ftpProxy": "FTP_PROXY",
    "allProxy": "ALL_PROXY",
}
"""Keys of the configuration and the build arguments that they become."""


def proxies(docker_config: Path, host: str) -> dict[str, str]:
    """Return build arguments, in upper and lower case, for the proxies of an Engine's address or of `default`.

    A configuration that cannot be read names none.
    """
    try:
        config = read_object(docker_config / "config.json")
        found = config.get("proxies") or {}
        chosen = found.get(host) or found.get("default") or {}
        values = {arg: chosen[key] for key, arg in PROXIES.items() if isinstance(chosen.get(key), str) and chosen[key]}
    except (OSError, ValueError, AttributeError):
        return {}
    return values | {k.lower(): v for k, v in values.items()}
