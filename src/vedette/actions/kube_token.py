"""kube.rotate-token: what was stolen of a service account is refused from now on.

Three kinds of tokens (kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin): one bound to a pod dies
with the pod; one in a Secret of type service-account-token dies with the Secret; one that somebody asked for with
TokenRequest dies only with the account, since its claims hold the account's uid.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from vedette.actions.base import Argument, Call, CannotLook, Kind, Plan, Refused
from vedette.actions.kube import KubeActions, Object, clean, create, delete, described, mend, path_of, subdomain, uid
from vedette.actions.kube_names import Account, account_of, not_the_systems
from vedette.clients.base import BadSecret, NoAnswer
from vedette.clients.kube import KubeRefused, refused
from vedette.clients.reading import json_body

_TYPE = "kubernetes.io/service-account-token"
_OF = "kubernetes.io/service-account.name"
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
POD, LEGACY, RECREATE = "pod", "legacy", "recreate"


class Rotate(KubeActions):
    """By pod, by Secret, or by making the account anew."""

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it."""
        account = account_of(given["account"])
        not_the_systems(str(account), self.whoami())
        how = given["how"] or (POD if given["pod"] else RECREATE)
        if (how == POD) != bool(given["pod"]):
            raise Refused(f"how={how} and pod={given['pod']!r} exclude each other", "pod= alone, or how= alone")
        if how == POD:
            return self._by_pod(given, account)
        secrets = self._secrets(account)
        if how == LEGACY:
            return self._by_secret(given, account, secrets)
        return self._anew(given, account, secrets)

    def _by_pod(self, given: Mapping[str, str], account: Account) -> Plan:
        path = path_of("pods", subdomain("pod", given["pod"]), account.namespace)
        pod = self.read(path)
        if pod is None or (given["pod-uid"] and uid(pod) != given["pod-uid"]):
            does = f"{described(path)} that held the token is gone, and the token with it: nothing to do"
            return self._planned(given, does, [], {path: uid(pod) if pod else "absent"}, [])
        if pod["spec"].get("serviceAccountName", "default") != account.name:
            theirs = pod["spec"].get("serviceAccountName")
            raise Refused(f"{described(path)} runs as {theirs}, not as {account.name}", "see user.extra in the log")
        calls = [delete(path, pod, exact=False)]
        return self._planned(given, f"delete {described(path)}: the tokens bound to it die with it", calls,
                             {path: uid(pod)}, [_restart(pod, described(path))])  # fmt: skip

    def _by_secret(self, given: Mapping[str, str], account: Account, secrets: Mapping[str, Object]) -> Plan:
        does = f"delete the {len(secrets)} token Secrets of {account}: the tokens in them die with them"
        calls = [delete(path, one, exact=False) for path, one in secrets.items()]
        breaks = (
            ["who uses such a token, outside the cluster too: give them a new one, and a short one"] if calls else []
        )
        return self._planned(given, does, calls, {path: uid(one) for path, one in secrets.items()}, breaks)

    def _anew(self, given: Mapping[str, str], account: Account, secrets: Mapping[str, Object]) -> Plan:
        path = path_of("serviceaccounts", account.name, account.namespace)
        found = self.read(path)
        if found is None:
            raise Refused(f"there is no {described(path)}", f"see kubectl -n {account.namespace} get serviceaccounts")
        pods = {
            path_of("pods", str(one["metadata"]["name"]), account.namespace): one
            for one in self.listed(f"/api/v1/namespaces/{account.namespace}/pods")
            if _holds_token(one, account.name)
        }
        owned = {one: pod for one, pod in pods.items() if _controller(pod)}
        again = clean(found, "ServiceAccount", "v1")
        names = {one["metadata"]["name"] for one in secrets.values()}
        if "secrets" in again:
            again["secrets"] = [one for one in again["secrets"] if one.get("name") not in names]
        calls: list[Call] = [delete(one, secret, exact=False) for one, secret in secrets.items()]
        calls.append(delete(path, found, keep=clean(found, "ServiceAccount", "v1")))
        made = create(path.rpartition("/")[0], again)
        calls.append(made)
        calls += [delete(one, pod, exact=False) for one, pod in owned.items()]
        seen = {one: uid(what) for one, what in (*secrets.items(), *pods.items())} | {path: uid(found)}
        return self._planned(
            given,
            f"make {described(path)} anew: every token of it dies, wherever it is",
            calls,
            seen,
            [
                *(_restart(pod, described(one)) for one, pod in pods.items()),
                "who uses a token of it outside the cluster: give them a new one",
            ],
        )

    def _planned(
        self, given: Mapping[str, str], does: str, calls: list[Call], seen: dict[str, str], breaks: list[str]
    ) -> Plan:
        return Plan(
            action=KIND.name,
            given=dict(given),
            where=self.kube.server,
            does=does,
            calls=calls,
            seen=seen,
            breaks=breaks,
            remains=["its bindings: whoever gets a new token of it has its rights; see kube.suspend-actor"],
            undo=KIND.undo,
        )

    def _secrets(self, account: Account) -> dict[str, Object]:
        """The Secrets that hold a token of it, by path; their data does not cross the wire. Raises CannotLook."""
        path = f"/api/v1/namespaces/{account.namespace}/secrets"
        try:
            selector = quote(f"type={_TYPE}", safe="")
            answer = self.kube.ask("GET", f"{path}?fieldSelector={selector}", headers={"Accept": _METADATA})
            found = json_body(answer.body)
            if answer.status != 200 or not isinstance(found, dict):
                raise refused(answer)
        except (NoAnswer, BadSecret, KubeRefused) as error:
            raise CannotLook(f"{self.kube.server} {path}: {error}", mend(error, "`list` on secrets")) from error
        return {
            path_of("secrets", str(one["metadata"]["name"]), account.namespace): one
            for one in found.get("items") or []
            if (one["metadata"].get("annotations") or {}).get(_OF) == account.name
        }


def _holds_token(pod: Object, account: str) -> bool:
    """Whether a pod runs as the account, has its token mounted, and has not ended."""
    spec = pod["spec"]
    if spec.get("serviceAccountName", "default") != account:
        return False
    if pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return False
    sources = [
        source for volume in spec.get("volumes") or [] for source in volume.get("projected", {}).get("sources") or []
    ]
    return any("serviceAccountToken" in source for source in sources)


def _controller(pod: Object) -> str:
    """What starts a pod again; nothing: nobody does."""
    owners = pod["metadata"].get("ownerReferences") or []
    return next((f"{one['kind']} {one['name']}" for one in owners if one.get("controller")), "")


def _restart(pod: Object, name: str) -> str:
    starter = _controller(pod)
    return f"{name} restarts, by {starter}" if starter else f"{name}: nothing starts it again, and its token is dead"


KIND = Kind(
    name="kube.rotate-token",
    says="make a service account's stolen token worthless",
    arguments=(
        Argument("account", "system:serviceaccount:NAMESPACE:NAME, or NAMESPACE/NAME", required=True),
        Argument("pod", "the pod that holds it: user.extra authentication.kubernetes.io/pod-name in the log"),
        Argument("pod-uid", "that pod's uid, as the log has it: a pod of the same name made since is left alone"),
        Argument("how", "legacy: its token Secrets alone; recreate: the account anew, so that every token dies; "
                 "default: recreate, or the pod where pod= is given", choices=(POD, LEGACY, RECREATE)),
    ),
    undo="a dead token stays dead; an account that could not be made anew is made as it was",
    make=Rotate,
)  # fmt: skip
