"""The contract: what the sandbox promises of the real services, checked against either."""
