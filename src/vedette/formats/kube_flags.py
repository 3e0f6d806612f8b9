"""The API server's audit flags, as a body names them: a pod's arguments, or kubeadm's ClusterConfiguration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_FLAG = re.compile(r"--audit-[a-z0-9-]+(?:=[^\s\"']*)?")
_CONFIGURATION = "ClusterConfiguration"
"""The key of ConfigMap kubeadm-config that holds, as YAML, what the next upgrade makes an API server from."""


def audit_flags(body: object) -> list[str]:
    """Every `--audit-*` argument in a command, patch or ClusterConfiguration within `body`, as `--name=value`."""
    flags: list[str] = []
    for argument, following in _arguments(body):
        for found in _FLAG.finditer(argument):
            flag = found[0]
            if "=" not in flag and flag == argument and following and not following.startswith("-"):
                flag = f"{flag}={following}"
            flags.append(flag)
    return flags


def _arguments(body: object) -> Iterator[tuple[str, str]]:
    """Every text in a list, and every text that a JSON patch sets, each with the text after it."""
    waiting = [body]
    while waiting:
        here = waiting.pop()
        if isinstance(here, Mapping):
            value = here.get("value")
            if "op" in here and isinstance(value, str):
                yield value, ""
                if str(here.get("path")).endswith(f"/{_CONFIGURATION}"):
                    yield from _configured(value)
            if isinstance(here.get(_CONFIGURATION), str):
                yield from _configured(here[_CONFIGURATION])
            waiting.extend(here.values())
        elif isinstance(here, list):
            for index, item in enumerate(here):
                if isinstance(item, str):
                    following = here[index + 1] if index + 1 < len(here) else ""
                    yield item, following if isinstance(following, str) else ""
                else:
                    waiting.append(item)


def _configured(text: str) -> Iterator[tuple[str, str]]:
    """The audit flags among `apiServer.extraArgs`: a list of name and value since v1beta4, a map before."""
    # Rare, and slow to import.
    import yaml

    try:
        configuration = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes nothing but texts, lists and maps
    except (yaml.YAMLError, RecursionError, ValueError):
        # What no parser reads sets no flag.
        return
    server = configuration.get("apiServer") if isinstance(configuration, dict) else None
    arguments = server.get("extraArgs") if isinstance(server, dict) else None
    if isinstance(arguments, dict):
        pairs = list(arguments.items())
    elif isinstance(arguments, list):
        pairs = [(pair.get("name"), pair.get("value")) for pair in arguments if isinstance(pair, dict)]
    else:
        return
    for name, value in pairs:
        yield f"--{name}={value}", ""
