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


def reason_of(error: Exception) -> str:
    """An error in words; the type only where the words alone may not do."""
    from blpo_inspect._util.inspect_internals import PrerequisiteError

    text = str(error).strip() or type(error).__name__
    return text if isinstance(error, PrerequisiteError | ValueError) else f"{type(error).__name__}: {text}"
