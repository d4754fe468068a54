"""What can be in a drawing, and the features and claims that can be true of it.

Does not draw (`drawing`), put into words for the judge (`phrasing`) or decide labels (`policies`).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

COLOURS = ("red", "blue", "green", "yellow", "purple")
SHAPES = ("circle", "square", "triangle", "star")
SIZES = ("small", "large")
POSITIONS = ("top left", "top right", "bottom left", "bottom right")
NUMBERS = ("zero", "one", "two", "three", "four")
ASPECTS = ("number", "size", "colour", "shape")


@dataclass(frozen=True, order=True)
class Shape:
    """One coloured shape in one quadrant."""

    position: str
    colour: str
    shape: str
    size: str


@dataclass(frozen=True)
class Scene:
    """One to four figures in reading order, at most one in each quadrant."""

    figures: tuple[Shape, ...]

    def __post_init__(self) -> None:
        places = [POSITIONS.index(figure.position) for figure in self.figures]
        if not places or places != sorted(set(places)):
            raise ValueError(f"figures must be one to four, in reading order, each in a quadrant: {self}")


@dataclass(frozen=True)
class Feature:
    """Something a rule can name: figures of a kind, or more than so many figures."""

    colour: str | None = None
    shape: str | None = None
    size: str | None = None
    more_than: int | None = None

    def fits(self, figure: Shape) -> bool:
        """Whether one figure is of the named kind (never for a count)."""
        return self.more_than is None and all(
            wanted is None or wanted == has
            for wanted, has in (
                (self.colour, figure.colour),
                (self.shape, figure.shape),
                (self.size, figure.size),
            )
        )

    def present(self, scene: Scene) -> bool:
        """Whether the scene has the feature."""
        if self.more_than is not None:
            return len(scene.figures) > self.more_than
        return any(self.fits(figure) for figure in scene.figures)

    def phrase(self) -> str:
        """The feature in plain words, e.g. ``a small red shape`` or ``more than two shapes``."""
        if self.more_than is not None:
            return f"more than {NUMBERS[self.more_than]} shape{'s' if self.more_than > 1 else ''}"
        words = [word for word in (self.size, self.colour, self.shape or "shape") if word]
        return "a " + " ".join(words)


FEATURES: dict[str, tuple[Feature, ...]] = {
    "colour shape": tuple(Feature(colour=c, shape=s) for c in COLOURS for s in SHAPES),
    "colour": tuple(Feature(colour=c) for c in COLOURS),
    "shape": tuple(Feature(shape=s) for s in SHAPES),
    "size shape": tuple(Feature(size=z, shape=s) for z in SIZES for s in SHAPES),
    "size colour": tuple(Feature(size=z, colour=c) for z in SIZES for c in COLOURS),
    "count": tuple(Feature(more_than=n) for n in (1, 2, 3)),
}
"""Every feature a rule can name, by kind."""


@dataclass(frozen=True)
class Claim:
    """A text about a scene: so many figures of one size, colour and shape."""

    number: int
    size: str
    colour: str
    shape: str

    def text(self) -> str:
        """E.g. ``two large red circles``."""
        plural = "s" if self.number > 1 else ""
        return f"{NUMBERS[self.number]} {self.size} {self.colour} {self.shape}{plural}"

    def holds(self, scene: Scene, aspects: frozenset[str]) -> bool:
        """Whether the claim is true of the scene as far as the given aspects go.

        Of the figures that agree in the regarded aspects among size, colour and shape there must be exactly
        ``number`` where the number is regarded, at least one where it is not.
        """
        matching = sum(
            all(getattr(self, aspect) == getattr(figure, aspect) for aspect in aspects - {"number"})
            for figure in scene.figures
        )
        return matching == self.number if "number" in aspects else matching > 0


def random_figure(rng: random.Random, position: str) -> Shape:
    """A figure of any kind in the given quadrant."""
    return Shape(position, rng.choice(COLOURS), rng.choice(SHAPES), rng.choice(SIZES))


def random_scene(rng: random.Random, count: int | None = None) -> Scene:
    """A scene of ``count`` figures (one to four, drawn if not given) in random quadrants."""
    n = count if count is not None else rng.randint(1, 4)
    places = sorted(rng.sample(range(4), n))
    return Scene(tuple(random_figure(rng, POSITIONS[place]) for place in places))


def scene_with(
    rng: random.Random, present: Sequence[Feature], absent: Sequence[Feature], *, tries: int = 60
) -> Scene | None:
    """A scene that has every feature of ``present`` and none of ``absent``, or None where none was found.

    Near misses of the absent features (a red square where red circles are absent) are put in on purpose, so that
    neither colour nor shape alone gives a label away.
    """
    for _ in range(tries):
        scene = random_scene(rng)
        figures = list(scene.figures)
        slots = list(range(len(figures)))
        rng.shuffle(slots)
        for feature in present:
            if feature.more_than is None and slots:
                slot = slots.pop()
                figures[slot] = _make_fit(figures[slot], feature)
        for feature in absent:
            if feature.more_than is None and slots and rng.random() < 0.6:
                slot = slots.pop()
                figures[slot] = _near_miss(rng, figures[slot], feature)
        scene = Scene(tuple(figures))
        if all(f.present(scene) for f in present) and not any(f.present(scene) for f in absent):
            return scene
    return None


def _make_fit(figure: Shape, feature: Feature) -> Shape:
    return replace(
        figure,
        colour=feature.colour or figure.colour,
        shape=feature.shape or figure.shape,
        size=feature.size or figure.size,
    )


def _near_miss(rng: random.Random, figure: Shape, feature: Feature) -> Shape:
    fit = _make_fit(figure, feature)
    named = [name for name in ("colour", "shape", "size") if getattr(feature, name)]
    missed = rng.choice(named)
    values = {"colour": COLOURS, "shape": SHAPES, "size": SIZES}[missed]
    other = rng.choice([value for value in values if value != getattr(feature, missed)])
    return Shape(
        fit.position,
        other if missed == "colour" else fit.colour,
        other if missed == "shape" else fit.shape,
        other if missed == "size" else fit.size,
    )


def scene_for_claim(rng: random.Random, claim: Claim) -> Scene:
    """A scene that is mostly about the claim: it holds, or fails in one or two aspects, with bystanders."""
    number = claim.number
    kind = {"size": claim.size, "colour": claim.colour, "shape": claim.shape}
    for aspect in rng.sample(ASPECTS, rng.choice((0, 0, 1, 1, 1, 2))):
        if aspect == "number":
            number = rng.choice([n for n in (1, 2, 3, 4) if n != number])
        else:
            values = {"size": SIZES, "colour": COLOURS, "shape": SHAPES}[aspect]
            kind[aspect] = rng.choice([value for value in values if value != kind[aspect]])
    bystanders = rng.choice((0, 0, 1, 2)) if number < 4 else 0
    total = min(4, number + bystanders)
    figures = []
    about = set(rng.sample(range(total), number))
    for index, place in enumerate(sorted(rng.sample(range(4), total))):
        figure = random_figure(rng, POSITIONS[place])
        if index in about:
            figure = Shape(POSITIONS[place], kind["colour"], kind["shape"], kind["size"])
        elif rng.random() < 0.5:
            # a bystander that shares all but one aspect with the claim
            near = Feature(colour=claim.colour, shape=claim.shape, size=claim.size)
            figure = _near_miss(rng, figure, near)
        figures.append(figure)
    return Scene(tuple(figures))


def random_claim(rng: random.Random) -> Claim:
    """A claim of one to three figures."""
    return Claim(rng.randint(1, 3), rng.choice(SIZES), rng.choice(COLOURS), rng.choice(SHAPES))
