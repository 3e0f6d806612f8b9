"""Vault's part of a draft: Terraform, and roles that grant more."""

from __future__ import annotations

from .records import accepted, checked, loaded, vault

POLICY = "sys/policies/acl/app"


def test_terraform_is_known_by_entity_and_busiest_address() -> None:
    """Of all who write policies the one named like Terraform is proposed, by entity, where it mostly comes from."""
    events = [
        *(vault("root", "update", POLICY, policies=["root"], address="10.0.20.10") for _ in range(9)),
        *(vault("approle-terraform", "update", POLICY, entity_id="e-tf", address="10.0.20.50") for _ in range(2)),
        vault("approle-terraform", "update", POLICY, entity_id="e-tf", address="10.0.20.99"),
    ]
    text = checked(events)
    assert f"#   approle-terraform, entity e-tf: 3 times from 10.0.20.50 (2), 10.0.20.99 (1): {POLICY}" in text
    terraform = loaded(accepted(text)).vault.terraform
    assert (terraform.entities, terraform.addresses) == (("e-tf",), ("10.0.20.50/32",))


def test_without_an_entity_the_role_or_an_own_policy_tells() -> None:
    """The role comes before the policies; default and root tell nobody apart."""
    role = loaded(accepted(checked([vault("tf", "update", POLICY, metadata={"role": "terraform"})])))
    assert role.vault.terraform.roles == ("terraform",)
    approle = loaded(accepted(checked([vault("tf", "update", POLICY, metadata={"role_name": "terraform"})])))
    assert approle.vault.terraform.roles == ("terraform",)
    policy = loaded(accepted(checked([vault("tf", "update", POLICY, token_policies=["default", "terraform"])])))
    assert policy.vault.terraform.policies == ("terraform",)
    nothing = checked([vault("root", "update", POLICY, policies=["root"])])
    assert "None of them has an identity of its own" in nothing
    assert "#terraform" not in nothing


def test_a_person_is_never_proposed_as_terraform() -> None:
    """Somebody who logged in by userpass writes policies by hand."""
    text = checked([vault("userpass-terraform", "update", POLICY, entity_id="e")])
    assert "#   userpass-terraform, entity e: 1 time" in text
    assert "#terraform" not in text


def test_a_guess_says_that_it_is_one() -> None:
    """A writer not named like Terraform is proposed with that remark."""
    text = checked([vault("token", "update", POLICY, entity_id="e")])
    assert "# None is named like Terraform. If this one is:\n  #terraform: {entities: [e]" in text


def test_only_writes_of_what_gives_policies_count() -> None:
    """Reads, refused writes and other writes are not V4's."""
    events = [
        vault("a", "read", POLICY, entity_id="e"),
        vault("a", "update", "secret/data/x", entity_id="e"),
        vault("a", "update", "auth/userpass/users/x", entity_id="e", data={"password": "hmac-sha256:x"}),
        vault("a", "update", "auth/token/create", entity_id="e", data={"policies": ["x"]}),
    ]
    assert "V4:" not in checked(events)
    users = vault("a", "update", "auth/userpass/users/x", entity_id="e", data={"token_policies": ["hmac-sha256:x"]})
    group = vault("a", "update", "identity/group", entity_id="e", data={"member_entity_ids": ["x"]})
    text = checked([users, group])
    assert "#   a, entity e: 2 times" in text


def test_roles_that_grant_more_are_proposed() -> None:
    """A role whose token has a policy that its creator lacked is listed; one that grants no more is not, nor root's."""
    events = [
        vault("a", "update", "auth/token/create/ci", granted=["default", "deploy"]),
        vault("a", "update", "auth/token/create/same", granted=["default"]),
        vault("root", "update", "auth/token/create/any", policies=["root"], granted=["admin"]),
    ]
    text = checked(events)
    assert "# V6: token roles that granted more than their caller had: ci (1)" in text
    assert loaded(accepted(text)).vault.token_roles == ("ci",)
