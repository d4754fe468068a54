"""What a long run shows while it runs: a line for every step, in every display mode, and counters in the full one."""

from typing import Any

from inspect_ai.log import transcript
from inspect_ai.util import display_counter, display_type

from blpo_inspect._util.inspect_internals import say
from blpo_inspect.optimizers.calls import Calls


class Progress:
    """Tells people, and the transcript, how a run is getting on.

    Args:
        title: Which run, for several at once.
        calls: Counted beside every line.
    """

    def __init__(self, title: str, calls: Calls) -> None:
        self.title = title
        self.calls = calls
        calls.on_call = self._count

    def say(self, text: str, data: dict[str, Any] | None = None) -> None:
        """One line for people; with ``data`` for the transcript, too."""
        made, replayed = self.calls.made, self.calls.replayed
        say(f"{self.title}: {text} ({made + replayed:,} calls: {made:,} made, {replayed:,} replayed)")
        transcript().info({"message": text, **(data or {})}, source=self.title)

    def _count(self) -> None:
        if display_type() == "full":  # others have no counters, or print every change of one
            display_counter(f"{self.title}: calls made, replayed", f"{self.calls.made:,}, {self.calls.replayed:,}")
