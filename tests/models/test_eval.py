"""End to end through Inspect."""

from pathlib import Path

from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.event import ModelEvent
from inspect_ai.model import ChatMessageUser, Content, ContentImage, ContentText
from inspect_ai.scorer import includes

from .tiny import image_bytes, picture


def _sample(name: str, image: Path) -> Sample:
    content: list[Content] = [ContentImage(image=str(image)), ContentText(text="is this image good ?")]
    return Sample(id=name, input=[ChatMessageUser(content=content)], target="w")


def _task(folder: Path) -> Task:
    samples = []
    for number in range(6):
        data = image_bytes(picture(number))
        path = folder / f"{number}.png"
        path.write_bytes(data[:80] if number == 3 else data)
        samples.append(_sample(f"s{number}", path))
    return Task(dataset=samples, scorer=includes())


def test_an_eval_with_one_damaged_image(llava: Path, tmp_path: Path) -> None:
    logs = eval(
        _task(tmp_path),
        model=f"hf-vlm/{llava}",
        model_args={"max_batch_size": 4},
        max_tokens=6,
        fail_on_error=False,
        log_dir=str(tmp_path / "logs"),
        display="none",
    )
    (log,) = logs
    assert log.status == "success"
    assert log.samples is not None
    for sample in log.samples:
        if sample.id == "s3":
            assert sample.error is not None
            assert "image 1 (message 1)" in sample.error.message
            continue
        assert sample.error is None
        assert sample.output.completion
        assert sample.output.metadata is not None
        assert sample.output.metadata["checkpoint"]["kind"] == "folder"
        (event,) = [one for one in sample.events if isinstance(one, ModelEvent)]
        assert event.call is not None
        assert "<image>" in str(event.call.request["prompt"])
    usage = log.stats.model_usage[f"hf-vlm/{llava}"]
    assert usage.input_tokens == 5 * 13


def test_two_evals_one_after_the_other(llava: Path, tmp_path: Path) -> None:
    answers = []
    for _ in range(2):
        (log,) = eval(
            _task(tmp_path),
            model=f"hf-vlm/{llava}",
            limit=3,
            max_tokens=6,
            log_dir=str(tmp_path / "logs"),
            display="none",
        )
        assert log.status == "success"
        assert log.samples is not None
        answers.append([sample.output.completion for sample in log.samples])
    assert answers[0] == answers[1]
