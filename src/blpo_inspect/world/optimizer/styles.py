"""How an answer is written: ``plain``, or ``llm``, the same idea in the style of language models.

A prompt in one of the written forms is first put back into plain words, the idea is found as ever, and it is then
written in a form that is drawn. Nothing is found that the plain style would not find.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from blpo_inspect.world.optimizer import i2t_search, request_forms
from blpo_inspect.world.optimizer.answering import find, in_force
from blpo_inspect.world.optimizer.choosing import Sampling
from blpo_inspect.world.optimizer.framing import Draw, decorated, framed, undecorated
from blpo_inspect.world.optimizer.question_parser import CRITIQUE, I2T_PROMPT, NO_CHANGE, ParsedQuestion
from blpo_inspect.world.optimizer.restating import in_forms, in_plain_words

Style = Literal["plain", "llm"]


def styled_answer(question: ParsedQuestion, sampling: Sampling, draw: Draw) -> str:
    """The answer to a question in the style of language models.

    Args:
        question: As it was asked; its prompts may be in any of the written forms.
        sampling: Chooses the idea.
        draw: Chooses how it is written.
    """
    found = find(_in_plain_words(question), sampling)
    if found.text is None and question.may_stay:
        return f"{found.reason}\n\n{NO_CHANGE}"
    if found.text is None:
        text = in_force(question)
    elif question.tag == CRITIQUE:
        text = found.text  # an edit goes by it, word for word
    else:
        text = _written(question, found.text, draw)
        dressed = decorated(draw, text)
        text = dressed if question.max_chars is None or len(dressed) <= question.max_chars else text
    return framed(draw, question.tag, text, found.reason, found.others)


def _written(question: ParsedQuestion, idea: str, draw: Draw) -> str:
    """The idea in the first of the drawn forms that is short enough and not a text that was there before."""
    if question.tag == I2T_PROMPT:
        forms = request_forms.forms(i2t_search.asked(idea))
    else:
        forms = in_forms(idea, question.labels, ordered=question.ordered)
    before = {undecorated(text) for text in _texts(question)}
    fits = [
        text for text in forms if text not in before and (question.max_chars is None or len(text) <= question.max_chars)
    ]
    return draw.order(fits, "form")[0] if fits else idea


def _texts(question: ParsedQuestion) -> Sequence[str]:
    scored = (*question.tried, *question.instructions)
    return (question.current, *question.earlier, *question.known, *(attempt.text for attempt in scored))


def _in_plain_words(question: ParsedQuestion) -> ParsedQuestion:
    def plain(text: str) -> str:
        return in_plain_words(text, question.labels, ordered=question.ordered)

    if question.tag == CRITIQUE:
        return replace(question, current=plain(question.current))
    if question.tag == I2T_PROMPT:
        # an earlier answer counts by what it asks for
        earlier, known = (
            tuple(i2t_search.request(i2t_search.asked(text)) for text in texts)
            for texts in (question.earlier, question.known)
        )
        return replace(question, earlier=earlier, known=known)
    return replace(
        question,
        current=plain(question.current),
        instructions=tuple(replace(scored, text=plain(scored.text)) for scored in question.instructions),
        earlier=tuple(map(plain, question.earlier)),
        known=tuple(map(plain, question.known)),
    )
