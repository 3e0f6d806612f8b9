"""Survey: what logs show of a site, as a first vedette.yaml.

In: events. Out: the text of a settings file whose every proposal is commented out, with its evidence.
Never does: trust what it saw; whoever attacked while the log was written is in it too.
Add a proposal by: a table in kube.py, vault.py or sshd.py, and a section in one of the drafts.
Read first: survey.py.
"""

from __future__ import annotations

from vedette.survey.survey import Known, Survey

__all__ = ["Known", "Survey"]
