"""vedette: security alerting for Kubernetes, Vault and SSH whose every rule is proven able to fire."""

__version__ = "0.1.0"
