"""Images in OCI layouts: those that `oci-layout://folder:tag` or `…@digest` names, and those that builds add."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bakepy.diagnostics import BakeError, nearest
from bakepy.planner.spec import LayoutContext

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bakepy.buildkit.session.content import Descriptor, ImageLayout, Layout

SHOWN = 5
"""Tags of a layout that a hint lists at most."""


def enter(layout: ImageLayout, image: Descriptor, names: Iterable[str]) -> list[str]:
    """Enter an image into a layout's index under its names, and return them in full; raises BakeError."""
    from bakepy.executor.registry import Reference

    full = [Reference.parse(name) for name in names]
    try:
        layout.enter(image, {str(name): name.tag for name in full})
    except OSError as error:
        reason = error.strerror or "input/output error"
        raise BakeError.of(f"Cannot write {layout.path}/index.json", f"{reason}.") from error
    return [str(name) for name in full]


def digest_of(context: LayoutContext) -> str:
    """Return the digest of the image that a context names; raises BakeError where the layout does not have it.

    A context without tag and digest means the tag `latest`, or the layout's only image.
    """
    from bakepy.buildkit.session.content import Layout

    layout = Layout(Path(context.path))
    if not (layout.path / "index.json").is_file():
        hint = 'Name a folder with the files "index.json" and "oci-layout".'
        raise BakeError.of(f'"{context.path}" is not an OCI layout: it has no index.json', hint=hint)
    if context.digest:
        return _checked(layout, context)
    if found := layout.find(context.tag or "latest"):
        return found
    images = layout.images()
    if not context.tag and len(images) == 1:
        return str(images[0]["digest"])
    raise BakeError.of(
        f'OCI layout "{context.path}" has no tag "{context.tag or "latest"}"', hint=_other_tag(layout, context)
    )


def _checked(layout: Layout, context: LayoutContext) -> str:
    from bakepy.buildkit.session.rpc import RpcError

    try:
        if layout.blob(context.digest).is_file():
            return context.digest
    except RpcError as error:
        raise BakeError.of(
            f'cannot read "{context.digest}" from OCI layout "{context.path}": {error.message}'
        ) from None
    known = [str(image["digest"]) for image in layout.images()]
    hint = f"Use the digest of one of its images: {', '.join(known[:SHOWN])}." if known else ""
    raise BakeError.of(f'OCI layout "{context.path}" has no image with digest "{context.digest}"', hint=hint)


def _other_tag(layout: Layout, context: LayoutContext) -> str:
    tags = layout.tags()
    if not tags:
        return "Name the image by its digest, after @: the layout's images have no tags."
    near = tags[0] if len(tags) == 1 else nearest(context.tag, tags)
    return f'Did you mean "{near}"?' if near else f"Use one of its tags: {', '.join(tags[:SHOWN])}."
