"""The prefixes of one loaded model: kept, looked up, computed when missing, and given up where the model forbids it."""

import logging
from collections.abc import Hashable, Sequence

from blpo_inspect.models.continuation import compute
from blpo_inspect.models.generation import Row
from blpo_inspect.models.joining import group_of
from blpo_inspect.models.memory import SHARE_FOR_PREFIXES, free_bytes
from blpo_inspect.models.prefixes import Prefix, PrefixStore
from blpo_inspect.models.processing import Processing
from blpo_inspect.models.settings import ModelSettings
from blpo_inspect.models.trial_run import why_not
from blpo_inspect.models.weights import Weights

logger = logging.getLogger(__name__)


class PrefixReuse:
    """Gives the rows of a batch what was computed of their beginnings before."""

    def __init__(self, weights: Weights, processing: Processing) -> None:
        self._weights = weights
        self._processing = processing
        self._tried = False
        self.store = PrefixStore()
        self.refused: str | None = None
        """Why this model cannot do it; known after the first request."""

    def wanted(self, settings: ModelSettings) -> bool:
        """Whether a provider with these settings shares prefixes; makes room for them."""
        if settings.prefix_cache_gb == 0 or self.refused is not None:
            return False
        if settings.prefix_cache_gb is not None:
            self.store.budget = max(self.store.budget, int(settings.prefix_cache_gb * 1e9))
        elif not self.store.budget:
            self.store.budget = int(SHARE_FOR_PREFIXES * free_bytes(self._weights.device))
        self.store.offload = settings.prefix_offload
        return True

    def of(self, rows: Sequence[Row]) -> list[Prefix] | None:
        """Each row's prefix; those that are missing are computed together. `None`: run the rows as a whole."""
        if any(row.prefix is None for row in rows) or self._refuses(rows[0]):
            return None
        known: dict[str, Prefix] = {}
        missing: dict[Hashable, dict[str, Row]] = {}
        for row in rows:
            assert row.prefix is not None
            found = known.get(row.prefix) or row.kept or self.store.get(row.prefix)
            if found is not None:
                known[row.prefix] = found
            else:
                missing.setdefault(group_of(row.prepared.inputs), {})[row.prefix] = row
        for group in missing.values():
            made = compute(self._weights, [row.prepared for row in group.values()])
            for (key, row), prefix in zip(group.items(), made, strict=True):
                known[key] = prefix
                if self.store.put(key, prefix) and row.prepared.prefix is not None:
                    self._processing.forget_pixels(row.prepared.prefix)
        return [known[row.prefix] for row in rows if row.prefix is not None]

    def _refuses(self, row: Row) -> bool:
        if not self._tried:
            self.refused = why_not(self._weights, row.prepared)
            self._tried = True
            if self.refused is not None:
                logger.warning(
                    "hf-vlm: %s computes every image anew for every prompt: %s", self._weights.name, self.refused
                )
        return self.refused is not None
