"""What a write made of its object, as far as a Kubernetes audit event proves it.

The answer shows it whole, but the client may ask for an answer without it (`Accept: …;as=Table` or
`as=PartialObjectMetadata`), and below level RequestResponse there is none. The body of a create or update is the
object. The body of a patch proves what it sets and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2s
from itertools import pairwise
from typing import NamedTuple

from vedette.formats.schemas.kube_audit import WRITES

_NO_OBJECT = frozenset({"", "Status", "Table", "PartialObjectMetadata", "PartialObjectMetadataList", "List"})
_WHOLE = frozenset({"", "status", "ephemeralcontainers", "resize", "approval", "finalize"})
"""Subresources whose answer is the object itself."""
_RBAC_KEYS = frozenset({"kind", "apiVersion", "metadata", "rules", "aggregationRule", "subjects", "roleRef"})
"""All keys of the RBAC kinds."""
_RBAC_LISTS = frozenset({"rules", "subjects", "roleRef", "aggregationRule"})
"""Those that any kind of patch replaces as a whole: they are atomic in the API's schema."""


class After(NamedTuple):
    """What an object became."""

    value: object
    """The object or the proven part of it; None when nothing is proven."""
    unknown: frozenset[str]
    """Paths beneath `objectAfter` (or itself) of which nothing is proven."""


_NOTHING = After(None, frozenset({"objectAfter"}))
_NO_WRITE = After(None, frozenset())


def after(event: Mapping[str, object], verb: str, reference: Mapping[str, object], code: int | None) -> After:
    """What the object that `reference` names became by this event."""
    subresource = reference.get("subresource", "")
    if verb not in WRITES or subresource not in _WHOLE:
        return _NO_WRITE
    answered = event.get("responseObject")
    if _is_object(answered):
        return After(answered, frozenset())
    body = event.get("requestObject")
    if isinstance(body, Mapping):
        # Only a server-side apply creates by patch: what was applied is the whole object.
        if not subresource and (verb != "patch" or code == 201):
            return After(body, frozenset())
        proven, settled = _merged(body), _RBAC_LISTS & body.keys()
    elif isinstance(body, list) and verb == "patch":
        proven, settled = _patched(body)
    else:
        return _NOTHING
    if settled and reference.get("apiGroup") == "rbac.authorization.k8s.io":
        return After(proven, frozenset(f"objectAfter.{key}" for key in _RBAC_KEYS - settled))
    return After(proven, frozenset({"objectAfter"}))


def request_text(body: object) -> str:
    """The body as compact JSON, or the text that was sent in its place."""
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def rules_digest(value: object) -> str:
    """A digest of a role's `rules`, the same for the same rules whatever order a body writes them in, or nothing."""
    rules = value.get("rules") if isinstance(value, Mapping) else None
    if not isinstance(rules, list):
        return ""
    sets = [
        {key: sorted(map(str, part)) if isinstance(part, list) else part for key, part in rule.items()}
        for rule in rules
        if isinstance(rule, Mapping)
    ]
    texts = sorted(json.dumps(rule, sort_keys=True) for rule in sets)
    return blake2s("\n".join(texts).encode("utf-8", "replace"), digest_size=8).hexdigest()


def name_of(body: object) -> str:
    """`metadata.name` of an object, or nothing."""
    metadata = body.get("metadata") if isinstance(body, Mapping) else None
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    return name if isinstance(name, str) else ""


def _is_object(answer: object) -> bool:
    if not isinstance(answer, Mapping) or not isinstance(answer.get("metadata"), Mapping):
        return False
    kind = answer.get("kind", "")
    return isinstance(kind, str) and kind not in _NO_OBJECT and "items" not in answer


def _merged(body: object) -> object:
    """What a merge patch, strategic merge patch or apply sets: without what it deletes, without directives."""
    if isinstance(body, Mapping):
        return {
            key: _merged(value)
            for key, value in body.items()
            if value is not None and not (isinstance(key, str) and key.startswith("$"))
        }
    if isinstance(body, list):
        return [_merged(item) for item in body if not (isinstance(item, Mapping) and item.get("$patch") == "delete")]
    return body


def _patched(operations: list[object]) -> tuple[object, frozenset[str]]:
    """What a JSON patch proves, and the top-level keys of an RBAC object that it leaves fully known."""
    root: dict[str, object] = {}
    settled: set[str] = set()
    for operation in operations:
        if not isinstance(operation, Mapping) or not isinstance(operation.get("path"), str):
            continue
        steps = [step.replace("~1", "/").replace("~0", "~") for step in str(operation["path"]).split("/")[1:]]
        proves = operation.get("op") in ("add", "replace", "test") and "value" in operation
        if not proves:
            # Something less, or something from elsewhere: what was known of that key is so no more.
            settled -= {steps[0]} if steps else settled
        elif not steps:
            value = operation["value"]
            root = dict(value) if isinstance(value, Mapping) else {}
            settled = set(_RBAC_KEYS)
        else:
            _place(root, steps, operation["value"], insert=operation["op"] == "add")
            settled |= {steps[0]} & _RBAC_KEYS if len(steps) == 1 else set()
    return _lists(root), frozenset(settled)


class _Elements(dict[str, object]):
    """Elements of a list by their index in a patch's paths."""


def _place(root: dict[str, object], steps: list[str], value: object, *, insert: bool) -> None:
    here = root
    for step, following in pairwise(steps):
        inner = here.get(step)
        if isinstance(inner, list):
            held: dict[str, object] = _Elements({str(index): item for index, item in enumerate(inner)})
        elif isinstance(inner, _Elements):
            held = inner
        elif isinstance(inner, Mapping):
            held = dict(inner)
        else:
            held = _Elements() if following == "-" or following.isdigit() else {}
        here[step] = held
        here = held
    last = steps[-1]
    if isinstance(here, _Elements) and (last == "-" or (insert and last in here)):
        # An insertion moves the others on; both stay.
        last = f"{last}+{len(here)}"
    here[last] = value


def _lists(value: object) -> object:
    if isinstance(value, _Elements):
        return [_lists(item) for item in value.values()]
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    return value
