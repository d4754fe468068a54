"""Probes of scripted judges, through Inspect: what is asked, what a change counts as, and the verdicts by hand."""

import base64
import io
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessage, ContentImage
from PIL import Image

from blpo_inspect.judging.asking import GREEDY
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.prompts import PromptError
from blpo_inspect.judging.samples import Record, to_sample
from blpo_inspect.judging.solvers import judge
from blpo_inspect.regression.perturbations import PERTURBATIONS
from blpo_inspect.regression.probe_verdicts import probe_result
from blpo_inspect.regression.probes import PROBES, Change, Probe, ProbeError, ProbeResult
from blpo_inspect.regression.probing import ProbeRun, probe_results, probe_task, run_probes
from blpo_inspect.statistics import proportion, suite_wide, tango
from tests.conftest import ScriptedAPI

SAFETY = LabelScale("unordered", ("safe", "unsafe"))
RATING = LabelScale("ordinal", ("1", "2", "3", "4", "5"))
NUMBER = LabelScale("numeric", low=0, high=100)


def picture(shade: int) -> str:
    """A square of one grey."""
    buffer = io.BytesIO()
    Image.new("RGB", (50, 50), (shade, shade, shade)).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def samples(count: int, scale: LabelScale = SAFETY) -> list[Sample]:
    """Greys from 100 on; every second one is safe, or rated by its number."""
    labels = scale.labels if scale.labels else ("40", "60")
    return [to_sample(Record(f"s{k:02}", picture(100 + k), labels[k % len(labels)]), scale) for k in range(count)]


def shown(messages: list[ChatMessage]) -> Image.Image:
    """The image of a request."""
    content = messages[0].content
    assert not isinstance(content, str)
    [image] = [part.image for part in content if isinstance(part, ContentImage)]
    return Image.open(io.BytesIO(base64.b64decode(image.partition(",")[2])))


def number(messages: list[ChatMessage]) -> int:
    """Which sample is shown, where its colour was left alone."""
    grey = shown(messages).convert("L").resize((1, 1)).getpixel((0, 0))
    assert isinstance(grey, int)
    return grey - 100


def run(
    tmp_path: Path,
    script: Callable[[list[ChatMessage]], str],
    count: int,
    *names: str,
    scale: LabelScale = SAFETY,
    tolerance: float = 0.05,
) -> ProbeRun:
    ScriptedAPI.script = staticmethod(script)
    return run_probes(
        samples(count, scale),
        "Look.\nIs it safe?",
        "scripted/judge",
        [replace(PROBES[name], tolerance=tolerance) for name in names],
        log_dir=str(tmp_path),
        display="none",
    )


