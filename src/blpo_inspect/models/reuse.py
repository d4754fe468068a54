"""The prefixes of one loaded model: kept, looked up, computed when missing, and given up where the model forbids it."""

import logging
from collections import OrderedDict
from collections.abc import Hashable, Sequence

import torch

from blpo_inspect.models.collate import group_of
from blpo_inspect.models.continuation import compute, extend
from blpo_inspect.models.continuation_check import why_not
from blpo_inspect.models.generation import BatchRow
from blpo_inspect.models.memory import SHARE_FOR_PREFIXES, free_bytes
from blpo_inspect.models.model_args import ModelSettings
from blpo_inspect.models.prefixes import Prefix, PrefixStore
from blpo_inspect.models.processing import Processing
from blpo_inspect.models.spot_checks import SpotChecks
from blpo_inspect.models.weights import Weights

WORTHWHILE = 16
"""Fewest tokens that are worth a pass of their own to be kept."""

LATEST = 8192
"""Most images of which the tokens of the latest request are remembered."""

logger = logging.getLogger(__name__)


class PrefixReuse:
    """Gives the rows of a batch what was computed of their beginnings before."""

    def __init__(self, weights: Weights, processing: Processing) -> None:
        self._weights = weights
        self._processing = processing
        self.tried = False
        """Whether it is known what the model allows."""
        self._asked = 0
        self._warned = False
        self._latest: OrderedDict[str, tuple[int, ...]] = OrderedDict()
        self.store = PrefixStore()
        self.refused: str | None = None
        """Why this model cannot do it; known after the first request, or when a later one shows it."""
        self.checks = SpotChecks()

    @property
    def continues(self) -> bool:
        """Whether the model was tried and may continue from a prefix."""
        return self.tried and self.refused is None

    def wanted(self, settings: ModelSettings) -> bool:
        """Whether a provider with these settings shares prefixes; makes room for them."""
        if settings.prefix_cache_gb == 0 or self.refused is not None:
            return False
        if settings.prefix_cache_gb is not None:
            asked = int(settings.prefix_cache_gb * 1e9)
        else:
            place = torch.device("cpu") if settings.prefix_offload else self._weights.device
            asked = self._asked or int(SHARE_FOR_PREFIXES * free_bytes(place))
        if asked > self._asked:  # else it may have shrunk since, for lack of memory
            self._asked = self.store.budget = asked
        self.store.offload = settings.prefix_offload
        return True

    def of(self, rows: Sequence[BatchRow]) -> list[Prefix] | None:
        """Each row's prefix; those that are missing are computed together. `None`: run the rows as a whole."""
        if any(row.prefix is None for row in rows) or self._refuses(rows[0]):
            return None
        known: dict[str, Prefix] = {}
        missing: dict[Hashable, dict[str, BatchRow]] = {}
        for row in rows:
            assert row.prefix is not None
            prefix = known.get(row.prefix) or row.kept or self.store.get(row.prefix)
            if prefix is not None:
                known[row.prefix] = prefix
            else:
                missing.setdefault(group_of(row.prepared.inputs), {})[row.prefix] = row
                self._warn_if_pushed_out(row.prefix)
        for group in missing.values():
            made = compute(self._weights, [row.prepared for row in group.values()])
            for (key, row), prefix in zip(group.items(), made, strict=True):
                known[key] = prefix
                if self.store.put(key, prefix) and row.prepared.prefix is not None:
                    self._processing.forget_pixels(row.prepared.prefix)
        self._extend(rows, known)
        prefixes = [_cut(known[row.prefix], row) for row in rows if row.prefix is not None]
        if self.checks.is_due():
            computed = set().union(*missing.values())
            was_kept = [at for at, row in enumerate(rows) if row.prefix not in computed]
            if was_kept and not self._holds(rows[was_kept[0]], prefixes[was_kept[0]]):
                return None
        self.checks.requests += len(rows)
        return prefixes

    def _extend(self, rows: Sequence[BatchRow], known: dict[str, Prefix]) -> None:
        """Take into the prefixes what each row has in common with the latest row on the same image.

        That is the text of the sample, which stands before the prompt, or how the prompts of a series begin. It costs
        nothing: these tokens have to be run for this row anyway.
        """
        growing: dict[str, tuple[BatchRow, int]] = {}
        for row in rows:
            assert row.prefix is not None
            tokens = _tokens(row)
            latest = self._latest.get(row.prefix)
            if latest is not None and row.grows and row.prefix not in growing:
                common = min(_common(latest, tokens), len(tokens) - 1)
                if common - _usable(known[row.prefix], tokens) >= WORTHWHILE:
                    growing[row.prefix] = (row, common)
            self._latest[row.prefix] = tokens
            self._latest.move_to_end(row.prefix)
        while len(self._latest) > LATEST:
            self._latest.popitem(last=False)
        if growing:
            before = [known[key].cut(_usable(known[key], _tokens(row))) for key, (row, _) in growing.items()]
            grown = extend(
                self._weights,
                [row.prepared for row, _ in growing.values()],
                before,
                [end for _, end in growing.values()],
            )
            for key, prefix in zip(growing, grown, strict=True):
                known[key] = prefix
                self.store.put(key, prefix)

    def _warn_if_pushed_out(self, prefix: str) -> None:
        if prefix in self._latest and not self._warned:
            self._warned = True
            logger.warning(
                "hf-vlm: %s computes images again, as what it kept of them was pushed out: %d fit into %.3g GB;"
                " raise -M prefix_cache_gb",
                self._weights.name,
                len(self.store),
                self.store.budget / 1e9,
            )

    def _refuses(self, row: BatchRow) -> bool:
        if not self.tried:
            with self.checks.checking():
                self.refused = why_not(self._weights, row.prepared)
            self.tried = True
            self.checks.checked += 1
            if self.refused is not None:
                logger.warning(
                    "hf-vlm: %s computes every image anew for every prompt: %s", self._weights.name, self.refused
                )
        return self.refused is not None

    def _holds(self, row: BatchRow, prefix: Prefix) -> bool:
        """Compare what is kept of a request's beginning with the whole request; give all up where they differ."""
        try:
            with self.checks.checking():
                self.refused = why_not(self._weights, row.whole().prepared, prefix)
        except Exception as error:  # such as lack of memory, which says nothing of what is kept
            logger.info("hf-vlm: %s: a request could not be checked as a whole: %s", self._weights.name, error)
            return True
        self.checks.checked += 1
        told = f"{self.checks.requests:,} requests were answered from kept images, {self.checks.checked:,} were checked"
        if self.refused is None:
            logger.info("hf-vlm: %s: %s and agree", self._weights.name, told)
            return True
        self.store.clear()
        logger.warning(
            "hf-vlm: %s computes every image anew for every prompt from now on: %s. Until now %s, and the last check"
            " failed. What was recorded may be wrong: ask once more with BLPO_CACHE=refresh",
            self._weights.name,
            self.refused,
            told,
        )
        return False


def _tokens(row: BatchRow) -> tuple[int, ...]:
    return tuple(row.prepared.inputs["input_ids"][0].tolist())


def _common(earlier: Sequence[int], later: Sequence[int]) -> int:
    """How many first tokens are equal."""
    return next(
        (at for at, (left, right) in enumerate(zip(earlier, later, strict=False)) if left != right),
        min(len(earlier), len(later)),
    )


def _cut(prefix: Prefix, row: BatchRow) -> Prefix:
    # those that may not grow are batched by what stands behind their images, so they begin right there
    usable = _usable(prefix, _tokens(row))
    return prefix.cut(usable if row.grows else min(usable, row.prepared.prefix_length))


def _usable(prefix: Prefix, tokens: Sequence[int]) -> int:
    """How much of a prefix holds for a request; its last token is always left to be run."""
    return min(_common(prefix.tokens, tokens), len(tokens) - 1)
