"""Baseline files: stable, small, and refused where they are not what was written."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blpo_inspect.logs.judged_run import JudgedSample
from blpo_inspect.logs.usage import Usage
from blpo_inspect.regression.baseline import data_digest, from_bytes, load, save, to_bytes
from blpo_inspect.regression.data_differences import BrokenError, data_differences
from tests.conftest import ScriptedAPI
from tests.regression.toy import ORDERED, SCALE, Suite, human, picture, recorded
from tests.reporting.runs import decoded

RUN = recorded({"a": "yes", "b": "no", "c": None}, {"c": "no"})


def test_a_baseline_reads_back_and_has_one_line_per_sample(tmp_path: Path) -> None:
    file = tmp_path / "new" / "b.json"
    save(RUN, file)
    assert load(file) == RUN and to_bytes(load(file)) == file.read_bytes() == to_bytes(RUN)
    lines = file.read_text().splitlines()
    assert '{"human": "no", "id": "c", "shown": "0000000000000002", "unread": "no label in it"}' in lines
    assert json.loads(file.read_bytes())["data"] == data_digest(RUN)


def test_what_belongs_to_one_run_is_not_written() -> None:
    assert to_bytes(replace(RUN, usage=Usage(5, 7), log="/home/me/logs/x.eval")) == to_bytes(RUN)


SQUARES = """{
"benchmark": "squares",
"data": "DATA",
"format": "blpo-inspect/baseline/1",
"model": {"judge": {"name": "m", "provider": "scripted"}},
"prompts": {"i2t": "Please describe this image in details.", "judge": "Yes?"},
"scale": {"kind": "unordered", "labels": ["yes", "no"]},
"settings": {"temperature": 0.0},
"versions": VERSIONS,
"samples": [
{"category": "low", "human": "yes", "id": "square 0", "label": "yes", "shown": "SHOWN-0"},
{"category": "low", "human": "no", "id": "square 1", "label": "yes", "shown": "SHOWN-1"},
{"category": "low", "human": "yes", "id": "square 2", "shown": "SHOWN-2", "unread": "UNREAD"}
]
}
"""


def test_a_log_gives_the_same_bytes_as_ever(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    suite = Suite(tmp_path, scripted, args={"n": 3})
    suite.answer(lambda prompt, number: {1: "yes", 2: "I cannot say."}.get(number))
    suite.record()
    file = tmp_path / "baselines" / "squares.json"
    data = file.read_bytes()
    # by the formulas that a baseline of an older version was made with
    images = [hashlib.sha256(decoded(picture(number))).hexdigest() for number in range(3)]
    shown = [hashlib.sha256(f"{image}\n".encode()).hexdigest()[:16] for image in images]
    people = [[f"square {number}", human(number), shown[number]] for number in range(3)]
    digest = hashlib.sha256(json.dumps([SCALE.to_dict(), people], sort_keys=True).encode()).hexdigest()
    written = json.loads(data)
    unread = str(SCALE.read("I cannot say.").reason)
    expected = SQUARES.replace("DATA", digest).replace("VERSIONS", json.dumps(written["versions"], sort_keys=True))
    for number in range(3):
        expected = expected.replace(f"SHOWN-{number}", shown[number])
    assert data.decode() == expected.replace("UNREAD", unread)
    # a finished log says the same as the run did
    file.unlink()
    suite.check("--log", suite.log(), "--update", "--yes", code=0)
    assert file.read_bytes() == data


def test_the_baseline_of_the_example_is_written_again_byte_for_byte() -> None:
    file = Path(__file__).parents[2] / "docs/examples/regression/baselines/shapes-safety.json"
    assert to_bytes(load(file)) == file.read_bytes()


def change(**fields: Any) -> bytes:
    found = json.loads(to_bytes(RUN))
    return json.dumps({**found, **fields}).encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "not a baseline of this format"),
        (change(format="blpo-inspect/baseline/2"), "not a baseline of this format"),
        (change(extra=1), "damaged: has other keys"),
        (change(samples={}), "edited"),
        (change(samples=[1]), "damaged: a sample is not as it was written"),
        (change(samples=[{"id": "a", "human": "yes", "shown": "0", "label": 1}]), "something else than text"),
        (change(samples=[{"id": "a", "human": "yes", "shown": "0"}]), "either a label or a reason"),
        (change(samples=[{"id": "a", "human": "maybe", "shown": "0", "label": "yes"}]), "not on the scale"),
        (change(samples=[{"id": "a", "human": "YES", "shown": "0", "label": "yes"}]), "not on the scale"),
        (change(samples=[]), "edited: its samples are not those that its digest is of"),
        (change(scale={"kind": "ordinal"}), "damaged: a scale needs at least two labels"),
        (change(model=None), "damaged: model must be a mapping"),
        (change(versions={"torch": 2}), "must be text"),
        (to_bytes(RUN).replace(b'"temperature": 0.0', b'"temperature": NaN'), "NaN is no number"),
        (to_bytes(RUN).replace(b'"human": "yes", "id": "a"', b'"human": "no", "id": "a"'), "edited"),
    ],
)
def test_damage_is_found(data: bytes, message: str) -> None:
    with pytest.raises(BrokenError, match=f"^b.json: .*{message}"):
        from_bytes(data, "b.json")


def test_a_sample_twice() -> None:
    twice = replace(RUN, answers=(*RUN.answers, RUN.answers[0]))
    with pytest.raises(BrokenError, match="a sample is there twice"):
        from_bytes(to_bytes(twice), "b.json")


def test_a_file_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BrokenError, match=r"^b\.json: there is no such baseline; `blpo check --update` records one"):
        load(tmp_path / "b.json")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(json.loads(to_bytes(RUN)))), _json)
def test_no_value_raises_anything_else(name: str, value: object) -> None:
    data = change(**{name: value})
    try:
        run = from_bytes(data, "b.json")
    except BrokenError:
        return
    assert from_bytes(to_bytes(run), "b.json") == run


def added(name: str) -> JudgedSample:
    """A sample that is not in `RUN`."""
    return JudgedSample(id=name, shown="9", human="yes", label="yes")


def test_differences_of_data_name_the_samples() -> None:
    assert data_differences(RUN, RUN) == []
    others = {
        "1 sample removed: c": [answer for answer in RUN.answers if answer.id != "c"],
        "1 sample added: d": [*RUN.answers, added("d")],
        "1 sample labelled otherwise by people: a (yes → no)": [replace(RUN.answers[0], human="no"), *RUN.answers[1:]],
        "1 sample with another image or text: a": [replace(RUN.answers[0], shown="9"), *RUN.answers[1:]],
    }
    for sentence, answers in others.items():
        assert data_differences(RUN, replace(RUN, answers=tuple(answers))) == [sentence]
    many = replace(RUN, answers=tuple(added(f"s{n}") for n in range(8)))
    assert data_differences(RUN, many)[1] == "8 samples added: s0, s1, s2, s3, s4 and 3 more"
    assert data_differences(RUN, recorded({}, scale=ORDERED))[0] == (
        "the scale was unordered (yes, no) and is ordinal (1, 2, 3, 4, 5)"
    )
    # the judge's answers are no part of the data
    assert data_differences(RUN, replace(RUN, answers=(replace(RUN.answers[0], label="no"), *RUN.answers[1:]))) == []
