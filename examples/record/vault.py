"""vault.py WORK: what happens in the recorded Vault: applications, people and Terraform at their work; V1-V7 among it.

The audit file is Vault's own. Observations (V3) hold what sys/seal-status and sys/audit answered at that moment.
"""

from __future__ import annotations

import base64
import random
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from client import Caller
from observe import observe

WORK = Path(sys.argv[1])
HOST, PORT = "10.0.40.20", 8200
CLI = "Vault/1.21.4 (+https://www.vaultproject.io/)"
TERRAFORM = "terraform-provider-vault/4.4.0 Terraform/1.9.5"
POLICIES = {
    "app": 'path "secret/data/app/*" { capabilities = ["read"] }',
    "developer": 'path "secret/*" { capabilities = ["create","read","update","list"] }\npath "sys/policies/acl/*" { capabilities = ["read"] }',
    "operator": 'path "sys/policies/acl/*" { capabilities = ["create","read","update","list"] }\n'
    'path "auth/*" { capabilities = ["create","read","update","list"] }\n'
    'path "auth/token/create-orphan" { capabilities = ["update","sudo"] }\npath "secret/*" { capabilities = ["read"] }',
    "terraform": 'path "sys/policies/acl/*" { capabilities = ["create","read","update","delete","list"] }\n'
    'path "auth/approle/role/*" { capabilities = ["create","read","update"] }',
    "admin": 'path "*" { capabilities = ["create","read","update","delete","list","sudo"] }',
}
DONE = threading.Event()


def pause(least: float = 0.2, most: float = 0.9) -> None:
    """Nobody acts at once."""
    time.sleep(random.uniform(least, most))


