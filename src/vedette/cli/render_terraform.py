"""`vedette render terraform`: the trusted networks as a file of Terraform's variables."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which lists, and in which form."""
    parser.add_argument("lists", nargs="*", metavar="LIST", help="only these lists of the settings' networks")
    parser.add_argument("--json", action="store_true", help="as .tfvars.json, not as .tfvars")
    parser.add_argument("--check", metavar="FILE", help="compare with a .tfvars or .tfvars.json file; exit 1: differs")


def run(args: argparse.Namespace) -> int:
    """0: printed, or no drift; 1: drift; 2: error."""
    from vedette import app
    from vedette.settings.allowlist import NotAnAllowlist

    try:
        return _run(args)
    except app.Wrong as error:
        print(error, file=sys.stderr)
    except NotAnAllowlist as error:
        print(error.problem, file=sys.stderr)
    return 2


def _run(args: argparse.Namespace) -> int:
    from vedette import app
    from vedette.escape import terminal
    from vedette.render.terraform import allowlist, variable_file
    from vedette.settings.allowlist import VARIABLE

    settings = app.load_settings(args.config)
    for name in args.lists:
        if name not in settings.networks:
            known = ", ".join(settings.networks)
            raise app.Wrong([f"vedette: the settings have no networks called {terminal(name)}, only {known}"])
    networks = allowlist({name: settings.networks[name] for name in args.lists or settings.networks})
    if args.check is not None:
        return _check(args.check, networks)
    for note in settings.notes:
        print(f"vedette: {terminal(note)}", file=sys.stderr)
    print(variable_file(VARIABLE, networks, as_json=args.json), end="")
    return 0


def _check(file: str, networks: Mapping[str, str]) -> int:
    from vedette.escape import terminal
    from vedette.settings.allowlist import read_allowlist

    held = read_allowlist(Path(file), file)
    for index, network in enumerate(held.networks):
        if network not in networks:
            path = ("networks", "allowlist", index)
            mend = "take it out, or name it in the settings"
            print(held.document.problem(path, f"{network} is not in the settings", mend, value=True))
    for network, name in networks.items():
        if network not in held.networks:
            print(f"{terminal(file)}: {network} is missing, which the settings have in {name}")
    if set(held.networks) != set(networks):
        return 1
    print(f"{terminal(file)} is what the settings say")
    return 0
