"""Experts: who answers. The contract, the registry of kinds, the built-in kinds, and the stores."""
