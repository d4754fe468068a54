"""Suites that guard judges against regressions: what must hold, how it is checked, and what a check says."""
