"""The networks of a draft: where each kind of identity comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from vedette.survey import addresses
from vedette.survey.draft import Draft, networks, number, shown, some, times
from vedette.survey.kube import ACCOUNTS, ANONYMOUS, CONTROL, NODES, PEOPLE, KubeSurvey
from vedette.survey.sshd import SshdSurvey
from vedette.survey.tables import Names
from vedette.survey.vault import VaultSurvey, by_hand

_SHOWN = 8
"""The most addresses of a list that are explained."""
_MOST = 64
"""The most networks that a list is proposed with; more is no list of one's own."""


@dataclass(frozen=True, slots=True)
class Sight:
    """An address and who came from there."""

    address: str
    count: int
    names: Sequence[str]


Together = Callable[[Iterable[str]], list[str]]
"""Addresses into the networks that are proposed for them."""


def write(draft: Draft, kube: KubeSurvey, vault: VaultSurvey, sshd: SshdSurvey) -> None:
    """The key `networks`, loopback alone in force."""
    draft.blank()
    draft.prose("Networks, in lists; K2, K9, V7 and S1 alert on every address that no list holds.")
    draft.key("networks:")
    draft.key('  loopback: [127.0.0.0/8, "::1/128"]')
    sights = _sights(kube, vault, sshd)
    taken: set[str] = set()
    nodes = _some_of(sights, (NODES, CONTROL), taken, public=False)
    what = "Kubelets and the control plane; a node that comes later is outside until it is named"
    _list(draft, "nodes", what, nodes, addresses.alone)
    taken |= {sight.address for sight in nodes}
    pods = _some_of(sights, (ACCOUNTS,), taken, public=False)
    what = "Service accounts; the pods' whole network is wider (--cluster-cidr in kubectl cluster-info dump)"
    _list(draft, "pods", what, pods, addresses.around)
    if not pods and len(kube.origins):
        draft.prose(
            "Pods: none was seen at an address of its own. Name their network all the same (--cluster-cidr in", indent=2
        )
        draft.prose("kubectl cluster-info dump), or K2 alerts when one calls the API server.", indent=2)
    near = _some_of(sights, (PEOPLE,), taken, public=False)
    tailnet = [sight for sight in near if addresses.TAILNET.contains(sight.address)]
    _list(draft, "tailnet", "People over Tailscale or a carrier's NAT", tailnet, addresses.alone)
    _list(
        draft,
        "lan",
        "People, and programs outside the cluster",
        [s for s in near if s not in tailnet],
        addresses.around,
    )
    what = "From public addresses; a list of them trusts whoever sits there, so name only fixed ones that you know"
    # Whoever stole a service account's token may be a person elsewhere too: to trust that address would silence K2.
    stolen = {sight.address for sight in _some_of(sights, (ACCOUNTS,), taken, public=True)}
    far = _some_of(sights, (PEOPLE,), taken, public=True)
    _list(draft, "remote", what, [sight for sight in far if sight.address not in stolen], addresses.alone)
    _strangers(
        draft,
        "service accounts (K2), and whoever else came from there,",
        [s for s in _some_of(sights, (ACCOUNTS, PEOPLE), taken, public=True) if s.address in stolen],
    )
    _strangers(draft, "kubelets or the control plane", _some_of(sights, (NODES, CONTROL), taken, public=True))
    nobody = sorted((key[1], came.count) for key, came in kube.origins if key[0] == ANONYMOUS)
    if nobody:
        total = times(sum(count for _, count in nobody), "request")
        draft.prose(f"Without a name: {total} from {some([address for address, _ in nobody])}", indent=2)
    _one_address(draft, vault)


def _sights(kube: KubeSurvey, vault: VaultSurvey, sshd: SshdSurvey) -> dict[str, dict[str, Sight]]:
    """Kind of identity -> address -> who came from there, of all logs."""
    found: dict[str, dict[str, Sight]] = {}

    def add(kind: str, address: str, count: int, names: Iterable[str]) -> None:
        if addresses.LOOPBACK.contains(address):
            return
        known = found.setdefault(kind, {})
        before = known.get(address, Sight(address, 0, ()))
        known[address] = Sight(address, before.count + count, (*before.names, *names))

    for (kind, address), came in kube.origins:
        add(kind, address, came.count, came.names)
    for caller, seen in vault.callers:
        # Of other programs Vault's rules judge no address; a pod's login by Kubernetes shows where pods are.
        kind = ACCOUNTS if caller.name.startswith("kubernetes-") else PEOPLE
        if kind == ACCOUNTS or by_hand(caller) or caller.name == "root":
            for address, count in seen.addresses.counts.items():
                add(kind, address, count, [f"Vault {caller.name}"])
    for (user, address), login in sshd.logins:
        other = [method for method in login.methods if method != "publickey"]
        add(PEOPLE, address, login.count, [f"ssh {user}{f' by {other[0]}' if other else ''}"])
    return found


def _some_of(
    sights: dict[str, dict[str, Sight]], kinds: Iterable[str], taken: set[str], *, public: bool
) -> list[Sight]:
    """The sights of some kinds, the most frequent first; addresses of `taken` stand in another list."""
    merged: dict[str, Sight] = {}
    for kind in kinds:
        for sight in sights.get(kind, {}).values():
            private = addresses.PRIVATE.contains(sight.address) or addresses.TAILNET.contains(sight.address)
            if sight.address in taken or bool(private) is public:
                continue
            before = merged.get(sight.address, Sight(sight.address, 0, ()))
            merged[sight.address] = Sight(sight.address, before.count + sight.count, (*before.names, *sight.names))
    return sorted(merged.values(), key=lambda sight: (-sight.count, sight.address))


def _list(draft: Draft, name: str, what: str, sights: Sequence[Sight], together: Together) -> None:
    """One list: what it is, the evidence, the proposal."""
    if not sights:
        return
    draft.prose(f"{what}: {times(len(sights), 'address', 'addresses')}.", indent=2)
    _evidence(draft, sights)
    found = together(sight.address for sight in sights)
    if len(found) > _MOST:
        draft.prose(f"{number(len(found))} networks are too many to propose one by one.", indent=2)
        return
    draft.propose(f"{name}: {networks(found)}", indent=2)


def _evidence(draft: Draft, sights: Sequence[Sight]) -> None:
    for sight in sights[:_SHOWN]:
        names = some(dict.fromkeys(sight.names))
        draft.prose(f"  {sight.address}: {times(sight.count, 'request')}: {names}", indent=2)
    if len(sights) > _SHOWN:
        draft.prose(f"  and {number(len(sights) - _SHOWN)} more", indent=2)


def _strangers(draft: Draft, title: str, sights: Sequence[Sight]) -> None:
    """Public addresses where none are expected: look, before anything is trusted."""
    if sights:
        draft.prose(f"LOOK at these: {title} from public addresses. Not proposed.", indent=2)
        _evidence(draft, sights)


def _one_address(draft: Draft, vault: VaultSurvey) -> None:
    """All of Vault's callers behind one address: V7 and V4 cannot tell them apart."""
    callers = Names()
    for caller, _ in vault.callers:
        callers.add(caller.entity or caller.name)
    found = [address for address in vault.addresses if not addresses.LOOPBACK.contains(address)]
    if len(found) == 1 and not vault.addresses.beyond and len(callers) > 1:
        address = found[0]
        draft.prose(
            f"LOOK: Vault saw every caller at {shown(address)}. Unless they share a machine, a proxy stands in front",
            indent=2,
        )
        draft.prose("and V7 is blind, until Vault's listener names it in x_forwarded_for_authorized_addrs.", indent=2)
