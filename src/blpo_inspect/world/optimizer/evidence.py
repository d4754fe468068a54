"""Evidence of examples about features: which ones captions tell, how common they are, and which examples have them.

Sets of examples are bit masks, so that thousands of hypotheses can be weighed.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from blpo_inspect.world.optimizer.language import CaptionFeature, Description, shown

_MOST_VALUES = 12
"""Sizes, colours and nouns that are looked at: the most frequent ones."""


@dataclass(frozen=True)
class Evidence:
    """Examples seen through their captions.

    Attributes:
        descriptions: One per example.
        candidates: Features that the captions can tell, in a fixed order.
        common: How likely each candidate is to be in any image, as far as the captions show.
        visible: The properties that captions tell at all.
    """

    descriptions: tuple[Description, ...]
    candidates: tuple[CaptionFeature, ...]
    common: dict[CaptionFeature, float]
    visible: frozenset[str]

    @classmethod
    def of(cls, descriptions: Sequence[Description]) -> "Evidence":
        """Collect the features of some captions."""
        values = {name: _values(descriptions, name) for name in ("size", "colour", "noun")}
        sizes, colours, nouns = values["size"], values["colour"], values["noun"]
        features = [
            *(CaptionFeature(None, colour, noun) for colour, noun in product(colours, nouns)),
            *(CaptionFeature(size, None, noun) for size, noun in product(sizes, nouns)),
            *(CaptionFeature(size, colour, None) for size, colour in product(sizes, colours)),
            *(CaptionFeature(colour=colour) for colour in colours),
            *(CaptionFeature(noun=noun) for noun in nouns),
        ]
        numbers = [description.number for description in descriptions if description.number is not None]
        typical = sum(numbers) / len(numbers) if numbers else 1.0
        # values count as equally frequent: the examples are too few and too much chosen to say more
        common = {
            feature: 1 - (1 - math.prod(1 / len(values[name]) for name in feature.needs())) ** max(typical, 1.0)
            for feature in features
        }
        for number in range(1, min(max(numbers, default=1), _MOST_VALUES)):
            counted = CaptionFeature(more_than=number)
            features.append(counted)
            common[counted] = (sum(n > number for n in numbers) + 1) / (len(numbers) + 2)
        return cls(tuple(descriptions), tuple(features), common, shown(descriptions))

    def mask(self, feature: CaptionFeature) -> int:
        """The examples that have the feature, as bits."""
        return sum(1 << place for place, caption in enumerate(self.descriptions) if feature.present(caption))

    def tells(self, feature: CaptionFeature) -> bool:
        """Whether captions tell what is needed to see the feature."""
        return feature.needs() <= self.visible

    def likelihood(self, feature: CaptionFeature) -> float:
        """How likely an image is to have the feature: between 0.02 and 0.98, a half where nothing is known."""
        return min(max(self.common.get(feature, 0.5), 0.02), 0.98)

    def surprise(self, narrow: CaptionFeature, wide: CaptionFeature) -> float:
        """How unlikely it is, as a logarithm, that by chance an image of the wide feature lacks the narrow feature."""
        return -math.log(1 - min(self.likelihood(narrow) / self.likelihood(wide), 0.9))


def _values(descriptions: Sequence[Description], name: str) -> list[str]:
    """What captions say of one property, in a fixed order."""
    counts: Counter[str] = Counter(
        value
        for description in descriptions
        for thing in set(description.things)
        if (value := getattr(thing, name)) is not None
    )
    return sorted(sorted(counts, key=lambda value: (-counts[value], value))[:_MOST_VALUES])
