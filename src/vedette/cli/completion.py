"""`vedette completion`: the shell's completion, made by shtab from the parser."""

from __future__ import annotations

import argparse

EXAMPLES = """\
examples:
  vedette completion bash > /etc/bash_completion.d/vedette
  vedette completion zsh > "${fpath[1]}/_vedette"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which shell."""
    parser.add_argument("shell", choices=["bash", "zsh"], help="the shell to write for")


def run(args: argparse.Namespace) -> int:
    """Print it."""
    import shtab

    from vedette.cli.parser import build

    print(shtab.complete(build(), shell=args.shell))
    return 0
