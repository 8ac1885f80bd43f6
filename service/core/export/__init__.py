"""The export: a ledger, or a part of it, in one zip that anybody can check without the service."""
