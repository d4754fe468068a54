"""The requests that a method can make of the optimizer: each has its text, the tag of its answer and the guard."""

from collections.abc import Iterable, Sequence
from typing import Any

from inspect_ai.model import ChatMessageUser

from blpo_inspect.optimizers import briefing as told
from blpo_inspect.optimizers import questions
from blpo_inspect.optimizers.briefing import Briefing, TriedRequest
from blpo_inspect.optimizers.delimiters import CRITIQUE, I2T_PROMPT, JUDGE_PROMPT
from blpo_inspect.optimizers.exemplars import Shown
from blpo_inspect.optimizers.guard import critique_problem, i2t_prompt_problem, judge_prompt_problem
from blpo_inspect.optimizers.proposal import Question
from blpo_inspect.optimizers.questions import Tried
from blpo_inspect.optimizers.run import Run


def update_p(
    run: Run[Any], prompt: str, shown: Shown, failed: Iterable[str] = (), briefing: Briefing | None = None
) -> Question:
    """Update_p: a better judge prompt from misjudged images; not one of those that failed.

    With a briefing the question tells all that helps, else what the paper's does.
    """
    scale, most = run.problem.scale, run.settings.max_prompt_chars
    if briefing is None:
        text = questions.update_judge_prompt(prompt, shown.examples, scale, max_chars=most)
    else:
        text = told.update_judge_prompt(prompt, briefing, scale, max_chars=most)
    return _judge_prompt(run, shown.message(text), prompt, shown.captions, failed=failed)


def update_q(run: Run[Any], prompt: str, tried: Sequence[Tried]) -> Question:
    """Update_q: a better I2T prompt from those tried and their scores."""
    text = questions.update_i2t_prompt(prompt, tried, max_chars=run.settings.max_i2t_chars)
    return _i2t_prompt(run, text, [attempt.prompt for attempt in tried])


def update_q_informed(run: Run[Any], prompt: str, tried: Sequence[TriedRequest]) -> Question:
    """Update_q: a better I2T prompt from those tried and all that came of them."""
    text = told.update_i2t_prompt(prompt, tried, run.problem.scale, max_chars=run.settings.max_i2t_chars)
    return _i2t_prompt(run, text, [attempt.prompt for attempt in tried])


def critique(run: Run[Any], prompt: str, shown: Shown, sample: int | None = None) -> Question:
    """A textual gradient: what is wrong with a judge prompt."""
    text = questions.critique_judge_prompt(prompt, shown.examples, run.problem.scale)
    return Question(shown.message(text), CRITIQUE, lambda new: critique_problem(new, run.settings), sample)


def edit(run: Run[Any], prompt: str, shown: Shown, reason: str, sample: int | None = None) -> Question:
    """A judge prompt, rewritten after a critique."""
    text = questions.edit_judge_prompt(
        prompt, shown.examples, reason, run.problem.scale, max_chars=run.settings.max_prompt_chars
    )
    return _judge_prompt(run, shown.message(text), prompt, shown.captions, sample)


def reword(run: Run[Any], prompt: str, sample: int | None = None) -> Question:
    """A judge prompt in other words."""
    text = questions.reword_judge_prompt(prompt, run.problem.scale, max_chars=run.settings.max_prompt_chars)
    return _judge_prompt(run, ChatMessageUser(content=text), prompt, (), sample)


def outscore(run: Run[Any], tried: Sequence[Tried], shown: Shown, sample: int | None = None) -> Question:
    """OPRO's meta-prompt: a judge prompt that should score higher than those tried."""
    text = questions.outscore_judge_prompts(
        tried, shown.examples, run.problem.scale, max_chars=run.settings.max_prompt_chars
    )
    best = max(tried, key=lambda attempt: attempt.score).prompt
    return _judge_prompt(run, shown.message(text), best, shown.captions, sample)


def _i2t_prompt(run: Run[Any], text: str, before: Sequence[str]) -> Question:
    scale, settings = run.problem.scale, run.settings
    return Question(
        ChatMessageUser(content=text), I2T_PROMPT, lambda new: i2t_prompt_problem(new, before, scale, settings)
    )


def _judge_prompt(
    run: Run[Any],
    message: ChatMessageUser,
    old: str,
    captions: Sequence[str],
    sample: int | None = None,
    failed: Iterable[str] = (),
) -> Question:
    scale, settings = run.problem.scale, run.settings
    return Question(
        message,
        JUDGE_PROMPT,
        lambda new: judge_prompt_problem(new, old, scale, captions, settings, failed),
        sample,
    )
