"""The contract: behavior that the sandbox emulates, checked on it and on the real services."""
