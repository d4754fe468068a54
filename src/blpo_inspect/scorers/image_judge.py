"""The scorer `image_judge`: a judge's verdict on the pictures of any Inspect task, what `model_graded_qa` is for text.

Run it in a task, or on an old log: ``inspect score LOG --scorer blpo_inspect/image_judge -S prompts=pair.yaml``.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from inspect_ai.model import ContentImage, GenerateConfig, Model, ModelRole, get_model, model_roles
from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import TaskState

from blpo_inspect._util.images import ImageError
from blpo_inspect._util.inspect_internals import PrerequisiteError, collect
from blpo_inspect.cache.memo import memoized
from blpo_inspect.judging.answer_parser import Verdict
from blpo_inspect.judging.asking import GREEDY
from blpo_inspect.judging.certificate import Certificate
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.pictures import Images, NoPictureError, pictures
from blpo_inspect.judging.pictures import checked as checked_images
from blpo_inspect.judging.prompts import PromptError, PromptPair
from blpo_inspect.judging.question import Question
from blpo_inspect.judging.reask import DEFAULT
from blpo_inspect.scorers.labels import verdicts
from blpo_inspect.scorers.panel import Opinion, as_on, combined, scale_of_verdicts
from blpo_inspect.scorers.panel import checked as checked_reducer

Text = str | Callable[[TaskState], str | None]
"""``input``, ``output``, the name of a sample's metadata, or a function of the sample's state."""

logger = logging.getLogger(__name__)


@scorer(metrics=[verdicts()])
def image_judge(
    prompts: str | Path | PromptPair,
    model: str | Model | list[str | Model] | None = None,
    images: Images = "output",
    text: Text | None = None,
    answer: str | None = None,
    reask: int = DEFAULT,
    reducer: str = "mode",
    model_role: str | ModelRole | None = "grader",
) -> Scorer:
    """Have a judge look at a sample's picture and score its verdict.

    The value is the label, or its number on a scale with an order. A picture that is not there, and a reply that cannot
    be read, leave the sample unscored, with the reason. Where the pair is certified (``blpo prompts certify``) and the
    judge is the one of its certificate, the corrected share or mean comes beside the raw one.

    Args:
        prompts: A prompt pair or its file; it says which labels there are.
        model: The judge, or several that are asked the same. It goes before `model_role`.
        images: Where the pictures are: ``input`` (all, in one question), ``output`` (the last one in the model's
            output), ``messages`` (the last one in the conversation after the input), ``sandbox:PATH``, or a function of
            the sample's state that gives one or several, which are shown in one question.
        text: What the picture is judged against: ``input``, ``output``, the name of a sample's metadata, or a function
            of the sample's state. Default: the metadata's ``text``, if there.
        answer: How the verdict is asked for (`judging.answer_mode`); default: ``text``, or what the pair's map needs.
        reask: How often, 0 or 1, a reply that cannot be read is followed by one more question.
        reducer: How the verdicts of several judges become one: ``mode`` (a tie is unscored), or on scales with an order
            ``mean`` or ``median`` of the labels' numbers. Judges whose reply could not be read do not count.
        model_role: The role whose model is the judge, or whose models are; where nobody has it, the task's model is. A
            `ModelRole` can require one.

    Raises:
        PrerequisiteError: A pair that cannot be used, or an argument that does not fit.
    """
    question = Question.of(prompts, answer, reask)
    checked_images(images)
    way = checked_reducer(reducer, question.scale)
    if isinstance(model, list) and not model:
        raise PrerequisiteError("model=[]: name at least one judge")
    scale = scale_of_verdicts(question.scale, way)
    certificate = _certificate(question.pair)
    told = False

    async def score(state: TaskState, target: Target) -> Score:
        nonlocal told
        metadata: dict[str, Any] = {"scale": scale.to_dict()}
        human = _human(state, target, question.scale)
        if human is not None:
            metadata["human"] = as_on(question.scale, human, way)
        try:
            seen = await pictures(state, images)
            if question.needs_two and len(seen.images) != 2:
                raise NoPictureError(
                    f"a judge of pairs looks at two pictures in one question, and images={images} gives "
                    f"{len(seen.images)}; images=input shows all of the input, and a function can give any two"
                )
            against = _text(state, text)
            if against is None and question.needs_text:
                raise PromptError("the prompt refers to {text}; say with text= where the sample has it")
        except (NoPictureError, ImageError, PromptError) as error:
            if not told:  # where an argument does not fit the task, no sample is scored, and tables do not say why
                logger.warning(
                    "image_judge: sample %s is unscored: %s; further ones are not named", state.sample_id, error
                )
                told = True
            return Score.unscored(reason="scoring_failed", explanation=str(error), metadata=metadata)
        if seen.left_out:
            metadata["pictures_left_out"] = seen.left_out

        asked = _judges(model, model_role)
        opinions = await collect([partial(_opinion, question, judge, seen.images, against) for judge in asked])
        facts = [opinion.facts() for opinion in opinions]
        metadata |= facts[0] if len(facts) == 1 else {"judges": facts}
        alone = len(opinions) == 1 and scale is question.scale
        if certificate and alone and opinions[0].identity in certificate.judges:
            metadata["certified"] = certificate.model_dump()
        if len(opinions) == 1 and opinions[0].verdict.label is None:
            verdict = opinions[0].verdict
        else:
            verdict = combined([opinion.verdict.label for opinion in opinions], question.scale, way)
        return _score(verdict, opinions, scale, metadata)

    return score


def _certificate(pair: PromptPair) -> Certificate | None:
    try:
        return Certificate.of(pair)
    except PromptError as error:
        raise PrerequisiteError(str(error)) from error


async def _opinion(question: Question, model: Model, images: Sequence[ContentImage], text: str | None) -> Opinion:
    judge = memoized(model, role="grader")
    conversation, output = await question.put(judge, images, text, _config(model))
    return Opinion.of(str(model), conversation, output, question.scale)


def _score(verdict: Verdict, opinions: Sequence[Opinion], scale: LabelScale, metadata: dict[str, Any]) -> Score:
    if len(opinions) == 1:
        explanation = opinions[0].verdict.answer
    else:
        explanation = "\n".join(
            f"{opinion.judge}: {opinion.verdict.label or f'unread, {opinion.verdict.reason}'}" for opinion in opinions
        )
    if verdict.label is None:
        return Score.unscored(
            reason="grader_failed", explanation=f"{verdict.reason}\n\n{explanation}", metadata=metadata
        )
    value = scale.value(verdict.label) if scale.ordered else verdict.label
    return Score(value=value, answer=verdict.label, explanation=explanation, metadata=metadata)


def _judges(model: str | Model | list[str | Model] | None, role: str | ModelRole | None) -> list[Model]:
    if model is not None:
        return [get_model(one) for one in (model if isinstance(model, list) else [model])]
    if role is None:
        return [get_model()]
    role = ModelRole(role) if isinstance(role, str) else role
    bound = model_roles().get(role.name)
    return bound if isinstance(bound, list) else [get_model(role=role.name, required=role.required)]


def _config(model: Model) -> GenerateConfig | None:
    """Greedy, unless the judge was given a temperature of its own; the task's model has one for its own work."""
    own = model.config.temperature is not None and model is not get_model()
    return None if own else GREEDY


def _text(state: TaskState, text: Text | None) -> str | None:
    """The text that a sample's picture is judged against; None where it is not asked for and not there.

    Raises:
        PromptError: The sample does not have it.
    """
    found = None
    if callable(text):
        found = text(state)
    elif text == "input":
        with suppress(ValueError):  # no message of a user
            found = state.input_text
    elif text == "output":
        found = state.output.completion
    else:
        found = state.metadata.get(text or "text")
    if text is not None and not found:
        named = "its function" if callable(text) else f"text={text} (input, output or the name of metadata)"
        raise PromptError(f"no text to judge the picture against: the sample has none by {named}")
    return None if found is None else str(found)


def _human(state: TaskState, target: Target, scale: LabelScale) -> str | None:
    """People's label of the sample, or a target that is a label of the scale."""
    for given in (state.metadata.get("human"), target.text):
        with suppress(ValueError):
            return scale.canonical("" if given is None else given)
    return None
