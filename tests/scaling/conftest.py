"""What the tests of scaling share."""

from tests.scaling.machines import recorded

__all__ = ["recorded"]
