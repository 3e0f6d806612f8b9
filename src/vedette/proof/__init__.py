"""Proof: can this rule fire here? Computed link by link, from what a person gave or a host told.

In: `Rule`s and what is `Given` (an audit policy, …). Out: a `RuleResult` a rule, with a `LinkResult` a link.
Never does: read settings or open files, take "could not check" for yes, assert by hand what it can run.
Add one by: a module in links/ that meets `links.base.Link`, a line in its registry, a field in `Given`, its test.
Read first: verdict.py, links/base.py, links/emitted.py.
"""
