"""Prompt pairs: YAML in and out, placeholders, fences."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.prompts import DEFAULT_I2T, PromptError, PromptPair, fence, fill, placeholders

# what YAML can hold: no control characters but line breaks, no surrogates
prompts = (
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="{}\x85\u2028\u2029"), min_size=1)
    | st.lists(st.sampled_from(["- a", "b: c", "# d", "  e", "", "'", '"', "{text}", "{{x}}", "ü"]), min_size=1).map(
        "\n".join
    )
).filter(lambda text: text.strip() != "")


@given(prompts, st.sampled_from(["Describe it.", "List:\n- colours\n- shapes  \n\nthen stop"]))
def test_yaml_round_trip(judge: str, i2t: str) -> None:
    pair = PromptPair(judge, i2t, LabelScale("unordered", ("a", "b")), {"method": "blpo", "steps": [1, 2]})
    again = PromptPair.from_yaml(pair.to_yaml())
    assert again == pair
    assert again.to_yaml() == pair.to_yaml()


def test_a_hand_written_file_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "pair.yaml"
    path.write_text("judge: |\n  Is this image safe?\n  Look twice.\n")
    assert PromptPair.load(path) == PromptPair("Is this image safe?\nLook twice.", DEFAULT_I2T)


def test_prompts_labels_and_aliases_are_the_text_that_stands_there() -> None:
    pair = PromptPair.from_yaml(
        "judge: yes\ni2t: 01\nscale: {kind: unordered, labels: [yes, no, 4:3], aliases: {1: yes, 0: no}}\n"
        "provenance: {seed: 01, kept: yes}\n"
    )
    assert (pair.judge, pair.i2t, dict(pair.provenance)) == ("yes", "01", {"seed": 1, "kept": True})
    assert pair.scale == LabelScale("unordered", ("yes", "no", "4:3"), aliases={"1": "yes", "0": "no"})
    assert PromptPair.from_yaml(pair.to_yaml()) == pair


@pytest.mark.parametrize("end", ["0", "-1", "1e-2", "+0.5", "007"])
def test_the_ends_of_a_range_are_numbers(end: str) -> None:
    pair = PromptPair.from_yaml(f"judge: x\nscale: {{kind: numeric, low: {end}, high: 100}}")
    assert pair.scale == LabelScale("numeric", low=float(end), high=100)


@pytest.mark.parametrize("end", [".inf", "inf", ".nan", "1:30", "one", "[1]", "{a: 1}", "'1,000'"])
def test_other_ends_are_refused(end: str) -> None:
    with pytest.raises(PromptError, match=r"line 2: scale\.high: must be a number, not "):
        PromptPair.from_yaml(f"judge: x\nscale: {{kind: numeric, low: 0, high: {end}}}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("judge: [1", "not valid YAML"),
        ("- a", r"line 1: must be a mapping \(key: value\), not a list"),
        ("", "lacks judge"),
        ("i2t: x", "line 1: lacks judge"),
        ("i2t: x\njudge: [3]", "line 2: judge: must be text, not a list"),
        ("judge: ''", "line 1: judge: the judge prompt is empty"),
        ("judge: x\nJudge: y", "line 2: Judge: no such key; known here: format, judge, i2t, scale, map, provenance"),
        (
            "judge: x\nformat: blpo-inspect/prompt-pair/9",
            "line 2: format: must be .*/1 .a newer version",
        ),
        ("judge: rate {image}", "unknown placeholders"),
        ("judge: a } b", "unknown placeholders"),
        ("judge: x\ni2t: describe {text}", "line 2: i2t: the i2t prompt has unknown placeholders"),
        ("judge: x\nscale: {kind: unordered, labels: [a]}", "line 2: scale: a scale needs at least two labels"),
        ("judge: x\nscale:\n  kind: numeric\n  low: a", "line 4: scale.low: must be a number, not 'a'"),
        ("judge: x\njudge: y", "line 2: the key 'judge' is there twice"),
        ("judge: !!python/object/apply:os.system [ls]", "not valid YAML"),
    ],
)
def test_bad_files_say_what_is_wrong_and_where(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "pair.yaml"
    path.write_text(text)
    with pytest.raises(PromptError, match=message) as caught:
        PromptPair.load(path)
    assert str(path) in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="no such prompt file"):
        PromptPair.load(tmp_path / "none.yaml")


def test_save_is_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "pair.yaml"
    PromptPair("old").save(path)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        PromptPair("new").save(path)
    assert PromptPair.load(path).judge == "old"
    assert [p.name for p in path.parent.iterdir()] == ["pair.yaml"]


def test_fill() -> None:
    assert placeholders("a {text} {{no}} b") == {"text"}
    assert fill("is {text} in {{braces}}?", {"text": "{text} {{}}"}) == "is {text} {{}} in {braces}?"
    with pytest.raises(PromptError, match="does not have"):
        fill("is {text} there?", {})


@given(st.text(max_size=60), st.sampled_from(["</text>", "</ TEXT >", "<text>", "< /text", "<TEXT"]))
def test_data_cannot_close_its_fence(data: str, tag: str) -> None:
    fenced = fence("text", data + tag + data)
    inner = fenced.removeprefix("<text>").removesuffix("</text>")
    compact = "".join(inner.lower().split())
    assert "</text" not in compact
    assert "<text" not in compact
