"""`vedette render`: the files that other programs need, printed; nothing is written but by --into, nor sent."""

from __future__ import annotations

import argparse
import sys

from vedette.cli import (
    render_alertmanager,
    render_audit_policy,
    render_loki,
    render_loki_config,
    render_shipper,
    render_terraform,
    render_vault_audit,
)

EXAMPLES = """\
examples:
  vedette render rights kube | kubectl apply -f -              what the observer of an API server needs
  vedette render rights vault | vault policy write vedette -   what the observer of a Vault needs
  vedette render rights kube-tracer | kubectl apply -f -       what the tracer of an API server needs
  vedette render audit-policy > audit-policy.yaml              an audit policy under which every rule can fire
  vedette render vault-audit --second syslog | sh              two audit devices of a Vault
  vedette render vault-audit --proxy 10.0.0.5                  the lines of its listener behind a proxy
  vedette render loki --into rules/fake                        the rules as groups, where Loki's ruler reads them
  vedette render loki K3 -o queries --explain                  one rule's LogQL, stage by stage
  vedette render loki --check rules/fake/vedette.yaml          whether that file is still what the settings say
  vedette render alertmanager --webhook-url-file /etc/alertmanager/slack-url > alertmanager.yml
  vedette render alertmanager --check alertmanager.yml         whom that file tells of which alerts
  vedette render terraform lan tailnet > allowlist.auto.tfvars the trusted networks, for Terraform
  vedette render promtail --kube /var/log/kubernetes/audit/audit.log --url https://loki.example.org
  vedette render alloy --vault /var/log/vault/audit.log --sshd journal --cluster home
  vedette render loki-config --alertmanager http://127.0.0.1:9093 > loki.yaml
  vedette render helm --alertmanager http://alertmanager.monitoring:9093 > vedette-values.yaml
  vedette render helm --check values.yaml vedette-values.yaml  what in your own values is not read as meant
"""
_SHIPPERS = {
    "promtail": "a Promtail configuration that brings the logs to Loki",
    "alloy": "the same for Grafana Alloy",
}
_LOKI = {
    "loki-config": "a configuration of Loki: limits, retention, ruler",
    "helm": "the same as values of Loki's Helm chart; --check looks for wrong keys in yours",
}


_RIGHTS = ("kube", "vault", "kube-tracer", "vault-tracer", "kube-drill", "vault-drill")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to print."""
    files = parser.add_subparsers(dest="file", metavar="FILE", required=True)
    rights = files.add_parser("rights", help="the least rights of an observer: RBAC, or a Vault policy")
    rights.add_argument("system", choices=_RIGHTS, help="where it looks; -tracer: the tracer; -drill: drills")
    rights.add_argument("--name", metavar="NAME", help="kube: the service account (vedette; of drills as in drill:)")
    rights.add_argument("--namespace", metavar="NAME", help="kube: its namespace (vedette; of drills as in drill:)")
    loki = files.add_parser("loki", help="the rules as LogQL: groups of Loki's ruler, or bare queries")
    render_loki.add_arguments(loki)
    for name, said in _SHIPPERS.items():
        render_shipper.add_arguments(files.add_parser(name, help=said), name)
    for name, said in _LOKI.items():
        render_loki_config.add_arguments(files.add_parser(name, help=said), name)
    receiver = files.add_parser("alertmanager", help="Alertmanager's route and receivers for vedette's alerts")
    render_alertmanager.add_arguments(receiver)
    policy = files.add_parser("audit-policy", help="a small Kubernetes audit policy under which the rules can fire")
    render_audit_policy.add_arguments(policy)
    devices = files.add_parser("vault-audit", help="Vault's audit devices, and its listener behind a proxy")
    render_vault_audit.add_arguments(devices)
    terraform = files.add_parser("terraform", help="the trusted networks as a file of Terraform's variables")
    render_terraform.add_arguments(terraform)


def run(args: argparse.Namespace) -> int:
    """Print; 0: done, 2: error."""
    return int(_FILES[args.file](args))


def _rights(args: argparse.Namespace) -> int:
    from vedette.escape import terminal
    from vedette.render.rights import BadName, kube_rights, kube_tracer_rights, vault_policy, vault_tracer_policy

    of_vault = {"vault": vault_policy, "vault-tracer": vault_tracer_policy}
    if args.system in of_vault:
        print(of_vault[args.system](), end="")
        return 0
    manifest = kube_tracer_rights if args.system == "kube-tracer" else kube_rights
    try:
        if args.system.endswith("-drill"):
            print(_drill_rights(args), end="")
        else:
            print(manifest(_said(args.name, "vedette"), _said(args.namespace, "vedette")), end="")
    except BadName as error:
        print(f"vedette: {terminal(str(error))}", file=sys.stderr)
        return 2
    return 0


def _said(given: str | None, default: str) -> str:
    """An empty name was given too, and is refused."""
    return default if given is None else given


def _drill_rights(args: argparse.Namespace) -> str:
    """With the names that the settings have for drills. Raises BadName."""
    from vedette.render.rights import BadName
    from vedette.render.rights_drill import kube_drill_rights, vault_drill_rights
    from vedette.settings import SettingsError, load

    try:
        drill = load(args.config).drill
    except SettingsError as error:
        raise BadName(str(error)) from error
    if args.system == "vault-drill":
        return vault_drill_rights(_said(args.name, drill.vault.role))
    kube = drill.kube
    name, namespace = _said(args.name, kube.role), _said(args.namespace, kube.namespace)
    return kube_drill_rights(name, namespace, kube.secret, kube.pod)


_FILES = {
    "rights": _rights,
    "loki": render_loki.run,
    "alertmanager": render_alertmanager.run,
    "terraform": render_terraform.run,
    "audit-policy": render_audit_policy.run,
    "vault-audit": render_vault_audit.run,
    **dict.fromkeys(_SHIPPERS, render_shipper.run),
    **dict.fromkeys(_LOKI, render_loki_config.run),
}
