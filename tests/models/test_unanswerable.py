"""What one sample's own images or text make impossible costs that sample; what is wrong for all stops the run."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from inspect_ai import eval
from inspect_ai.log import EvalLog, EvalSample
from inspect_ai.model import ChatMessageAssistant, ChatMessageUser
from inspect_ai.solver import chain

from blpo_inspect import LabelScale, Record, judging_task
from blpo_inspect._util.unanswerable import UnanswerableError
from blpo_inspect.cache.logs import used_keys
from blpo_inspect.cache.store import Store
from blpo_inspect.judging.solvers import describe, judge
from blpo_inspect.logs.reader import judged_run
from blpo_inspect.models import engine as engines
from blpo_inspect.models import generation
from blpo_inspect.models.engine import forget_engines
from blpo_inspect.models.errors import RequestError
from blpo_inspect.models.hf_vlm import HfVlmAPI
from blpo_inspect.models.processing import Processing

from .more_families import make_qwen2
from .test_provider import answer, answer_one
from .tiny import ask, image_bytes, picture

SCALE = LabelScale.of(["safe", "unsafe"])
REFUSED = "s2"
WAIT = 60.0


def strip() -> str:
    """A picture whose aspect Qwen's processor refuses."""
    return picture(2, (1200, 5))


@pytest.fixture(scope="module")
def qwen2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_qwen2(tmp_path_factory.mktemp("qwen2"))


@pytest.fixture(autouse=True)
def new() -> None:
    forget_engines()


def records(folder: Path, refused: str | None = None, texts: dict[int, str] | None = None) -> list[Record]:
    """Five pictures, the third of them refused."""
    made = []
    for number in range(5):
        path = folder / f"{number}.png"
        path.write_bytes(image_bytes(refused if refused and number == 2 else picture(number, (60, 60))))
        text = (texts or {}).get(number)
        made.append(Record(id=f"s{number}", image=str(path), label=("safe", "unsafe")[number % 2], text=text))
    return made


def run(made: list[Record], model: Path | str, tmp_path: Path, **changes: Any) -> EvalLog:
    how = {name: changes.pop(name) for name in ("answer", "solver") if name in changes}
    task = judging_task(
        made, SCALE, name="five", default_prompt="is this image good ?", answer=how.get("answer", "text")
    )
    changes = {"max_tokens": 4, "log_dir": str(tmp_path / "logs"), "display": "none", **changes}
    name = model if isinstance(model, str) else f"hf-vlm/{model}"
    [log] = eval(task, model=name, solver=how.get("solver"), **changes)
    return log


def samples(log: EvalLog) -> dict[str, EvalSample]:
    assert log.status == "success", log.error
    return {str(sample.id): sample for sample in log.samples or []}


def told(log: EvalLog) -> dict[str, tuple[str, str | None]]:
    return {name: (sample.output.completion, sample.output.error) for name, sample in samples(log).items()}


def why(sample: EvalSample) -> str:
    assert sample.scores is not None
    return str(sample.scores["unread"].explanation)


