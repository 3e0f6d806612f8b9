"""What a write made of its object, in a template, as `formats/kube_object.py` reads it.

All but a JSON patch: a template cannot put an object together out of operations. Of one whose answer does not hold the
object, the verdict is "cannot tell".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vedette.render.logql_template import TYPE_MAP, assign, is_kind, quoted, when

if TYPE_CHECKING:
    from vedette.render.logql_record import Record

_NO_OBJECT = ("", "Status", "Table", "PartialObjectMetadata", "PartialObjectMetadataList", "List")
_WHOLE = ("", "status", "ephemeralcontainers", "resize", "approval", "finalize")
_RBAC_KEYS = frozenset({"kind", "apiVersion", "metadata", "rules", "aggregationRule", "subjects", "roleRef"})
_RBAC_LISTS = ("rules", "subjects", "roleRef", "aggregationRule")
WRITES = '"create" "update" "patch"'
GAP = (
    "A JSON patch is judged by the object in the answer; where the answer does not hold it, this says cannot tell, and"
    " vedette judges what the patch proves."
)


def object_after(record: Record, code: str, key: str) -> tuple[str, str, str]:
    """The variables of the object, of whether its top-level `key` is unknown, and of whether it is a patch (merged).

    `code`: the variable with the answer's code.
    """
    verb, under = record.text("verb"), record.text("objectRef", "subresource")
    answer, body = record.value("responseObject"), record.value("requestObject")
    kind = record.text("responseObject", "kind")
    metadata = f'(index {record.part("responseObject")} "metadata")'
    items = f'(index {record.part("responseObject")} "items")'
    group = record.text("objectRef", "apiGroup")
    kinds = " ".join(quoted(one) for one in _NO_OBJECT)
    whole = " ".join(quoted(one) for one in _WHOLE)
    writes = f"and (eq {verb} {WRITES}) (eq {under} {whole})"
    answered = (
        f"and ({is_kind(answer, TYPE_MAP)}) ({is_kind(metadata, TYPE_MAP)}) (not (eq {kind} {kinds}))"
        f" ({is_kind(items, _NIL)})"
    )
    complete = f'and (eq {under} "") (or (ne {verb} "patch") (eq {code} 201))'
    merged = record.made(
        "merged",
        "false",
        lambda name: when(
            writes,
            when(answered, "", when(is_kind(body, TYPE_MAP), when(complete, "", assign(name, "true")))),
        ),
    )
    value = record.made(
        "after",
        'index $none ""',
        lambda name: when(
            writes,
            when(answered, assign(name, answer), when(is_kind(body, TYPE_MAP), assign(name, body))),
        ),
    )
    settled = record.made(
        "settled",
        "false",
        lambda name: when(
            f'and {merged} (eq {group} "rbac.authorization.k8s.io")',
            "".join(when(_has(body, one), assign(name, "true")) for one in _RBAC_LISTS),
        ),
    )

    def unknown(name: str) -> str:
        if key in _RBAC_LISTS:
            of_patch = when(f"and {settled} ({_has(body, key)})", "", assign(name, "1"))
        else:
            known = "" if key and key not in _RBAC_KEYS else assign(name, "1")
            of_patch = when(settled, known, assign(name, "1"))
        nothing = when(f"not ({is_kind(value, TYPE_MAP)})", assign(name, "1"))
        return when(writes, when(merged, of_patch, nothing))

    return value, record.made(f"after unknown {key}", "0", unknown), merged


_NIL = '"<nil>"'


def _has(body: str, key: str) -> str:
    return f'ne (printf "%T" (index {body} {quoted(key)})) {_NIL}'
