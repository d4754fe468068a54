"""The HTML file: what it may not contain, what it must, and that it is the same every time."""

import base64
import hashlib
import io
import random
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from inspect_ai.log import read_eval_log, write_eval_log
from PIL import Image

from blpo_inspect._util.images import ImageError
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.optimizers.methods.blpo import blpo
from blpo_inspect.reporting.content import Options, Report, report
from blpo_inspect.reporting.page import html
from blpo_inspect.reporting.run_data import Gathered, gather
from blpo_inspect.reporting.thumbnails import thumbnail
from tests.conftest import ScriptedAPI
from tests.optimizers import toy
from tests.reporting.runs import Benchmark, decoded, judged, picture, reported, run_of

EVIL = "<script>alert(1)</script></style></title>{{ 7*7 }}{% raw %}<img src=x onerror=alert(1)>\u202eRTL\x00\x1b[31m"
HOSTILE = Benchmark(
    ["a<b>", "</style>", "a<b>"],
    LabelScale("unordered", ("a<b>", "</style>")),
    known={"category": [EVIL] * 3, "text": [EVIL] * 3, "raters": [{EVIL: "a<b>", "x": "a<b>"}] * 3},
)


class Tags(HTMLParser):
    """What a browser would make of a page: its tags, attributes and ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.tags.append(tag)
        self.attributes += attrs

    def of(self, name: str) -> list[str]:
        """The values of an attribute."""
        return [value or "" for key, value in self.attributes if key == name]


def test_hostile_texts_are_shown_and_do_nothing(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    log = judged(HOSTILE, ["</style>", EVIL, "a<b>"], tmp_path / "x", prompt=EVIL.replace("{", "(").replace("%}", ")"))
    stored = read_eval_log(str(log))
    assert stored.samples
    for sample in stored.samples:
        sample.metadata["caption"] = EVIL
    stored.eval.model = f"evil/{EVIL}"
    write_eval_log(stored, str(tmp_path / "evil.eval"))
    text = html(reported(tmp_path / "evil.eval", title=EVIL))
    page = Tags(text)
    assert page.tags.count("script") == page.tags.count("style") == 1
    assert [src for src in page.of("src") if not src.startswith("data:image/jpeg;base64,")] == []
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert text.count("{{ 7*7 }}") > 3
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", text)


def test_hostile_optimizations(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    proposal = "P1? </style> <script>alert(1)</script>"
    world = toy.World(
        wrong={"P0?": {"train0", "train2", "validation0", "test0"}},
        judge_prompts={"P0?": [proposal, proposal]},
        i2t_prompts=["Q1? <script>"],
    )
    toy.run(world, blpo(outer_steps=1, inner_steps=1, batch_size=2), log_dir=str(tmp_path))
    text = html(report(gather([str(tmp_path)]), Options()))
    assert Tags(text).tags.count("script") == 1
    assert "&lt;script&gt;alert(1)" in text
    assert "There is no judging log among these" in text
    assert "<ins>" in text


def test_nothing_is_loaded_and_only_our_script_may_run(safety: list[Path]) -> None:
    text = html(reported(*safety))
    page = Tags(text)
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)
    [script] = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    outside = [one for name in ("src", "href", "action") for one in page.of(name) if not one.startswith(("data:", "#"))]
    assert not outside
    assert "@import" not in text and "url(http" not in text
    ids = page.of("id")
    assert len(ids) == len(set(ids))
    targets = page.of("href") + [f"#{one}" for key in ("aria-labelledby", "aria-describedby") for one in page.of(key)]
    assert {target[1:] for target in targets if target.startswith("#")} <= set(ids)


def test_the_same_logs_give_the_same_bytes_in_any_order(safety: list[Path], tmp_path: Path) -> None:
    first = html(reported(*safety))
    shuffled = list(safety)
    random.Random(1).shuffle(shuffled)
    assert shuffled != safety
    assert html(reported(*shuffled)) == first
    elsewhere = []
    for log in safety:
        place = tmp_path / "elsewhere" / log.name
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(log.read_bytes())
        elsewhere.append(place)
    assert html(reported(*elsewhere)) == first
    assert str(tmp_path) not in first


def test_images_are_small_new_files_blurred_where_unsafe(safety: list[Path]) -> None:
    text = html(reported(*safety))
    pictures = [one for one in Tags(text).of("src") if one.startswith("data:")]
    assert pictures
    for one in pictures:
        with Image.open(io.BytesIO(decoded(one))) as image:
            assert image.format == "JPEG" and max(image.size) <= 240 and not image.getexif()
        assert b"EXIF-SECRET" not in decoded(one)
    assert text.count('class="veil"') == len(pictures)
    assert 'class="veil"' not in html(reported(*safety, blur=False))
    without = html(reported(*safety, images=False))
    assert "data:image" not in without and "<img" not in without
    assert "s0" in without


def test_blur_where_it_is_asked_for_or_labels_say_so() -> None:
    calm = run_of(["yes", "no"], ["no", "no"], LabelScale("unordered", ("yes", "no")))
    harsh = run_of(["safe", "unsafe"], ["safe", "safe"])

    def blurred(run: object, **options: bool) -> bool:
        return report(Gathered((run,), (), ()), Options(**options)).parts[0].blurred  # type: ignore[arg-type]

    assert (blurred(calm), blurred(harsh)) == (False, True)
    assert (blurred(calm, blur=True), blurred(harsh, blur=False)) == (True, False)


def test_thumbnails_refuse_what_is_no_image() -> None:
    large = picture(1, side=900)
    with Image.open(io.BytesIO(decoded(thumbnail(large, name="x")))) as image:
        assert image.size == (240, 240)
    with Image.open(io.BytesIO(decoded(thumbnail(picture(1), large, name="x")))) as image:
        assert image.size[1] == 240 and image.size[0] > 240, "one beside the other"
    for bad in ("https://example.org/x.png", "data:image/png;base64,AAAA", "data:image/png;base64,@@", "/etc/passwd"):
        with pytest.raises(ImageError, match="x"):
            thumbnail(bad, name="x")


def test_plots_have_titles_descriptions_and_follow_the_scheme(safety: list[Path]) -> None:
    text = html(reported(*safety))
    plots = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert plots
    for plot in plots:
        assert 'role="img"' in plot and "<title" in plot and "<desc" in plot and "<text" in plot
        assert "var(--series-1)" in plot and "currentColor" in plot
        assert not re.search(r"#0[1-9a-f]0[1-9a-f]0", plot)
        assert "<style" not in plot
    assert "A 1.00" in plots[0]
    # judges are drawn against what the raters are held against, too
    assert "One rater against the others: " in plots[0] and "Judges against those same others: A " in plots[0]


def test_eight_questions_in_order(safety: list[Path]) -> None:
    text = html(reported(*safety))
    assert [heading.split(".")[0] for heading in re.findall(r"<h2[^>]*>(.*?)</h2>", text)] == list("12345678")


def test_hundreds_of_logs(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    benchmark = Benchmark(["safe", "unsafe"] * 5)
    log = read_eval_log(str(judged(benchmark, list(benchmark.human), tmp_path / "one")))
    for number in range(200):
        log.eval.eval_id = log.eval.run_id = f"run{number}"
        log.eval.model = f"scripted/judge-{number}"
        write_eval_log(log, str(tmp_path / "many" / f"{number}.eval"))
    began = time.monotonic()
    seen: list[tuple[int, int]] = []
    gathered = gather([str(tmp_path / "many")], lambda done, total, name: seen.append((done, total)))
    found: Report = report(gathered, Options(gallery=2))
    text = html(found)
    assert time.monotonic() - began < 60
    assert seen == [(done, 200) for done in range(201)]
    assert len(found.parts[0].group.rows) == 200
    assert len(found.parts[0].pairs) == 190
    assert len(text) < 3_000_000
