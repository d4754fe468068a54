"""Pairs of pictures from pictures that people rated one by one: within a group, which of two has the better label."""

import random
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

from blpo_inspect.judging.labels import FIRST, SECOND, TIE, LabelScale
from blpo_inspect.judging.samples import SIDES, Record


def rated_pairs(
    records: Sequence[Record], scale: LabelScale, *, ties: bool, seed: int, most: int | None = None
) -> list[Record]:
    """Pairs of one group's pictures; which one is shown first is drawn by the seed.

    Each rater who rated both is a rater of the pair. Equal labels are a tie, or no pair where there are no ties. A pair
    belongs to the group of its pictures.

    Args:
        records: With a label, one image each; those without a group are left out.
        scale: Of their labels, with an order from worse to better.
        ties: Whether a pair may be a tie.
        seed: Of the order within pairs, and of the draw where there are too many.
        most: At most so many pairs of a group, drawn by chance.

    Raises:
        ValueError: The labels have no order, or no group has two pictures with different labels.
    """
    if not scale.ordered:
        raise ValueError(f"pairs need ratings with an order, and these labels are {scale.kind}")
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.group is not None and record.label is not None and not record.more_images:
            groups[record.group].append(record)
    found = []
    for name in sorted(groups):
        rng = random.Random(f"{seed}/{name}")
        members = sorted(groups[name], key=lambda record: record.id)
        drawn = (rng.sample(two, 2) for two in combinations(members, 2))
        pairs = [_pair(first, second, scale) for first, second in drawn]
        usable = [pair for pair in pairs if ties or pair.label != TIE]
        found += usable if most is None or len(usable) <= most else rng.sample(usable, most)
    if not found:
        raise ValueError(
            "no group has two pictures with different labels; rows of one group have the same group or text"
        )
    return found


def _pair(one: Record, other: Record, scale: LabelScale) -> Record:
    raters = {
        name: _better(label, other.raters[name], scale) for name, label in one.raters.items() if name in other.raters
    }
    sides = [one.category, other.category]
    assert one.label is not None and other.label is not None
    return Record(
        id=f"{one.id} | {other.id}",
        image=one.image,
        label=_better(one.label, other.label, scale),
        text=one.text if one.text == other.text else None,
        raters=raters,
        category=sides[0] if sides[0] == sides[1] else None,
        group=one.group,
        extra={SIDES: sides} if all(sides) and sides[0] != sides[1] else {},
        more_images=(other.image,),
    )


def _better(one: str, other: str, scale: LabelScale) -> str:
    difference = scale.value(one) - scale.value(other)
    return FIRST if difference > 0 else SECOND if difference < 0 else TIE
