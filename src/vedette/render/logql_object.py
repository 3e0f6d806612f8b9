"""What a write made of its object, in a template, as `formats/kube_object.py` reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vedette.render.logql_template import CannotRender

if TYPE_CHECKING:
    from vedette.render.logql_fields import KubeFields, Record


def object_after(fields: KubeFields, record: Record) -> tuple[str, str]:
    """The variables of the object and of whether it is unknown. Raises CannotRender."""
    del fields, record
    raise CannotRender("`objectAfter` puts an object together out of a merge or JSON patch, which no template can do")
