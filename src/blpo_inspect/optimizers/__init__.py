"""Optimizers of judge prompts as Inspect solvers: BLPO and its ablations."""
