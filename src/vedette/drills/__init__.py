"""Drills: harmless real acts, each of which makes its rule speak.

In: where servers are and what was made there for drills. Out: a `Drill` a rule; what it made, and whether it is gone.
Never does: act before it is asked to, know how alerts travel, leave anything behind that it did not name beforehand.
Add one by: a class that meets `base.Drill` in its family's module, its right in render/rights_drill.py, its test.
Read first: base.py, kube.py.
"""
