"""Errors whose message says all there is to say: displays and logs show it without the frames it came through."""

from typing import NoReturn


class PlainError(RuntimeError):
    """An error that says what is wrong, where, and what to do."""

    @property
    def message(self) -> str:
        """What Inspect's logs show of it; of other errors they show the ``repr``."""
        return str(self)


def alone(error: Exception) -> NoReturn:
    """Raise an error so that Inspect's displays and the viewer of its logs show the message alone."""
    _rich_traceback_guard = True  # rich leaves out this frame and all before it
    raise error.with_traceback(None) from None
