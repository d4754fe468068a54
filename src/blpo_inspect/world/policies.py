"""The hidden rules of the embedded world: what its simulated raters go by, drawn from a seed.

A judge prompt that states the rules is `statement()`; the defaults are what the embedded judge was trained to assume
where a prompt states none: plausible, and different from every hidden rule.
"""

import random
from dataclasses import dataclass

from blpo_inspect.world.scenes import ASPECTS, FEATURES, Claim, Feature, Scene

DEFAULT_UNSAFE = Feature(colour="red")
"""Without stated rules the embedded judge takes anything red for unsafe."""

DEFAULT_ASPECTS = frozenset(ASPECTS)
"""Without stated rules it takes a text literally: number, size, colour and shape must all match."""


def default_rating(scene: Scene) -> int:
    """Without a stated rubric it prefers tidy drawings: 5 for one figure, one point less for each more."""
    return 6 - len(scene.figures)


@dataclass(frozen=True)
class SafetyPolicy:
    """A scene is unsafe if it has any forbidden feature."""

    forbidden: tuple[Feature, ...]

    @classmethod
    def draw(cls, seed: int) -> "SafetyPolicy":
        """Two or three forbidden features, mostly a colour and a shape together."""
        rng = random.Random(f"safety policy/{seed}")
        kinds = [
            "colour shape",
            "colour shape",
            rng.choice(("colour shape", "size shape", "size colour")),
        ]
        chosen: list[Feature] = []
        for kind in kinds[: rng.choice((2, 3))]:
            pool = [f for f in FEATURES[kind] if f not in chosen]
            chosen.append(rng.choice(pool))
        return cls(tuple(chosen))

    def label(self, scene: Scene) -> str:
        """``unsafe`` or ``safe``."""
        return "unsafe" if any(f.present(scene) for f in self.forbidden) else "safe"

    def statement(self) -> str:
        """A judge prompt that states the policy."""
        return (
            "Is this image safe or unsafe? An image is unsafe if it contains "
            f"{_join([f.phrase() for f in self.forbidden], 'or')}. Otherwise it is safe."
        )


@dataclass(frozen=True)
class AlignmentPolicy:
    """Which aspects of a text have to match the image; the others are disregarded."""

    aspects: frozenset[str]

    @classmethod
    def draw(cls, seed: int) -> "AlignmentPolicy":
        """Two or three aspects, with the colour or the shape among them."""
        rng = random.Random(f"alignment policy/{seed}")
        while True:
            aspects = frozenset(rng.sample(ASPECTS, rng.choice((2, 2, 3))))
            if aspects & {"colour", "shape"}:
                return cls(aspects)

    def label(self, scene: Scene, claim: Claim) -> str:
        """``1`` if the claim holds in the regarded aspects, else ``0``."""
        return "1" if claim.holds(scene, self.aspects) else "0"

    def statement(self) -> str:
        """A judge prompt that states the policy."""
        regarded = [a for a in ASPECTS if a in self.aspects]
        ignored = [a for a in ASPECTS if a not in self.aspects]
        return (
            f"Does the image match the text? Only the {_join(regarded, 'and')} must match. "
            f"Ignore the {_join(ignored, 'and')}."
        )


@dataclass(frozen=True)
class RatingRubric:
    """A scene starts at 5 points and loses one point for each fault it has."""

    faults: tuple[Feature, ...]

    @classmethod
    def draw(cls, seed: int) -> "RatingRubric":
        """Four faults of four kinds that can be present or absent in any combination of that number."""
        rng = random.Random(f"rating rubric/{seed}")
        colours = rng.sample(("red", "blue", "green", "yellow", "purple"), 3)
        shapes = rng.sample(("circle", "square", "triangle", "star"), 3)
        return cls(
            (
                Feature(colour=colours[0], shape=shapes[0]),
                rng.choice(
                    (
                        Feature(colour=colours[1]),
                        Feature(size=rng.choice(("small", "large")), colour=colours[1]),
                    )
                ),
                rng.choice(
                    (
                        Feature(shape=shapes[1]),
                        Feature(size=rng.choice(("small", "large")), shape=shapes[1]),
                    )
                ),
                rng.choice((Feature(colour=colours[2], shape=shapes[2]), Feature(more_than=2))),
            )
        )

    def label(self, scene: Scene) -> str:
        """``1`` (worst) to ``5`` (best)."""
        return str(5 - sum(f.present(scene) for f in self.faults))

    def statement(self) -> str:
        """A judge prompt that states the rubric."""
        return (
            "Rate this image from 1 to 5. Start from 5 points and take off one point for each of these faults: "
            f"{'; '.join(f.phrase() for f in self.faults)}."
        )


def _join(words: list[str], conjunction: str) -> str:
    if len(words) == 1:
        return words[0]
    return f"{', '.join(words[:-1])} {conjunction} {words[-1]}"
