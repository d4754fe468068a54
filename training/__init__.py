"""How the embedded judge was made. Not part of the wheel."""
