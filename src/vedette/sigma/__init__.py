"""Sigma: what a rule's text means.

In: rule files, the formats' `Schema`s, the site's named lists. Out: `Rule`s, and a `Problem` for each thing refused.
Never does: guess; what might never fire, or mean something else than it reads, is refused with its place and mend.
Add one by: a modifier is a line in modifiers.py and a branch in tests.py; a top-level key a line in header.py.
Read first: loading.py, selections.py, condition.py.
"""

from __future__ import annotations

from vedette.problem import Problem
from vedette.sigma.assembly import proof_files
from vedette.sigma.loading import Loaded, Refused, load, rule_files
from vedette.sigma.site import Site

__all__ = ["Loaded", "Problem", "Refused", "Site", "load", "proof_files", "rule_files"]
