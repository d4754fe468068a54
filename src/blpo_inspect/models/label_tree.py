"""The labels of a scale as a tree of tokens: one pass over its inner nodes gives the probability of every label.

Each label is written in several ways (as given, ``lower``, ``Capitalised``, ``UPPER``, each also after a space), as a
model may answer with any of them. Ways that share their first tokens share nodes.
"""

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from blpo_inspect.models.errors import RequestError
from blpo_inspect.models.generation_request import Names


class LabelTree:
    """Token paths of names.

    Args:
        names: At least one per label.
        tokenizer: The model's.
        model: The model's name, for messages.

    Raises:
        RequestError: A label that the tokenizer cannot write, or two that it writes alike.
    """

    def __init__(self, names: Names, tokenizer: Any, *, model: str) -> None:
        self.labels = tuple(dict.fromkeys(label for _, label in names))
        self.tokens: list[int] = []
        """Of the nodes that have successors, but for the root: a parent's before its children's."""
        self.parents: list[int] = []
        """Per token the number of the node before it: 0 is the root, k the node of token k - 1."""
        self.depths: list[int] = []
        """Per token how many tokens of the tree stand before it."""
        paths = self._paths(names, tokenizer, model)
        begun = {path[:end] for path in paths for end in range(1, len(path))}
        inner = sorted(begun, key=lambda path: (len(path), path))
        number = {(): 0} | {path: place for place, path in enumerate(inner, 1)}
        for path in inner:
            self.tokens.append(path[-1])
            self.parents.append(number[path[:-1]])
            self.depths.append(len(path) - 1)
        self._labels = paths
        self._number = number
        self._ends = [(label, number[path[:-1]], path[-1], number.get(path)) for path, label in paths.items()]
        self._steps = [(number[path[:-1]], path[-1]) for path in inner]
        self._children: dict[int, list[int]] = {}
        for path in sorted(begun | paths.keys()):
            self._children.setdefault(number[path[:-1]], []).append(path[-1])

    @property
    def paths(self) -> list[tuple[int, ...]]:
        """The fewest token sequences that pass all inner nodes; one empty sequence where the root is the only node."""
        sequences = []
        for node in range(1, len(self.tokens) + 1):
            if node not in self.parents:
                sequences.append(self.path(node))
        return sequences or [()]

    def path(self, node: int) -> tuple[int, ...]:
        """The tokens from the root to a node, its own included."""
        tokens: list[int] = []
        while node:
            tokens.append(self.tokens[node - 1])
            node = self.parents[node - 1]
        return tuple(reversed(tokens))

    def written(self, tokens: Sequence[int]) -> tuple[str | None, list[int]]:
        """The label that these tokens write, None if they write none, and the tokens that may go on to a longer one."""
        path = tuple(tokens)
        return self._labels.get(path), self._children.get(self._number.get(path, -1), [])

    def label_logprobs(self, logprobs: Tensor) -> dict[str, float]:
        """How probable each label is.

        Where one label's tokens begin another's (1 and 10), the shorter label gets what does not go on to the longer.

        Args:
            logprobs: Nodes × vocabulary: log-probabilities of what follows the root and each node of `tokens`.

        Returns:
            Label → natural logarithm of the probability that the answer begins with it; they sum to at most 1.
        """
        reached = [0.0]
        for before, token in self._steps:
            reached.append(reached[before] + float(logprobs[before, token]))
        total = dict.fromkeys(self.labels, 0.0)
        for label, before, token, node in self._ends:
            mass = math.exp(reached[before] + float(logprobs[before, token]))
            if node is not None:
                mass *= max(0.0, 1 - sum(math.exp(float(logprobs[node, child])) for child in self._children[node]))
            total[label] += mass
        return {label: math.log(mass) if mass > 0 else -math.inf for label, mass in total.items()}

    def _paths(self, names: Names, tokenizer: Any, model: str) -> dict[tuple[int, ...], str]:
        label_of: dict[tuple[int, ...], str] = {}
        for name, label in names:
            for way in _ways(name):
                path = tuple(tokenizer(way, add_special_tokens=False)["input_ids"])
                if not path or tokenizer.unk_token_id in path:
                    continue
                if label_of.setdefault(path, label) != label:
                    raise RequestError(
                        f"{model}: the labels {label_of[path]!r} and {label!r} are the same to its tokenizer"
                    )
        for label in self.labels:
            if label not in label_of.values():
                raise RequestError(f"{model}: its tokenizer has no tokens for the label {label!r}")
        return label_of


def _ways(name: str) -> Sequence[str]:
    cases = (name, name.lower(), name.capitalize(), name.upper())
    return list(dict.fromkeys(f"{before}{case}" for before in ("", " ") for case in cases))
