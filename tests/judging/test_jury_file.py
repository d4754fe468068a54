"""Jury files: what is read, and the errors of what cannot be."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.judging.combining import Weights
from blpo_inspect.judging.jury_file import JuryFile, Member, read_jury, to_yaml
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.judging.question import Question

SCALE = LabelScale("unordered", ("yes", "no"))
GIVEN: dict[str, Any] = {
    "version": 1,
    "kind": "majority",
    "scale": {"kind": "unordered", "labels": ["yes", "no"]},
    "judges": [{"model": "a/one"}, {"model": "b/two"}],
}


def read(tmp_path: Path, **changes: Any) -> JuryFile:
    file = tmp_path / "jury.yaml"
    file.write_text(yaml.safe_dump({**GIVEN, **changes}))
    return read_jury(file)


def test_members_have_their_own_prompts_or_none(tmp_path: Path) -> None:
    (tmp_path / "pairs").mkdir()
    PromptPair("Is it {text}?").save(tmp_path / "pairs" / "pair.yaml")
    judges = [
        {"model": "a/one", "prompts": "pairs/pair.yaml"},
        {"model": "b/x/y", "prompt": "{text}!"},
        {"model": "c/d"},
    ]
    first, second, third = read(tmp_path, judges=judges).members
    assert first.question is not None and first.question.pair.judge == "Is it {text}?"
    assert first.question.scale == SCALE, "a pair without a scale has the jury's"
    assert second.question is not None and second.question.pair.judge == "{text}!" and third.question is None


def test_a_label_that_yaml_takes_for_something_else_is_text(tmp_path: Path) -> None:
    file = tmp_path / "jury.yaml"
    file.write_text(
        "version: 1\nkind: majority\nscale: {kind: unordered, labels: [yes, no]}\njudges:\n- model: a/b\n- model: a/c"
    )
    assert read_jury(file).scale.labels == ("yes", "no")


ORDINAL = {"kind": "ordinal", "labels": ["1", "2", "3"]}
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "kind": ({"kind": "vote"}, "line 4: kind: must be 'majority', 'mean'"),
    "version": ({"version": 2}, "version: must be 1"),
    "one judge": ({"judges": [{"model": "a/one"}]}, "judges: one judge is no jury"),
    "no judge": ({"kind": "cascade", "judges": []}, "judges: is empty"),
    "mean": ({"kind": "mean"}, "kind: labels without an order have no mean"),
    "a jury": ({"judges": [{"model": "jury/x.yaml"}, {"model": "b/two"}]}, r"judges\[0\].model: must be PROVIDER"),
    "no provider": ({"judges": [{"model": "one"}, {"model": "b/two"}]}, r"judges\[0\].model"),
    "weights": ({"kind": "weighted"}, "judge 1: weight is for kind: weighted, where each judge has one"),
    "a weight": ({"judges": [{"model": "a/b", "weight": 1}, {"model": "b/c"}]}, "judge 1: weight is for kind"),
    "negative": ({"judges": [{"model": "a/b", "weight": -1}, {"model": "b/c"}]}, r"judges\[0\].weight: must be from 0"),
    "sure": ({"judges": [{"model": "a/b", "sure": 0.5}, {"model": "b/c"}]}, "judge 1: sure is for kind: cascade"),
    "not sure": ({"kind": "cascade"}, "judge 1: lacks sure"),
    "too sure": (
        {"kind": "cascade", "judges": [{"model": "a/b", "sure": 2}, {"model": "b/c"}]},
        r"judges\[0\].sure: must be from 0 to 1, not 2",
    ),
    "text": (
        {"kind": "cascade", "judges": [{"model": "a/b", "sure": 0.9, "answer": "text"}, {"model": "b/c"}]},
        r"judges\[0\].answer: text gives no probabilities",
    ),
    "numbers": ({"kind": "cascade", "scale": {"kind": "numeric", "low": "0", "high": "1"}}, "kind: numbers have no"),
    "usual": (
        {"kind": "weighted", "usual": [0.5], "judges": [{"model": "a/b", "weight": 1}, {"model": "b/c", "weight": 1}]},
        "usual: is for kind: weighted, here and at each judge, with 2 numbers",
    ),
    "zero": ({"kind": "weighted", "judges": [{"model": m, "weight": 0} for m in ("a/b", "b/c")]}, "all weights are 0"),
    "prompt": ({"judges": [{"model": "a/b", "prompt": "{a}"}, {"model": "b/c"}]}, r"judges\[0\].prompt: .*placehold"),
    "two prompts": (
        {"judges": [{"model": "a/b", "prompt": "?", "prompts": "p.yaml"}, {"model": "b/c"}]},
        r"judges\[0\].prompt: there is a file in prompts already",
    ),
    "no file": ({"judges": [{"model": "a/b", "prompts": "p"}, {"model": "b/c"}]}, r"judges\[0\]: .*p: no such prompt"),
    "map": (
        {"judges": [{"model": "a/b", "prompt": "?", "map": {"yes": "1"}}, {"model": "b/c"}]},
        r"judges\[0\]: map: must",
    ),
    "likelihood": (
        {"scale": {"kind": "numeric", "low": "0", "high": "1"}, "kind": "mean",
         "judges": [{"model": "a/b", "prompt": "?", "answer": "likelihood"}, {"model": "b/c"}]},
        r"judges\[0\]: answer=likelihood is for labels",
    ),
    "other key": ({"judges": [{"model": "a/b", "sur": 0.5}, {"model": "b/c"}]}, r"judges\[0\].sur: no such key; known"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_named_with_their_place(name: str, tmp_path: Path) -> None:
    changes, message = FAULTS[name]
    with pytest.raises(PrerequisiteError, match=f"jury.yaml.*{message}"):
        read(tmp_path, **changes)


def test_a_missing_file_and_a_pair_of_another_scale(tmp_path: Path) -> None:
    with pytest.raises(PrerequisiteError, match=r"none.yaml: no such jury file"):
        read_jury(tmp_path / "none.yaml")
    PromptPair("?", scale=LabelScale("unordered", ("safe", "unsafe"))).save(tmp_path / "pair.yaml")
    with pytest.raises(PrerequisiteError, match=r"judges\[0\]: pair.yaml is for another scale"):
        read(tmp_path, judges=[{"model": "a/b", "prompts": "pair.yaml"}, {"model": "b/c"}])


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1).filter(
    lambda text: text.strip() and not set("{}") & set(text)
)


@settings(max_examples=25)
@given(st.lists(st.tuples(TEXT, st.floats(0, 100)), min_size=2, max_size=4), st.booleans())
def test_what_is_written_is_read_again(judges: list[tuple[str, float]], usual: bool) -> None:
    judges[0] = (judges[0][0], 1.0)
    members = tuple(
        Member(f"a/m{place}", Question.of(PromptPair(prompt, scale=SCALE), "text"), "text", args={"dtype": "float32"})
        for place, (prompt, _) in enumerate(judges)
    )
    each = [weight for _, weight in judges]
    weights = Weights(each, [[0.25, 0.75]] * len(each), [0.5, 0.5]) if usual else Weights(each)
    made = JuryFile("weighted", SCALE, members, weights)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "jury.yaml")
        file.write_text(to_yaml(made), newline="")
        found = read_jury(file)
    assert to_yaml(found) == to_yaml(made)
    assert [one.question.pair.judge for one in found.members if one.question] == [
        one.question.pair.judge for one in members if one.question
    ]
