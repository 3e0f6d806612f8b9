"""The API server's audit flags, as a body names them: a pod's arguments, or kubeadm's ClusterConfiguration."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping

_FLAG = re.compile(r"--audit-[a-z0-9-]+(?:=[^\s\"']*)?")
_LONGEST = 1 << 16
"""Characters of a ClusterConfiguration that is read; a true one has some two thousand, and Python reads YAML slowly."""
_UNREAD = "--audit-unread"
"""In place of the flags that nobody has read."""
_MERGED = 100
"""Maps looked into for one key."""
_CONFIGURATION = "ClusterConfiguration"
"""The key of ConfigMap kubeadm-config that holds, as YAML, what the next upgrade makes an API server from."""


def audit_flags(body: object) -> list[str]:
    """Every `--audit-*` argument in a command, patch or ClusterConfiguration within `body`, as `--name=value`.

    A body that sets a ClusterConfiguration is judged by that alone: flags in some field that the server drops would
    speak for those that it takes.
    """
    configuration = _configuration(body)
    arguments = _arguments(body) if configuration is None else _configured(configuration)
    flags: list[str] = []
    for argument, following in arguments:
        for found in _FLAG.finditer(argument):
            flag = found[0]
            if "=" not in flag and flag == argument and following and not following.startswith("-"):
                flag = f"{flag}={following}"
            flags.append(flag)
    return flags


def _configuration(body: object) -> str | None:
    """The ClusterConfiguration that a ConfigMap or a patch of one sets in the end, or None where it sets none."""
    if isinstance(body, Mapping):
        return _text(_text_map(body.get("data")).get(_CONFIGURATION))
    if not isinstance(body, list):
        return None
    held: str | None = None
    for operation in body:
        if not isinstance(operation, Mapping):
            continue
        value = operation.get("value") if operation.get("op") in ("add", "replace") else None
        path = str(operation.get("path")).replace("~1", "/").replace("~0", "~")
        if path == f"/data/{_CONFIGURATION}":
            held = _text(value)
        elif path == "/data":
            held = _text(_text_map(value).get(_CONFIGURATION))
        elif path == "":
            held = _text(_text_map(_text_map(value).get("data")).get(_CONFIGURATION))
    return held


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _text_map(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _arguments(body: object) -> Iterator[tuple[str, str]]:
    """Every text in a list, and every text that a JSON patch sets, each with the text after it."""
    waiting = [body]
    while waiting:
        here = waiting.pop()
        if isinstance(here, Mapping):
            value = here.get("value")
            if "op" in here and isinstance(value, str):
                yield value, ""
            waiting.extend(here.values())
        elif isinstance(here, list):
            for index, item in enumerate(here):
                if isinstance(item, str):
                    following = here[index + 1] if index + 1 < len(here) else ""
                    yield item, following if isinstance(following, str) else ""
                else:
                    waiting.append(item)


def _configured(text: str) -> Iterator[tuple[str, str]]:
    """The arguments among `apiServer.extraArgs`: a list of name and value since v1beta4, a map before."""
    if len(text) > _LONGEST:
        yield _UNREAD, ""
        return
    arguments = _member(_member(_document(text), "apiServer"), "extraArgs")
    if isinstance(arguments, list):
        for pair in arguments:
            yield f"--{_member(pair, 'name')}={_member(pair, 'value')}", ""
    for layer in _layers(arguments):
        for name, value in layer.items():
            yield f"--{name}={value}", ""


def _document(text: str) -> object:
    """The first YAML document in `text`, as kubeadm reads it; every scalar a text. None where no parser reads it."""
    # Rare, and slow to import.
    import yaml

    class Loader(yaml.BaseLoader):
        """Makes nothing but texts, lists and maps."""

    Loader.add_constructor("tag:yaml.org,2002:binary", lambda _, node: _decoded(str(node.value)))
    try:
        return next(iter(yaml.load_all(text, Loader=Loader)), None)
    except (yaml.YAMLError, RecursionError, ValueError, TypeError):
        return None


def _decoded(text: str) -> str:
    return b64decode(text.encode("ascii", "replace")).decode("utf-8", "replace")


def _member(value: object, key: str) -> object:
    """What a map has under `key`, by itself or by a merge key."""
    return next((layer[key] for layer in _layers(value) if key in layer), None)


def _layers(value: object) -> Iterator[dict[str, object]]:
    """A map, and the maps that its merge keys (`<<`) bring in."""
    waiting: list[object] = [value]
    for _ in range(_MERGED):
        here = waiting.pop(0) if waiting else None
        if isinstance(here, dict):
            yield here
            merged = here.get("<<")
            waiting += merged if isinstance(merged, list) else [merged]
