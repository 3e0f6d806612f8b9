"""kube.cordon-all, kube.uncordon: no new pod starts anywhere, and the end of that."""

from __future__ import annotations

from collections.abc import Mapping

from vedette.actions.base import Argument, Kind, Plan, Refused
from vedette.actions.kube import KubeActions, patch_node, path_of, subdomain, uid, unschedulable


class CordonAll(KubeActions):
    """Cordons each node that is not; those that were are none of its calls, so that undoing leaves them so."""

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it."""
        nodes = list(self.listed("/api/v1/nodes"))
        open_nodes = [one for one in nodes if not unschedulable(one)]
        before = [str(one["metadata"]["name"]) for one in nodes if unschedulable(one)]
        names = [str(one["metadata"]["name"]) for one in open_nodes]
        return Plan(
            action=ALL.name,
            given=dict(given),
            where=self.kube.server,
            does=f"cordon {len(names)} of {len(nodes)} nodes",
            calls=[patch_node(name, unschedulable=True, was=False) for name in names],
            # Its status is written every few seconds; what counts is which nodes there are, and which are cordoned.
            seen={path_of("nodes", str(one["metadata"]["name"])): f"{uid(one)} {unschedulable(one)}" for one in nodes},
            breaks=[
                "recovery stops as well: a pod that dies, is deleted or is evicted from now on stays Pending",
                "rollouts, jobs, cron jobs and autoscaling stand still",
            ],
            remains=[
                "what runs already, the attacker's pods included",
                "DaemonSets' pods and pods that name their node: they start all the same",
                *([f"cordoned before, and left so by undo: {', '.join(before)}"] if before else []),
            ],
            undo=ALL.undo,
        )


class Uncordon(KubeActions):
    """Ends the cordon of one node."""

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it."""
        path = path_of("nodes", subdomain("node", given["node"]))
        found = self.read(path)
        if found is None:
            raise Refused(f"there is no node {given['node']!r}", "see kubectl get nodes")
        calls = [patch_node(given["node"], unschedulable=False, was=True)] if unschedulable(found) else []
        return Plan(
            action=UNCORDON.name,
            given=dict(given),
            where=self.kube.server,
            does=f"let Node {given['node']} take pods again" if calls else f"Node {given['node']} is not cordoned",
            calls=calls,
            seen={path: f"{uid(found)} {unschedulable(found)}"},
            breaks=["pods that are Pending may start there at once, the attacker's included"] if calls else [],
            undo=UNCORDON.undo,
        )


ALL = Kind(
    name="kube.cordon-all",
    says="cordon every node: no new pod is scheduled; recovery stops as well",
    arguments=(),
    undo="the nodes that it cordoned are uncordoned; those that were cordoned before stay so",
    make=CordonAll,
)
UNCORDON = Kind(
    name="kube.uncordon",
    says="end the cordon of one node; undo of kube.cordon-all ends its own",
    arguments=(Argument("node", "its name", required=True),),
    undo="the node is cordoned again",
    make=Uncordon,
)
