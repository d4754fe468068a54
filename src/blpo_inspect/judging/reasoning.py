"""What a model reasoned before it answered, taken out of its reply.

One place for judges, describers and optimizers. Marks of all common families are known: think tags in their spellings
(``<think>``, ``<thought>``, ``<analysis>``, ``<seed:think>``, ``[THINK]``, ``◁think▷``, ``<|begin_of_thought|>``) and
the channels of gpt-oss. Inspect takes out what a provider reports as reasoning by itself; this is for the rest.
"""

import re

_NAMES = (
    r"(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflect(?:ion)?|analysis|scratch_?pad|inner_monologue|deliberation"
    r"|seed:think|thought_process|reasoning_content|chain_of_thought|cot)"
)
_TAG = re.compile(
    rf"<(?=[\s/a-z])\s{{0,3}}(?P<close>/)?\s{{0,3}}(?P<name>{_NAMES})(?:\s[^<>]{{0,80}})?\s{{0,3}}>"
    r"|\[\s?(?P<square_close>/)?\s?(?P<square>THINK(?:ING)?|REASONING)\s?\]"
    r"|◁\s?(?P<triangle_close>/)?\s?(?P<triangle>think(?:ing)?)\s?▷"
    r"|<\|\s?(?P<pipe>begin_of_thought|end_of_thought|begin_of_thinking|end_of_thinking|/?think(?:ing)?)\s?\|>",
    re.IGNORECASE,
)
_WORDS = ("think", "thought", "reason", "reflect", "analysis", "scratch", "inner_monologue", "deliberation", "cot")
_MAX_TAGS = 1_000
_SOLUTION = re.compile(r"<\|(?:begin|end)_of_solution\|>", re.IGNORECASE)
_CHANNEL = re.compile(r"<\|channel\|>\s{0,3}(\w{1,20})[^<]{0,80}<\|message\|>", re.IGNORECASE)
_CHANNEL_ENDS = re.compile(r"<\|(?:end|return|start|call|channel)\|>", re.IGNORECASE)


class UnfinishedReasoningError(ValueError):
    """A reply that ends within its reasoning: it has no answer."""


def without_reasoning(reply: str) -> str:
    """The reply without what its author marked as reasoning, and unchanged where nothing is marked.

    Reasoning whose opening mark is missing (some chat templates write it into the prompt) ends at its closing mark.

    Raises:
        UnfinishedReasoningError: Reasoning that was opened and not closed.
    """
    if "<|" in reply and (channels := list(_CHANNEL.finditer(reply))):
        return _final_channel(reply, channels)
    folded = reply.casefold()
    if not any(word in folded for word in _WORDS):
        return reply  # most replies: looking for tags takes longer
    kept: list[str] = []
    depth = start = 0
    for number, tag in enumerate(_TAG.finditer(reply)):
        if number > _MAX_TAGS:
            raise UnfinishedReasoningError(f"the reply has more than {_MAX_TAGS:,} marks of reasoning")
        if _closes(tag):
            if depth == 0:  # opened in the prompt
                kept.clear()
            depth = max(0, depth - 1)
            start = tag.end()
        elif depth == 0:
            kept.append(reply[start : tag.start()])
            depth = 1
    if depth:
        raise UnfinishedReasoningError("the reasoning was not finished (raise max_tokens)")
    if not start:
        return reply
    kept.append(reply[start:])
    return _SOLUTION.sub("", "\n".join(kept)).strip()


def _closes(tag: re.Match[str]) -> bool:
    pipe = (tag["pipe"] or "").casefold()
    return bool(tag["close"] or tag["square_close"] or tag["triangle_close"]) or pipe.startswith(("end", "/"))


def _final_channel(reply: str, channels: list[re.Match[str]]) -> str:
    """What gpt-oss wrote for the user: the text of its last final channel."""
    final = next((channel for channel in reversed(channels) if channel[1].casefold() == "final"), None)
    if final is None:
        raise UnfinishedReasoningError("the reasoning was not finished (raise max_tokens)")
    end = _CHANNEL_ENDS.search(reply, final.end())
    return reply[final.end() : end.start() if end else len(reply)].strip()
