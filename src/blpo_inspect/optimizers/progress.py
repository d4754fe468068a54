"""Shows the progress of a long run: a line for every step in every display mode, and counters in the full one."""

from typing import Any

from inspect_ai.log import transcript
from inspect_ai.util import display_counter, display_type

from blpo_inspect._util.inspect_internals import say
from blpo_inspect.optimizers.calls import Calls


class Progress:
    """Writes a run's progress to the terminal and to the transcript.

    Args:
        title: Name of the run, which tells several at once apart.
        calls: The run's calls; their count ends every line.
    """

    def __init__(self, title: str, calls: Calls) -> None:
        self.title = title
        self.calls = calls
        calls.on_call = self._count

    def say(self, text: str, data: dict[str, Any] | None = None) -> None:
        """Print one line, and record it in the transcript together with ``data``."""
        made, replayed = self.calls.made, self.calls.replayed
        say(f"{self.title}: {text} ({made + replayed:,} calls: {made:,} made, {replayed:,} replayed)")
        transcript().info({"message": text, **(data or {})}, source=self.title)

    def _count(self) -> None:
        if display_type() == "full":  # other modes have no counters, or print each change
            display_counter(f"{self.title}: calls made, replayed", f"{self.calls.made:,}, {self.calls.replayed:,}")
