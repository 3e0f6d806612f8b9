"""The trusted networks as Terraform's variable file: one list for its firewalls and the rules.

Terraform reads a file by itself that ends in `.auto.tfvars` or `.auto.tfvars.json`; the settings read either form again
(`allowlist_from`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence


def allowlist(lists: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Network -> the first list that names it, in the settings' order; each once."""
    found: dict[str, str] = {}
    for name, networks in lists.items():
        for network in networks:
            found.setdefault(network, name)
    return found


def variable_file(variable: str, networks: Mapping[str, str], *, as_json: bool = False) -> str:
    """The file that sets `variable`; `networks` as `allowlist` gives them, already checked to be networks."""
    if as_json:
        return json.dumps({variable: list(networks)}, indent=2) + "\n"
    if not networks:
        return f"{variable} = []\n"
    # JSON's quotation is HCL's, and `${`, which is a template there, stands in no network.
    quoted = [(json.dumps(network) + ",", name) for network, name in networks.items()]
    width = max(len(text) for text, _ in quoted)
    return "\n".join([f"{variable} = [", *(f"  {text:<{width}} # {name}" for text, name in quoted), "]", ""])
