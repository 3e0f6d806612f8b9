"""The site's settings: vedette.yaml in, typed `Settings` out.

In: a file, or none. Out: networks, names and exemptions, once, for every rule; problems with file, line and mend.
Never does: look at a log or a rule; only `app` and `cli` read settings, the rooms are given values.
Add a key by: one line in written.py, and in checks.py what its type cannot say.
Read first: written.py.
"""

from __future__ import annotations

from vedette.settings.effective import Proxy, Settings
from vedette.settings.loading import find, load, load_case, load_text
from vedette.settings.reading import SettingsError

__all__ = ["Proxy", "Settings", "SettingsError", "find", "load", "load_case", "load_text"]
