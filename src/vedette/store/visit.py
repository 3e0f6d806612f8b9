"""Visit: the database of a store whose daemon may be running; what people ask and do beside it."""

from __future__ import annotations

from pathlib import Path

from vedette.store.actions import Actions
from vedette.store.alerts import Alerts
from vedette.store.database import Database
from vedette.store.drills import Drills
from vedette.store.outbox import Outbox
from vedette.store.progress import Progress


class Visit:
    """The tables, without the lock that keeps a second daemon out."""

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        """Opens the store that is in `folder`. Raises StoreError where there is none and none is to be made, or not for
        this user."""
        self.folder = folder
        self.database = Database(folder, create=create)
        self.actions = Actions(self.database)
        self.alerts = Alerts(self.database)
        self.outbox = Outbox(self.database)
        self.progress = Progress(self.database)
        self.drills = Drills(self.database)

    def close(self) -> None:
        """Let go of the file; what was committed stands."""
        self.database.close()
