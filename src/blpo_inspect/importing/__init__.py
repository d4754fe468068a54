"""Judgements that were made elsewhere → Inspect logs of this package."""
