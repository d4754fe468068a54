"""Suites: what is read, and that anything else is refused with its place."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from blpo_inspect.regression.suite import AbsoluteBar, ChosenProbe, SuiteError, load, read

FILE = Path("here/suite.yaml")
GOOD = """\
version: 1
alpha: 0.1
cases:
  - name: safety
    benchmark: shapes_safety
    args: {policy: 3, limit_per_class: 10}
    prompts: ../pairs/pair.yaml
    model: hf-vlm/shapes-judge
    model_args: {dtype: float32}
    model_roles: {i2t: openai/gpt-4o}
    baseline: baselines/safety.json
    margin: {accuracy: 0.03}
    at_least: {cohens_kappa: 0.6, accuracy: {low: 0.7, value: 0.8}}
    unread_at_most: 0.02
    probes: [spaces, {name: jpeg, tolerance: 0.1}]
  - {name: other, benchmark: b, model: p/m, baseline: b.json, at_least: {spearman: 0.5}}
"""


def test_everything_that_a_suite_can_say() -> None:
    suite = read(GOOD.encode(), FILE)
    one, other = suite.cases
    assert (suite.alpha, one.name, one.args["policy"], one.model_args) == (0.1, "safety", 3, {"dtype": "float32"})
    assert one.baseline == suite.folder / "baselines/safety.json"
    assert one.prompts == suite.folder / "../pairs/pair.yaml"
    assert one.margin == {"accuracy": 0.03} and one.model_roles == {"i2t": "openai/gpt-4o"}
    assert one.at_least == (AbsoluteBar("cohens_kappa", 0.6), AbsoluteBar("accuracy", low=0.7, value=0.8))
    assert (
        one.probes == (ChosenProbe(name="spaces"), ChosenProbe(name="jpeg", tolerance=0.1))
        and one.unread_at_most == 0.02
    )
    assert other.margin == {} and other.prompts is None and other.unread_at_most is None
    assert other.alt_test is None
    for written, epsilon in (("{}", 0.15), ("{epsilon: 0.2}", 0.2)):
        bar = read(GOOD.replace("at_least: {spearman: 0.5}", f"alt_test: {written}").encode(), FILE).cases[1].alt_test
        assert bar is not None and bar.epsilon == epsilon
    assert read(GOOD.replace("alpha: 0.1\n", "").encode(), FILE).alpha == 0.05
    assert [case.name for case in suite.chosen(("other",))] == ["other"] and len(suite.chosen(())) == 2
    with pytest.raises(SuiteError, match=r"suite\.yaml: no case 'x'; it has safety, other"):
        suite.chosen(("x",))


def test_labels_and_prompts_of_a_case_are_the_text_that_stands_there() -> None:
    args = "args: {labels: [yes, 01, 4:3, 1.10], prompt: on, policy: 3, limit_per_class: 10}"
    suite = read(GOOD.replace("args: {policy: 3, limit_per_class: 10}", args).encode(), FILE)
    assert suite.cases[0].args == {
        "labels": ["yes", "01", "4:3", "1.10"],
        "prompt": "on",
        "policy": 3,
        "limit_per_class": 10,
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version: 1", "version: 2", "line 1: version: must be 1, the version that this program reads, not 2"),
        ("version: 1\n", "", "lacks version"),
        ("alpha: 0.1", "alpha: 0", "line 2: alpha: must be from 0.0001 to 0.4"),
        ("alpha: 0.1", "alpha: .nan", "line 2: alpha: must be a finite number"),
        ("alpha: 0.1", "alfa: 0.1", "line 2: alfa: no such key; known here: version, alpha, runs, cases"),
        ("alpha: 0.1", "version: 1", "line 2: the key 'version' is there twice"),
        ("name: safety", "name: 12", r"line 4: cases\[0\]\.name: must be text, not a number; put it into quotes"),
        ("name: safety", 'name: "a\\e[2J"', r"cases\[0\]\.name: must be one line of visible text"),
        ("name: safety", 'name: "\\ud800"', r"cases\[0\]\.name: cannot be read"),
        ("name: other", "name: safety", r"line 16: cases\[1\]: the name 'safety' is there twice"),
        ("{policy: 3", "{policy: 2001-99-99", r"line 6: cases\[0\]\.args\.policy: cannot be read"),
        ("{policy: 3", "{policy: 2001-09-09", r"args\.policy: must be text, a number.*'timestamp'"),
        ("{policy: 3", "{prompts: x", r"args\.prompts: belongs to the case itself"),
        ("{policy: 3", "{policy: .inf", r"args\.policy: must be a finite number"),
        ("{policy: 3", "{policy: &a 3", "line 6: anchors and aliases"),
        ("hf-vlm/shapes-judge", "shapes-judge", r"line 8: cases\[0\]\.model: must be PROVIDER/NAME"),
        (
            "baselines/safety.json",
            "../safety.json",
            r"line 11: cases\[0\]\.baseline: '\.\./safety\.json' must be a file",
        ),
        ("baselines/safety.json", "a/../../x/b.json", r"\.baseline: .* must be a file"),
        ("baselines/safety.json", "a/..", r"\.baseline: .* must be a file"),
        (
            "{accuracy: 0.03}",
            "{acuracy: 0.03}",
            r"line 12: cases\[0\]\.margin\.acuracy: no such key; known here: accuracy",
        ),
        ("{accuracy: 0.03}", "{accuracy: 0}", r"must be above 0 \(no number of images"),
        ("{accuracy: 0.03}", "{accuracy: -1}", "must be from 0 to 2, not -1"),
        ("{accuracy: 0.03}", "{mae: 1}", r"margin\.mae: no such key"),
        ("{accuracy: 0.03}", "{}", "margin: is empty; must have at least one entry"),
        ("{accuracy: 0.03}", "[accuracy]", r"margin: must be a mapping \(key: value\), not a list"),
        ("{low: 0.7, value: 0.8}", "{}", "needs value: or low:"),
        ("{low: 0.7, value: 0.8}", "{high: 1}", r"at_least\.accuracy\.high: no such key; known here: value, low"),
        (
            "at_least: {spearman: 0.5}",
            "alt_test: {epsilon: 1}",
            r"cases\[1\]\.alt_test\.epsilon: must be from 0 to 0.99",
        ),
        ("at_least: {spearman: 0.5}", "alt_test: {eps: 0.1}", r"alt_test\.eps: no such key; known here: epsilon"),
        ("at_least: {spearman: 0.5}", "", r"line 16: cases\[1\]: has no bar; give margin"),
        ("0.02", "2", r"unread_at_most: must be from 0 to 1"),
        ("[spaces,", "[spice,", r"line 15: cases\[0\]\.probes\[0\]: must be one of .*spaces.*, not 'spice'"),
        ("[spaces,", "[jpeg,", r"probes\[1\]: the name 'jpeg' is there twice"),
        ("cases:", "cases: {", "not valid YAML"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(SuiteError, match=message) as caught:
        read(GOOD.replace(old, new, 1).encode(), FILE)
    assert str(caught.value).startswith(str(FILE)) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"\xff", "not UTF-8"),
        (b"a: 1\n---\nb: 2\n", "not valid YAML: but found another document"),
        (b"[" * 100_000, "nested too deeply"),
        (b"a: \x00", "not valid YAML"),
        (b"x" * 2_000_000, "larger than 1,000,000 bytes"),
        (b"!!python/object:os.system {}", "line 1: must be text, .* not 'os.system'"),
        (b"version: 1\ncases: []", "cases: is empty; must have at least one entry"),
    ],
)
def test_files_that_are_no_suites(data: bytes, message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        read(data, FILE)


def test_an_absolute_baseline_may_lie_anywhere(tmp_path: Path) -> None:
    suite = read(GOOD.replace("baselines/safety.json", str(tmp_path / "b.json")).encode(), FILE)
    assert suite.cases[0].baseline == tmp_path / "b.json"


def test_a_link_does_not_lead_out(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "baselines").symlink_to(tmp_path)
    with pytest.raises(SuiteError, match="must be a file in the suite's folder"):
        read(GOOD.encode(), tmp_path / "in" / "suite.yaml")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "absent.yaml"):
        with pytest.raises(SuiteError, match="no such suite file"):
            load(file)


_scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates() | st.binary(max_size=4)
)
_names = st.sampled_from(
    [
        "version",
        "cases",
        "name",
        "benchmark",
        "model",
        "baseline",
        "margin",
        "at_least",
        "alt_test",
        "epsilon",
        "probes",
        "args",
        "low",
        "accuracy",
    ]
)
_values = st.recursive(
    _scalars | _names,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_names | st.text(max_size=3) | st.integers(), inner),
    max_leaves=20,
)


def only_suite_errors(data: bytes) -> None:
    """Read it; any other error is the test's failure."""
    message = str(FILE)
    try:
        read(data, FILE)
    except SuiteError as error:
        message = str(error)
    assert message.startswith(str(FILE)) and "\n" not in message


@given(st.dictionaries(_names, _values))
def test_no_yaml_value_raises_anything_else(value: object) -> None:
    only_suite_errors(yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "surrogatepass"))


@given(st.text(alphabet="versionca: 1\n-[]{}&*!|>'\"#%@`?\t,0.~<=", max_size=60))
def test_no_text_raises_anything_else(text: str) -> None:
    only_suite_errors(text.encode())


@given(st.data())
def test_a_case_of_any_values_raises_nothing_else(data: st.DataObject) -> None:
    whole = yaml.safe_load(GOOD)
    case = whole["cases"][0]
    case[data.draw(st.sampled_from(sorted(case)))] = data.draw(_values)
    only_suite_errors(yaml.safe_dump(whole).encode())
