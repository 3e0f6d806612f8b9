"""host.end-sessions: what a user has open over ssh is ended, with all that runs in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vedette.actions.base import Argument, Call, CallFailed, CannotLook, Check, Kind, Plan, Refused
from vedette.actions.host import RIGHTS_HINT, Account, HostActions, Part, by_hand, run_path
from vedette.escape import shell

_PID = re.compile(r"pid=(\d+)")


class Open(NamedTuple):
    """What a user has open."""

    sessions: dict[str, str]
    """Process id -> when it began, its terminal, its command."""
    inside: int
    """Processes in them."""
    own: int
    """Sessions that vedette itself is in."""
    others: list[str]
    """Commands of the user's that run in no session."""
    peers: dict[str, str]
    """Process id -> address it is connected to, as far as `ss` says."""


class EndSessions(HostActions):
    """Ends processes of sshd's, and what was started in them."""

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it. One call ends what is open then: whoever logs in again must not make it stale."""
        account = self.account(given["user"])
        found = self._open(account.name)
        whole = given["all"] == "yes"
        if whole and account.uid == 0:
            raise Refused(f"what runs as {account.name} is the system", "leave out all=yes")
        what = f"all that runs as {account.name}" if whole else f"what {account.name} has open over ssh"
        going = found.sessions or found.inside or (whole and found.others)
        return Plan(
            action=KIND.name,
            given=dict(given),
            where=self.ssh.server,
            does=f"end {what}, {_number(len(found.sessions), 'session')} now",
            calls=[self._end(account, whole=whole)] if going else [],
            seen={account.name: str(account.uid)},
            breaks=_breaks(account, found, whole=whole),
            remains=_remains(account, found, whole=whole),
            found=[
                {"session": said, "process": pid, "from": found.peers.get(pid, "cannot tell: `ss` does not say")}
                for pid, said in found.sessions.items()
            ],
        )

    def _open(self, user: str) -> Open:
        """Raises CannotLook."""
        answer = self.look("sessions", user)
        of: dict[str, list[Part]] = {}
        for one in answer:
            of.setdefault(one.tag, []).append(one)
        if "peers" not in of or "blind" in of:
            mend = f"it needs ps of procps, and root where /proc is mounted with hidepid: {RIGHTS_HINT}"
            raise CannotLook(f"{self.ssh.server}: its processes cannot be seen", mend)
        return Open(
            sessions={one.words[0]: " ".join(" ".join(one.lines).split()) for one in of.get("session", [])},
            inside=len(of.get("inside", [])),
            own=len(of.get("own", [])),
            others=[" ".join(" ".join(one.lines).split()) for one in of.get("other", [])],
            peers=_peers(of["peers"][0].lines),
        )

    def _end(self, account: Account, *, whole: bool) -> Call:
        user, name = shell(account.name), account.name
        remote = f"pkill -f '^sshd(-session)?: {name}@'" if account.uid == 0 else f"pkill -u {user} '^sshd'"
        says = f"{name} has no session over ssh"
        return Call(
            method="run",
            path=run_path(self.ssh, "end_sessions"),
            body={"verb": "end_sessions", "words": [name, *(["all"] if whole else [])]},
            does=f"end each session of {name} and {'all else that runs as ' + name if whole else 'what runs in it'}, "
            "but for vedette's own",
            command=by_hand(self.ssh, f"pkill -KILL -u {user}" if whole else remote),
            expects={"user": name, "all": whole, "says": f"{says}, and nothing else runs" if whole else says},
        )

    def do(self, call: Call) -> str:
        """As `base.Action` has it: asked to end, and after a second made to."""
        said = self.change(call.body)
        if said.tag == "ended":
            return f"ended {_number(int(said.words[0]), 'session')}"
        raise CallFailed(" ".join(said.lines) or said.tag, f"to end others' sessions it must be root: {RIGHTS_HINT}")

    def check(self, call: Call) -> Check:
        """As `base.Action` has it."""
        says = str(call.expects["says"])
        try:
            found = self._open(str(call.expects["user"]))
        except CannotLook as error:
            return Check(says, None, str(error))
        left = [*found.sessions.values(), *(found.others if call.expects["all"] else [])]
        left = left or (["some of what ran in them goes on"] if found.inside else [])
        return Check(says, not left, "; ".join(left[:3]))

    def verify(self, plan: Plan) -> Sequence[Check]:
        """Those that were opened since included."""
        return [self.check(self._end(self.account(plan.given["user"]), whole=plan.given["all"] == "yes"))]

    def undo(self, plan: Plan, done: Sequence[Call]) -> Plan:  # noqa: ARG002 - it meets a protocol
        """What ran is gone."""
        return Plan(action=plan.action, given=plan.given, where=plan.where, does="it cannot be taken back")


def _peers(lines: Sequence[str]) -> dict[str, str]:
    """`ss -Htnp state established`: Recv-Q Send-Q Local Peer users:(("sshd",pid=1,fd=4))."""
    found: dict[str, str] = {}
    for line in lines:
        words = line.split()
        at = next((index for index, word in enumerate(words) if word.startswith("users:")), 0)
        if at >= 4:
            found |= dict.fromkeys(_PID.findall(line), words[at - 1])
    return found


def _number(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def _breaks(account: Account, found: Open, *, whole: bool) -> list[str]:
    said = [f"what {account.name} does in them: {_processes(found.inside)}"] if found.sessions or found.inside else []
    return said + ([f"services, jobs and whatever else: {one}" for one in found.others] if whole else [])


def _processes(count: int) -> str:
    return f"{count} process" + ("" if count == 1 else "es")


def _remains(account: Account, found: Open, *, whole: bool) -> list[str]:
    said = [f"it can log in again: vedette action plan host.remove-key FINGERPRINT user={shell(account.name)}"]
    if found.own:
        said.append(f"vedette's own session, which is {account.name}'s as well")
    if found.others and not whole:
        more = f" and {len(found.others) - 5} more" if len(found.others) > 5 else ""
        listed = f"{'; '.join(found.others[:5])}{more}"
        said.append(f"what runs as {account.name} outside of any session: {listed}: all=yes ends it too")
    said.append(f"what {account.name} started as another user and let go of, or left to cron, a timer or at")
    return said


KIND = Kind(
    name="host.end-sessions",
    says="end a user's open sessions over ssh, and what runs in them; or all that runs as the user",
    arguments=(
        Argument("user", "the user's name on the host", required=True),
        Argument("host", "which of the settings' hosts; may be left out where there is one"),
        Argument("all", "yes: whatever else runs as the user too, services included", choices=("yes",)),
    ),
    undo="",
    make=EndSessions,
)
