"""A request that what it holds makes impossible: it costs the sample that made it, not the run."""

from typing import Any


class UnanswerableError(ValueError):
    """A model cannot answer one request for what is in it; others go on. The message holds no path and no model's name.

    Args:
        message: What cannot be answered, and why.
        lasting: Whether the same request fails everywhere, and so may be recorded; false for lack of memory.
    """

    def __init__(self, message: str, *, lasting: bool = True) -> None:
        super().__init__(message)
        self.lasting = lasting
        self.metadata: dict[str, Any] = {}
        """What an answer's metadata would say of the model."""