@pytest.mark.parametrize(
    ("how", "modes"), [("text", ["readwrite", "offline"]), ("label", ["offline"]), ("likelihood", ["offline"])]
)
def test_a_picture_that_the_processor_refuses_costs_its_sample(
    how: str, modes: list[str], qwen2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLPO_CACHE", "off")
    others = told(run(records(tmp_path), qwen2, tmp_path, answer=how))
    monkeypatch.delenv("BLPO_CACHE")
    log = run(records(tmp_path, strip()), qwen2, tmp_path, answer=how)
    found = told(log)
    assert {name: found[name] for name in found if name != REFUSED} == {
        name: others[name] for name in others if name != REFUSED
    }
    reason = why(samples(log)[REFUSED])
    assert "the processor refuses image 1 (message 1), 1200×5 pixels: ValueError: absolute aspect ratio" in reason
    assert str(qwen2) not in reason
    judged = judged_run(log)
    assert judged.failed == 0
    refused = judged.by_id[REFUSED]
    assert (refused.label, refused.error) == (None, None)
    assert "1200×5" in str(refused.unread)
    assert len(used_keys(Path(log.location))) >= 5  # the refusal is exported with the rest
    for mode in modes:
        monkeypatch.setenv("BLPO_CACHE", mode)
        again = run(records(tmp_path, strip()), qwen2, tmp_path, answer=how)
        assert told(again) == found
        hits = [(sample.output.metadata or {})["blpo_cache"]["hit"] for sample in samples(again).values()]
        assert hits == [True] * 5


def test_without_recording_it_is_the_same(qwen2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLPO_CACHE", "off")
    assert "1200×5" in why(samples(run(records(tmp_path, strip()), qwen2, tmp_path))[REFUSED])


def test_the_named_provider_of_recorded_calls_does_the_same(qwen2: Path, tmp_path: Path) -> None:
    first = run(records(tmp_path, strip()), f"cached/hf-vlm/{qwen2}", tmp_path)
    assert told(first) == told(run(records(tmp_path, strip()), f"cached/hf-vlm/{qwen2}", tmp_path))
    assert "1200×5" in why(samples(first)[REFUSED])


def test_a_damaged_image_and_one_too_long_text_cost_their_samples(llava: Path, tmp_path: Path) -> None:
    made = records(tmp_path, texts={0: "w1 " * 400, 1: "w1", 2: "w1", 3: "w1", 4: "w1"})
    (tmp_path / "3.png").write_bytes(image_bytes(picture(3))[:80])
    found = samples(run(made, llava, tmp_path))
    assert "tokens with its 1 images, but the model's context is 256" in why(found["s0"])
    assert "image 1 (message 1): cannot be decoded" in why(found["s3"])
    assert all(found[name].output.error is None for name in ("s1", "s2", "s4"))


def test_of_several_images_the_refused_are_named(qwen2: Path) -> None:
    with pytest.raises(UnanswerableError) as caught:
        answer_one(HfVlmAPI(str(qwen2)), ask("is this good", picture(0), strip(), picture(1), picture(3, (5, 1100))))
    assert "image 2 (message 1), 1200×5 pixels; image 4 (message 1), 5×1100 pixels: " in str(caught.value)


def test_a_processor_that_takes_no_picture_stops_the_run(
    qwen2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise ImportError("torchvision is needed")

    monkeypatch.setattr(Processing, "_process", broken)
    log = run(records(tmp_path), qwen2, tmp_path, model_args={"max_batch_size": 3})  # a model that nobody else loaded
    assert log.status == "error"
    assert log.error is not None
    assert "the processor refuses the request (1 images): ImportError: torchvision is needed" in log.error.message


def test_settings_stop_the_run(llava: Path, tmp_path: Path) -> None:
    log = run(records(tmp_path, strip()), llava, tmp_path, frequency_penalty=0.5)
    assert log.status == "error"
    assert log.error is not None
    assert "does not support frequency_penalty" in log.error.message


Fails = Callable[[Any], bool]


def failing(monkeypatch: pytest.MonkeyPatch, fails: Fails) -> None:
    """A model that fails at some requests."""

    def generate(weights: Any, rows: Any, prefixes: Any = None) -> Any:
        if any(fails(row.prepared) for row in rows):
            raise ValueError("Image features and image tokens do not match")
        return generation.generate(weights, rows, prefixes)

    monkeypatch.setattr(engines, "generate", generate)


def test_a_model_that_fails_at_one_picture_costs_its_sample(
    llava: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, lambda prepared: prepared.images[0]["width"] == 61)
    found = samples(run(records(tmp_path, picture(2, (61, 60))), llava, tmp_path))
    assert "1 images (61×60 pixels): ValueError: Image features and image tokens do not match" in why(found[REFUSED])
    assert [sample.output.error for name, sample in found.items() if name != REFUSED] == [None] * 4


def test_a_model_that_fails_at_every_picture_stops_the_run(
    llava: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, lambda prepared: True)
    log = run(records(tmp_path), llava, tmp_path)
    assert log.status == "error"
    assert log.error is not None
    assert log.error.message == "ValueError('Image features and image tokens do not match')"


def test_lack_of_memory_costs_its_sample_and_is_not_recorded(
    llava: Path, tmp_path: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = [True]

    def generate(weights: Any, rows: Any, prefixes: Any = None) -> Any:
        if short and any(row.prepared.images[0]["width"] == 61 for row in rows):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return generation.generate(weights, rows, prefixes)

    monkeypatch.setattr(engines, "generate", generate)
    made = records(tmp_path, picture(2, (61, 60)))
    assert "out of memory for one request" in why(samples(run(made, llava, tmp_path))[REFUSED])
    kept = len(list(Store(cache_folder).keys()))
    short.clear()
    assert samples(run(made, llava, tmp_path))[REFUSED].output.error is None
    assert len(list(Store(cache_folder).keys())) > kept


def test_a_describer_that_refuses_gives_no_caption(qwen2: Path, tmp_path: Path) -> None:
    log = run(
        records(tmp_path, strip()), qwen2, tmp_path, solver=chain(describe(), judge("is it safe ?", caption_only=True))
    )
    refused = samples(log)[REFUSED]
    assert "no caption: the call failed: the processor refuses image 1" in why(refused)
    assert "1200×5" in str(judged_run(log).by_id[REFUSED].unread)
    assert judged_run(log).failed == 0


def test_a_template_that_takes_no_second_question_costs_that_question(api: Callable[..., HfVlmAPI]) -> None:
    template = "{% if messages | length > 1 %}{{ raise_exception('one turn only') }}{% endif %}<image> is this"
    model = api("llava", chat_template=template)
    first = ask("is this", picture(0))
    answer_one(model, first)
    with pytest.raises(UnanswerableError, match="refuses the messages: one turn only"):
        answer_one(model, [*first, ChatMessageAssistant(content="w1"), ChatMessageUser(content="again")])
    with pytest.raises(RequestError, match="refuses the messages: one turn only"):
        answer_one(model, [ChatMessageUser(content="w1"), *first])


def test_neighbours_of_a_refused_request_get_their_answers(qwen2: Path) -> None:
    model = HfVlmAPI(str(qwen2))
    asked = [ask("is this good", picture(number)) for number in range(6)]
    alone = [answer_one(model, messages)[0].completion for messages in asked]

    async def together() -> list[Any]:
        mixed = [*asked[:3], ask("is this good", strip()), *asked[3:]]
        return await asyncio.gather(*(answer(model, messages) for messages in mixed), return_exceptions=True)

    done = asyncio.run(together())
    assert isinstance(done.pop(3), UnanswerableError)
    assert [output.completion for output, _ in done] == alone


EXIT = """
import threading, time, torch
from blpo_inspect.models.batching import Batcher, Load

torch.set_num_threads(1)
numbers = torch.rand(700, 700)
running = threading.Event()

def run(payloads):
    while payloads[0]():
        numbers @ numbers
        running.set()
    return payloads

ticket = Batcher(run, name="busy").announce()
ticket.submit(ticket.is_wanted, Load(None, 1, 1, 1, 1))
assert running.wait(60)
"""


def test_a_batch_that_runs_while_the_interpreter_exits_does_not_abort_it() -> None:
    done = subprocess.run([sys.executable, "-c", EXIT], capture_output=True, text=True, timeout=WAIT, check=False)
    assert (done.returncode, done.stderr) == (0, "")
