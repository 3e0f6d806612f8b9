"""A server of authentik's schema, a store and settings for `vedette action authentik.…`, called as a person would."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.actions.authentik_server import Store
from tests.actions.command_site import CommandSite

TOKEN = "vedettes-own-token"
SESSIONS, TOKENS = "/core/authenticated_sessions/", "/core/tokens/"
REFRESH, ACCESS, CODES = (f"/oauth2/{kind}/" for kind in ("refresh_tokens", "access_tokens", "authorization_codes"))


@dataclass
class AuthentikSite(CommandSite):
    """Settings and a store in `folder`, for the server of `there`."""

    there: Store
    address: str
    folder: Path
    token: str = TOKEN
    last: str = field(default="", init=False)
    """The id that was planned last."""

    def actions(self) -> dict[str, Any]:
        """As CommandSite has it; the token is written anew each time."""
        (self.folder / "token").write_text(self.token)
        return {"authentik": {"server": self.address, "token_file": str(self.folder / "token")}}