class Vault:
    """The server and everybody who calls it."""

    def __init__(self) -> None:
        self.nobody = Caller(HOST, PORT, "10.0.40.10", CLI, {"X-Vault-Request": "true"})
        answer = self.write(self.nobody, "sys/init", {"secret_shares": 3, "secret_threshold": 2})
        self.keys: list[str] = answer["keys"]
        self.root = self.holding(answer["root_token"], "10.0.20.10")
        self.unseal()
        time.sleep(2)
        self.set_up()

    def holding(self, token: str, address: str, agent: str = CLI) -> Caller:
        """Who holds `token`."""
        return Caller(HOST, PORT, address, agent, {"X-Vault-Request": "true", "X-Vault-Token": token})

    def write(self, who: Caller, path: str, body: object = None) -> Any:
        """An update."""
        return who.call("PUT", f"/v1/{path}", body if body is not None else {})[1]

    def read(self, who: Caller, path: str) -> Any:
        """A read."""
        return who.call("GET", f"/v1/{path}")[1]

    def unseal(self) -> None:
        """With two of the three keys."""
        for key in self.keys[:2]:
            self.write(self.nobody, "sys/unseal", {"key": key})

    def login(self, user: str, password: str, address: str) -> Caller | None:
        """Through userpass."""
        answer = self.write(self.nobody.at(address), f"auth/userpass/login/{user}", {"password": password})
        token = (answer.get("auth") or {}).get("client_token")
        return self.holding(token, address) if token else None

    def approle(self, role: str, address: str, agent: str) -> Caller:
        """An application's or Terraform's own way in."""
        role_id = self.read(self.root, f"auth/approle/role/{role}/role-id")["data"]["role_id"]
        secret_id = self.write(self.root, f"auth/approle/role/{role}/secret-id")["data"]["secret_id"]
        answer = self.write(self.nobody.at(address), "auth/approle/login", {"role_id": role_id, "secret_id": secret_id})
        return self.holding(answer["auth"]["client_token"], address, agent)

    def set_up(self) -> None:
        """The audit device first; then mounts, policies, users, roles."""
        root = self.root
        self.write(root, "sys/audit/file", {"type": "file", "options": {"file_path": str(WORK / "vault-audit.log")}})
        self.write(root, "sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
        for method in ("userpass", "approle"):
            self.write(root, f"sys/auth/{method}", {"type": method})
        for name, policy in POLICIES.items():
            self.write(root, f"sys/policies/acl/{name}", {"policy": policy})
        for user, policy in (("me", "admin"), ("alice", "developer"), ("bob", "operator")):
            self.write(root, f"auth/userpass/users/{user}", {"password": f"right-{user}", "token_policies": [policy]})
        for role in ("app", "terraform"):
            self.write(root, f"auth/approle/role/{role}", {"token_policies": [role], "token_ttl": "1h"})
        time.sleep(1)
        for number in range(4):
            self.write(root, f"secret/data/app/config-{number}", {"data": {"password": f"made-up-{number}"}})
        accessor = self.read(root, "sys/auth")["data"]["userpass/"]["accessor"]
        entity = self.write(root, "identity/entity", {"name": "me@example.org"})["data"]["id"]
        self.write(root, "identity/entity-alias", {"name": "me", "canonical_id": entity, "mount_accessor": accessor})
        (WORK / "owner-entity").write_text(entity)
        self.app = self.approle("app", "10.10.3.9", "Go-http-client/1.1")
        self.terraform = self.approle("terraform", "10.0.20.50", TERRAFORM)
        looked_up = self.read(self.terraform, "auth/token/lookup-self")["data"]
        (WORK / "terraform-entity").write_text(looked_up["entity_id"])
        (WORK / "vault-begins").write_text(datetime.now(UTC).isoformat())


def ordinary(vault: Vault, stop: threading.Event) -> None:
    """Applications read and renew, people look things up and mistype once, Terraform applies, until told to stop."""
    turn = 0
    while not stop.is_set():
        turn += 1
        vault.read(vault.app, f"secret/data/app/config-{turn % 4}")
        if turn % 4 == 0:
            vault.write(vault.app, "auth/token/renew-self")
        if turn % 5 == 1:
            alice = vault.login("alice", "right-alice" if turn != 6 else "mistyped", "10.0.20.31")
            if alice:
                vault.write(alice, f"secret/data/team/note-{turn}", {"data": {"text": "made up"}})
                alice.call("LIST", "/v1/secret/metadata/team")
                vault.read(alice, "sys/policies/acl/app")
        if turn % 7 == 3:
            vault.write(vault.terraform, "sys/policies/acl/app", {"policy": POLICIES["app"]})
            vault.read(vault.terraform, "sys/policies/acl/app")
            vault.read(vault.terraform, "sys/policies/acl/developer")
        if turn % 6 == 2:
            me = vault.login("me", "right-me", "10.0.20.10")
            if me:
                vault.read(me, "secret/data/app/config-1")
                vault.read(me.at("100.64.3.9"), "sys/mounts")
                vault.write(me, "auth/token/create", {"policies": ["default"], "ttl": "10m"})
        pause(0.8, 1.6)


def v1_root_tokens(vault: Vault) -> None:
    """The holders of two keys generate a root token to the end; somebody with root makes another."""
    holder = vault.nobody.at("10.0.20.31")
    started = vault.write(holder, "sys/generate-root/attempt", {})
    answer: Any = {}
    for key in vault.keys[:2]:
        pause(1, 3)
        answer = vault.write(holder, "sys/generate-root/update", {"key": key, "nonce": started["nonce"]})
    assert answer["complete"], answer
    token = decoded(answer["encoded_token"], started["otp"])
    generated = vault.holding(token, "10.0.20.31")
    vault.read(generated, "auth/token/lookup-self")
    pause()
    vault.write(generated, "auth/token/create-orphan", {"policies": ["root"], "display_name": "spare"})


def decoded(encoded: str, otp: str) -> str:
    """The generated token: base64 of the token xor the one-time pad."""
    mixed = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    return bytes(a ^ b for a, b in zip(mixed, otp.encode(), strict=True)).decode()


def v2_audit_device(vault: Vault) -> None:
    """A second device that would write secrets in clear, enabled and disabled again; a developer is refused."""
    vault.write(
        vault.root,
        "sys/audit/copy",
        {"type": "file", "options": {"file_path": str(WORK / "copy.log"), "log_raw": "true"}},
    )
    pause(1, 2)
    vault.root.call("DELETE", "/v1/sys/audit/copy")
    bob = vault.login("bob", "right-bob", "10.0.20.31")
    if bob:
        bob.call("DELETE", "/v1/sys/audit/file")


def v4_policies(vault: Vault) -> None:
    """An operator widens a policy and gives a user another."""
    bob = vault.login("bob", "right-bob", "10.0.20.31")
    assert bob
    vault.write(bob, "sys/policies/acl/app", {"policy": 'path "secret/*" { capabilities = ["read","list"] }'})
    pause()
    vault.write(bob, "auth/userpass/users/eve", {"password": "made-up", "token_policies": ["admin"]})


def v5_guesses(vault: Vault) -> None:
    """Fourteen wrong passwords within a minute, two of the three users do not exist."""
    for number in range(14):
        pause(0.1, 0.6)
        vault.login(("eve", "carol", "admin")[number % 3], f"wrong-{number}", "203.0.113.9")


def v6_child(vault: Vault) -> None:
    """An operator, who may not do everything, makes a token that may."""
    bob = vault.login("bob", "right-bob", "10.0.20.31")
    assert bob
    vault.write(bob, "auth/token/create-orphan", {"policies": ["admin"], "ttl": "1h"})


def v7_owner_outside(vault: Vault) -> None:
    """The owner logs in from outside and reads."""
    me = vault.login("me", "right-me", "198.51.100.77")
    assert me
    vault.read(me, "secret/data/app/config-2")


def v3_seal(vault: Vault) -> None:
    """A developer is refused; then root seals; what a poll of sys/seal-status sees before and after."""
    alice = vault.login("alice", "right-alice", "10.0.20.31")
    assert alice
    vault.write(alice, "sys/seal")
    last = seal_status(vault, None)
    last = seal_status(vault, last)
    vault.write(vault.root, "sys/seal")
    time.sleep(2)
    last = seal_status(vault, last)
    vault.unseal()
    time.sleep(3)
    seal_status(vault, last)


def seal_status(vault: Vault, last: object) -> object:
    """One poll, written down as an observation."""
    status = vault.read(vault.nobody, "sys/seal-status")
    value = {"sealed": status["sealed"], "cluster_id": status.get("cluster_id", ""), "reachable": True}
    observe(WORK, "seal_status", "vault-0", value, last)
    return value


def audit_devices(vault: Vault) -> None:
    """Two listings of the audit devices that are alike."""
    listing = vault.read(vault.root, "sys/audit")["data"]
    devices = {
        path: {"type": device["type"], "options": {**device["options"], "file_path": "/vault/audit/audit.log"}}
        for path, device in listing.items()
    }
    for _ in range(2):
        observe(WORK, "audit_devices", "vault-0", {"devices": devices}, {"devices": devices})
        pause()


def main() -> None:
    """Set up, then the attacks one after the other among ordinary traffic."""
    random.seed(9)
    vault = Vault()
    background = threading.Thread(target=ordinary, args=(vault, DONE))
    background.start()
    try:
        audit_devices(vault)
        for attack in (v2_audit_device, v4_policies, v6_child, v5_guesses, v7_owner_outside, v1_root_tokens):
            pause(4, 8)
            attack(vault)
        pause(4, 8)
    finally:
        DONE.set()
        background.join()
    v3_seal(vault)
    vault.read(vault.app, "secret/data/app/config-0")


if __name__ == "__main__":
    main()
