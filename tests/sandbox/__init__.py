"""Tests of the sandbox: over real HTTP, with the vendor's real SDKs."""
