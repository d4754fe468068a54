"""Drawing rows whose images are fetched only then: splits, balance, replacement, determinism; on generated tables."""

import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blpo_inspect._util.image_digest import image_digest
from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.data.benchmark_sampling import ORDER, BenchmarkRow, Drawn, Pool, Skipped, assign_splits, draw, quotas
from blpo_inspect.data.hub import Unusable
from blpo_inspect.data.splits import SPLITS, Split
from tests.tasks.worlds import picture

PICTURES = [picture(f"picture {number}") for number in range(40)]
FOLDER = tempfile.TemporaryDirectory()


class World:
    """Rows with many duplicates, and how often each image was fetched."""

    def __init__(self, seed: int, rows: int, contents: int, groups: int | None, labels: str = "ab") -> None:
        chance = random.Random(seed)
        self.fetched: Counter[str] = Counter()
        self.content: dict[str, int] = {}
        self.candidates = []
        for number in range(rows):
            # one file may serve several rows, and several files may have the same bytes
            image = str(chance.randrange(rows)) if groups else str(number)
            self.content.setdefault(image, chance.randrange(contents))
            group = f"group {chance.randrange(groups)}" if groups else None
            label = chance.choice(labels)
            self.candidates.append(
                BenchmarkRow(f"id {number}", f"row {number}", image, label, label, group, group=group)
            )

    def fetch(self, rows: Sequence[BenchmarkRow]) -> list[Path | Unusable]:
        """Every eighth content is missing, every ninth no image."""
        fetched: list[Path | Unusable] = []
        for row in rows:
            self.fetched[row.image] += 1
            content = self.content[row.image]
            if content % 8 == 7:
                fetched.append(Unusable("missing"))
                continue
            path = Path(FOLDER.name) / str(content)
            path.write_bytes(b"no image" if content % 9 == 8 else PICTURES[content])
            fetched.append(path)
        return fetched

    def draw(self, split: Split, limit: int | None, seed: int = 0) -> Drawn:
        """A split of all rows; empty where there is nothing."""
        dealt = assign_splits(self.candidates)
        per_stratum = None if limit is None else dict.fromkeys("ab", limit)
        try:
            return draw(lambda name: Pool(dealt[name]), self.fetch, split=split, per_stratum=per_stratum, seed=seed)
        except PrerequisiteError:
            return Drawn((), (), 0, {})


worlds = st.builds(
    World,
    seed=st.integers(0, 10**6),
    rows=st.integers(1, 60),
    contents=st.integers(1, 40),
    groups=st.one_of(st.none(), st.integers(1, 30)),
)


@settings(max_examples=25)
@given(worlds, st.one_of(st.none(), st.integers(1, 8)), st.integers(0, 3))
def test_no_image_and_no_group_is_in_two_splits(world: World, limit: int | None, seed: int) -> None:
    splits = [world.draw(split, limit, seed) for split in SPLITS]
    images = [{image_digest(record.image) for record in drawn.records} for drawn in splits]
    groups = [{record.group for record in drawn.records} - {None} for drawn in splits]
    for one in range(3):
        for other in range(one):
            assert not images[one] & images[other]
            assert not groups[one] & groups[other]
    for split, drawn in zip(SPLITS, splits, strict=True):
        labels = Counter(record.label for record in drawn.records)
        if limit is not None and drawn.records:
            assert max(labels.values()) <= limit
            assert drawn.short == {label: labels[label] for label in "ab" if labels[label] < limit}
        pairs = [(image_digest(record.image), record.text) for record in drawn.records]
        assert len(set(pairs)) == len(pairs)
        assert world.draw(split, limit, seed) == drawn


def test_what_cannot_be_used_is_replaced_and_nothing_else_is_fetched(tmp_path: Path) -> None:
    world = World(1, rows=300, contents=40, groups=None)
    world.content = {image: 7 if number % 5 == 0 else number % 7 for number, image in enumerate(world.content)}
    # every image is another one, but for those that are missing

    def fetch(rows: Sequence[BenchmarkRow]) -> list[Path | Unusable]:
        fetched = world.fetch(rows)
        for number, row in enumerate(rows):
            if isinstance(fetched[number], Path):
                fetched[number] = tmp_path / row.image
                (tmp_path / row.image).write_bytes(picture(row.image))
        return fetched

    dealt = assign_splits(world.candidates)
    drawn = draw(lambda name: Pool(dealt[name]), fetch, split="test", per_stratum={"a": 20, "b": 20}, seed=0)
    assert Counter(record.label for record in drawn.records) == {"a": 20, "b": 20}
    assert not drawn.short
    assert {row.reason for row in drawn.skipped} == {"missing"}
    assert sum(world.fetched.values()) == 40 + len(drawn.skipped) < 70


def test_where_a_row_lies_does_not_depend_on_seed_and_limit() -> None:
    world = World(5, rows=200, contents=40, groups=60)
    homes: dict[str, set[Split]] = {}
    for seed in range(3):
        for limit in (2, 5):
            for split in ORDER:
                for record in world.draw(split, limit, seed).records:
                    homes.setdefault(str(record.group), set()).add(split)
    assert homes and all(len(splits) == 1 for splits in homes.values())
    assert {r.id for r in world.draw("test", 5, 0).records} != {r.id for r in world.draw("test", 5, 1).records}


def test_shares() -> None:
    world = World(0, rows=1000, contents=40, groups=None)
    dealt = assign_splits(world.candidates)
    for label in "ab":
        counts = {split: sum(row.label == label for row in rows) for split, rows in dealt.items()}
        assert abs(counts["test"] - counts["train"]) <= 1
        assert abs(counts["test"] - 2 * counts["validation"]) <= 2


def test_order_of_rows_does_not_matter() -> None:
    world = World(3, rows=100, contents=40, groups=30)
    first = world.draw("test", 5)
    world.candidates.reverse()
    assert world.draw("test", 5) == first


def test_what_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    skipped = tuple(Skipped(f"t.csv, row {number}", "gone") for number in range(30))
    drawn = Drawn((), skipped, 4, {"a": 1})
    drawn.report("name, test")
    printed = capsys.readouterr().err
    assert "fewer than wanted of: a: 1" in printed
    assert "30 rows cannot be used" in printed and "t.csv, row 4: gone" in printed and "and 25 more" in printed
    assert drawn.metadata()["skipped_rows"] == {"count": 30, "rows": [f"t.csv, row {n}: gone" for n in range(20)]}


def test_nothing_to_draw() -> None:
    with pytest.raises(PrerequisiteError, match=r"no image can be used. 0 of 1 rows .*; row 1: gone"):
        draw(
            lambda split: Pool([BenchmarkRow("1", "row 1", "1", "a", "a")]),
            lambda rows: [Unusable("gone")] * len(rows),
            split="test",
            per_stratum=None,
            seed=0,
        )
    with pytest.raises(PrerequisiteError, match="at least 1, or full=true"):
        quotas("ab", 0, False)
