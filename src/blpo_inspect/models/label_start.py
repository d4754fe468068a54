"""When a text is sure to begin with a label, whatever comes next."""

import re

from blpo_inspect.models.generation_request import Names

_BEFORE = re.compile(r"[\s\"'`“”‘’«»*_#~>]*")
_GOES_ON = re.compile(r"\w|[.,]\d|-\w")
_MAY_GO_ON = re.compile(r"[.,-]?\Z")


class LabelStart:
    """Looks for a label at the beginning of a growing text.

    Args:
        names: What stands for a label.
    """

    def __init__(self, names: Names) -> None:
        self._names = [" ".join(name.casefold().split()) for name, _ in names]
        longest_first = sorted({name for name, _ in names}, key=lambda name: (-len(name), name))
        spelled = [r"\s+".join(map(re.escape, name.split())) for name in longest_first]
        self._pattern = re.compile("|".join(spelled), re.IGNORECASE)

    def end(self, text: str) -> int | None:
        """Where the label that the text begins with ends; `None` while more text could make it another or none."""
        before = _BEFORE.match(text)
        start = before.end() if before else 0
        found = self._pattern.match(text, start)
        if found is None or _GOES_ON.match(text, found.end()) or _MAY_GO_ON.match(text, found.end()):
            return None
        so_far = re.sub(r"\s+", " ", text[start:].casefold())
        if any(name != so_far.strip() and name.startswith(so_far) for name in self._names):
            return None
        return found.end()