def test_a_judge_that_sees_through_the_form_passes(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    found = run(tmp_path, lambda messages: "safe", 4, "padded", "cropped", tolerance=0.5)
    assert list(found.results) == ["padded", "cropped"]
    for result in found.results.values():
        # 2.7055/6.7055 is below 50 %
        assert (result.verdict, result.n, result.changed.value, result.examples) == ("pass", 4, 0, ())
        assert result.p == 1 and result.more is None
        assert result.shift.value == 0 and (result.shift.low, result.shift.high) == pytest.approx(tango(0, 0, 4))
    assert found.log.eval.metadata is not None
    assert found.log.eval.metadata["probes"]["padded"] == PERTURBATIONS["padded"].summary
    assert len(scripted.requests) == 4 * 3


def test_each_probe_asks_in_its_own_form(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    run(tmp_path, lambda messages: "safe", 1, *PROBES)
    texts = Counter(request[0].text for request in scripted.requests)
    asking = "\n\nAnswer with exactly one of: safe, unsafe."
    assert texts.pop(f"Look.\nIs it safe?{asking}") == 1 + 1 + 7  # as it is, repeated, seven forms of the image
    assert texts == Counter(
        {
            "Look.\nIs it safe?\n\nAnswer with exactly one of: unsafe, safe.": 1,
            f" Look.\nIs it safe?  \n{asking}": 1,
            f"Look.\n\nIs it safe?{asking}": 1,
            f"**Task**\n\nLook.\nIs it safe?{asking}": 1,
            f"- Look.\n- Is it safe?{asking}": 1,
        }
    )
    forms = ((image.format, image.size, image.convert("L").getpixel((9, 9))) for image in map(shown, scripted.requests))
    assert Counter(forms) == {
        ("PNG", (50, 50), 100): 7,  # as it is, repeated, five wordings
        ("JPEG", (50, 50), 100): 1,
        ("WEBP", (50, 50), 100): 1,
        ("PNG", (45, 45), 100): 1,
        ("PNG", (54, 54), 100): 1,
        ("PNG", (48, 48), 100): 1,
        ("PNG", (50, 50), 105): 1,
        ("PNG", (50, 50), 95): 1,
    }


def test_a_judge_that_falls_for_a_form_fails_that_probe(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    def by_format(messages: list[ChatMessage]) -> str:
        if shown(messages).format == "JPEG" and number(messages) < 6:
            return "hmm" if number(messages) == 3 else "unsafe"
        return "safe"

    found = run(tmp_path, by_format, 10, "jpeg", "lossless", tolerance=0.25).results
    assert found["lossless"].verdict == "pass"
    jpeg = found["jpeg"]
    # six or more of ten at 25 %: .0197
    assert jpeg.verdict == "fail" and jpeg.p == pytest.approx(0.0197, abs=1e-4)
    assert (jpeg.changed.value, jpeg.unread, jpeg.n) == (0.6, 1, 10)
    assert jpeg.changed == proportion([k < 6 for k in range(10)], level=0.9)
    assert jpeg.examples[:2] == (Change("s00", "safe", "unsafe"), Change("s01", "safe", "unsafe"))
    assert jpeg.examples[3] == Change("s03", "safe", None) and len(jpeg.examples) == 5
    # of these six, people call three safe: lost. Of the others two are gained; 3 was unread, so as wrong as before
    assert jpeg.shift.value == pytest.approx(-0.1)
    assert "60.0% of 10 answers changed" in jpeg.reason
    assert suite_wide(found, 0.05) == found


def test_too_few_images_are_inconclusive(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    result = run(tmp_path, lambda messages: "safe", 10, "spaces").results["spaces"]
    assert result.verdict == "inconclusive"
    # 2.7055/(n + 2.7055) is at most .05 from n = 51.4 on
    assert result.more == 42 and "42 more images" in result.reason


def test_the_repeated_call_is_really_asked_again(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    asked: Counter[int] = Counter()

    def moody(messages: list[ChatMessage]) -> str:
        asked[number(messages)] += 1
        return "safe" if asked[number(messages)] == 1 else "unsafe"

    first = run(tmp_path, moody, 4, "repeat").results["repeat"]
    assert set(asked.values()) == {2} and len(asked) == 4
    assert (first.verdict, first.changed.value) == ("fail", 1.0)
    # both answers are recorded, so a check can be replayed
    again = run(tmp_path, moody, 4, "repeat").results["repeat"]
    assert set(asked.values()) == {2}
    assert again == first


def test_the_answer_as_it_is_comes_from_the_judges_own_run(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    ScriptedAPI.script = staticmethod(lambda messages: "safe")
    task = Task(dataset=samples(4), solver=judge("Look.\nIs it safe?"), config=GREEDY)
    inspect_eval(task, model="scripted/judge", log_dir=str(tmp_path), display="none")
    assert len(scripted.requests) == 4
    run(tmp_path, lambda messages: "safe", 4, "spaces")
    assert len(scripted.requests) == 8


def test_ratings_that_drift_upwards(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    def generous(messages: list[ChatMessage]) -> str:
        return "4" if "**Task**" in messages[0].text else "3"

    result = run(tmp_path, generous, 5, "heading", "label_order", "spaces", scale=RATING).results
    assert list(result) == ["heading", "spaces"]  # ratings have an order of their own
    assert result["heading"].verdict == "fail" and result["heading"].shift.value == 1
    assert "moved by +1" in result["heading"].reason


Answers = Sequence[str | None]


def decided(
    before: Answers,
    after: Answers,
    tolerance: float = 0.05,
    *,
    scale: LabelScale = RATING,
    shift: float | None = 0.05,
    clusters: list[int] | None = None,
) -> ProbeResult:
    probe = Probe("p", PERTURBATIONS["jpeg"], tolerance, shift)
    ids = [str(k) for k in range(len(before))]
    human = [scale.labels[0] if scale.labels else "0"] * len(ids)
    return probe_result(probe, ids, human, before, after, scale=scale, clusters=clusters)


def test_the_share_by_hand() -> None:
    # 3 of 20 against 5 %: 1 - (.95²⁰ + 20·.05·.95¹⁹ + 190·.0025·.95¹⁸) = .0755; 4: .0159
    three = decided(["safe"] * 20, ["unsafe"] * 3 + ["safe"] * 17, scale=SAFETY)
    four = decided(["safe"] * 20, ["unsafe"] * 4 + ["safe"] * 16, scale=SAFETY)
    assert (three.verdict, four.verdict) == ("inconclusive", "fail")
    assert three.p == pytest.approx(0.0755, abs=1e-4) and four.p == pytest.approx(0.0159, abs=1e-4)
    # people always say safe, so that agreement falls by 3 of 20
    assert three.shift.value == -0.15 and (three.shift.low, three.shift.high) == pytest.approx(tango(0, 3, 20))
    assert "beyond" not in three.reason
    # the share is the tolerance itself: no number of images would tell
    assert decided(["safe"] * 20, ["unsafe"] + ["safe"] * 19, scale=SAFETY).more is None


def test_what_could_not_be_read_is_no_agreement() -> None:
    found = decided([None] * 30, [None] * 30, scale=SAFETY)
    assert (found.verdict, found.unread, found.changed.value) == ("fail", 30, 1.0)
    ratings = decided([None] * 30, ["1"] * 30)
    assert ratings.verdict == "fail" and math.isnan(ratings.shift.value)


def test_without_tolerance_one_change_fails() -> None:
    assert decided(["1"] * 5, ["1"] * 5, 0.0, shift=None).verdict == "pass"
    assert decided(["1"] * 5, ["1"] * 4 + ["2"], 0.0, shift=None).verdict == "fail"


def test_the_mean_shift_by_hand() -> None:
    # of 100 ratings, 30 move by two: mean .6, variance .6·1.4·100/99, t.95(99) = 1.6604
    before: Answers = ["2"] * 100
    after: Answers = ["4"] * 30 + ["2"] * 70
    found = decided(before, after, 0.5)
    reach = 1.6604 * math.sqrt(0.6 * 1.4 / 99)
    assert (found.shift.value, found.shift.low) == pytest.approx((0.6, 0.6 - reach), abs=1e-4)
    # the share is fine, but .05 of the scale are .2 points
    assert found.verdict == "fail"
    assert decided(before, after, 0.5, shift=None).verdict == "pass"
    assert decided(before, after, 0.5, shift=0.3).verdict == "pass"
    assert decided(before, after, 0.5, shift=0.16).verdict == "inconclusive"
    # up and down alike: no shift
    both = decided(before, ["3"] * 15 + ["1"] * 15 + ["2"] * 70, 0.5)
    assert (both.verdict, both.shift.value) == ("pass", 0)
    alike = decided(["2"] * 10, ["3"] * 10, 0.9)
    assert alike.verdict == "fail" and alike.p == 0 and "moved alike" in str(alike.shift.reason)
    alone = decided(["2"], ["2"], 0.5)
    assert math.isnan(alone.shift.low) and alone.verdict == "inconclusive"


def test_numbers_may_move_a_little() -> None:
    # 5 % of 0 to 100 are five
    found = decided(["40"] * 60, ["45"] * 30 + ["40"] * 30, 0.1, scale=NUMBER)
    assert (found.changed.value, found.shift.value, found.verdict) == (0, 2.5, "pass")
    assert decided(["40"] * 60, ["46"] * 30 + ["40"] * 30, 0.1, scale=NUMBER).changed.value == 0.5


def test_clusters_count_as_fewer_images() -> None:
    clusters = [k // 4 for k in range(40)]
    after: Answers = ["unsafe"] * 8 + ["safe"] * 32
    alone = decided(["safe"] * 40, after, scale=SAFETY)
    together = decided(["safe"] * 40, after, scale=SAFETY, clusters=clusters)
    assert alone.changed.value == together.changed.value == 0.2
    assert alone.p < together.p < 0.2 and together.changed.low < alone.changed.low
    # its p is the level whose interval ends at the tolerance
    level = 1 - 2 * together.p
    hits = [label == "unsafe" for label in after]
    assert proportion(hits, clusters=clusters, level=level).low == pytest.approx(0.05, abs=1e-3)
    assert decided(["safe"] * 40, ["safe"] * 40, scale=SAFETY, clusters=clusters).p == 1
    one = decided(["safe"] * 40, after, scale=SAFETY, clusters=[0] * 40)
    assert one.verdict == "inconclusive" and one.more is None
    moved = decided(["2"] * 40, ["3"] * 8 + ["2"] * 32, 0.5, clusters=clusters)
    spread = decided(["2"] * 40, ["3"] * 8 + ["2"] * 32, 0.5)
    assert moved.shift.low < spread.shift.low


def test_what_cannot_be_probed_or_read(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    repeat = PROBES["repeat"]
    with pytest.raises(ProbeError, match="no samples"):
        probe_task([], "Safe?", [repeat])
    with pytest.raises(ProbeError, match="none of the probes"):
        probe_task(samples(1, RATING), "Rate.", [PROBES["label_order"]])
    with pytest.raises(ValueError, match="must differ"):
        probe_task(samples(1), "Safe?", [repeat, repeat])
    with pytest.raises(PromptError, match="placeholders"):
        probe_task(samples(1), "Is {it}?", [repeat])
    with pytest.raises(ValueError, match="tolerance"):
        Probe("p", PERTURBATIONS["jpeg"], 1.0)
    with pytest.raises(ValueError, match="shift_tolerance"):
        Probe("p", PERTURBATIONS["jpeg"], 0.1, 0.0)
    with pytest.raises(ValueError, match="numbers of samples"):
        probe_result(repeat, [], [], [], [], scale=SAFETY)
    with pytest.raises(ValueError, match="alpha"):
        probe_result(repeat, ["a"], ["safe"], ["safe"], ["safe"], scale=SAFETY, alpha=0.6)

    def broken(messages: list[ChatMessage]) -> str:
        raise RuntimeError("the judge is out")

    with pytest.raises(ProbeError, match="not complete"):
        run(tmp_path, broken, 2, "spaces")
    log = run(tmp_path, lambda messages: "safe", 2, "spaces").log
    assert probe_results(log, [repeat]) == {}
    assert log.samples is not None
    log.samples = log.samples[:-1]
    with pytest.raises(ProbeError, match="both ways"):
        probe_results(log, [PROBES["spaces"]])
    log.samples[0].metadata.pop("probe_of")
    with pytest.raises(ProbeError, match="not one of probes"):
        probe_results(log, [PROBES["spaces"]])
