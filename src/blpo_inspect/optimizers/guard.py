"""Which proposed prompts are accepted: each check says in words why not, for the optimizer to read.

Judges the text of a proposal only, not how well it works.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.prompts import placeholders
from blpo_inspect.optimizers.delimiters import reserved_tag
from blpo_inspect.optimizers.guard_remarks import asked_elsewhere, remark
from blpo_inspect.optimizers.guard_scale import scale_problem
from blpo_inspect.optimizers.settings import Settings

_COMMON = (
    "a an the this that these those there here it its he she they his her we you i of in on at to from for with by "
    "as into onto over under above below behind between around near next and or but not no nor so than then if is "
    "are was were be been has have had do does did can may will would should must which who what where when while "
    "all any both each some such only very more most also out up down off about one two other another them"
)
_STOP_WORDS = frozenset(_COMMON.split())
"""Words that two texts share though neither is copied from the other."""


def judge_prompt_problem(
    new: str,
    old: str,
    scale: LabelScale,
    captions: Iterable[str],
    settings: Settings,
    failed: Iterable[str] = (),
) -> str | None:
    """Why a proposed judge prompt cannot be used; None if it can.

    Args:
        new: The proposal.
        old: The prompt in force, which it is to replace.
        scale: The labels, which a prompt leaves alone.
        captions: The captions that the optimizer read, from which it may not copy.
        settings: Limits of length and copying.
        failed: Prompts that were tried in place of the old one and did not hold on other images.
    """
    return (
        _unusable(new, settings.max_prompt_chars)
        or _other_placeholders(new, old)
        or _unchanged(new, [old], "the instruction in force")
        or remark(new)
        or scale_problem(new, old, scale)
        or _copied(new, old, captions, settings.copied_words)
        or ("it was tried before and did not help with other images" if _same(new, failed) else None)
    )


def i2t_prompt_problem(new: str, tried: Sequence[str], scale: LabelScale, settings: Settings) -> str | None:
    """Why a proposed I2T prompt cannot be used; None if it can.

    Args:
        new: The proposal.
        tried: Those that were tried before.
        scale: The labels, for which a request does not ask.
        settings: Limit of length.
    """
    named = placeholders(new)
    return (
        _unusable(new, settings.max_i2t_chars)
        or (f"it has braces ({_in_braces(named)}), and a request has no placeholders" if named else None)
        or _unchanged(new, tried, "a request that was tried")
        or remark(new)
        or asked_elsewhere(new, scale)
    )


def critique_problem(new: str, settings: Settings) -> str | None:
    """Why a critique cannot be used; None if it can. It may be as long as a judge prompt."""
    return _unusable(new, settings.max_prompt_chars)


def _unusable(new: str, limit: int) -> str | None:
    if not new.strip():
        return "it is empty"
    if len(new) > limit:
        return f"it has {len(new)} characters, and {limit} are allowed"
    broken = next((char for char in new if unicodedata.category(char) in ("Cc", "Cs") and char not in "\t\n\r"), None)
    if broken is not None:
        return f"it has a character that is no text (U+{ord(broken):04X})"
    tag = reserved_tag(new)
    return f"it has the tag {tag}, which belongs to the question" if tag else None


def _other_placeholders(new: str, old: str) -> str | None:
    wanted, named = placeholders(old), placeholders(new)
    if named - wanted:
        return (
            f"it has placeholders that the instruction does not have: {_in_braces(named - wanted)}; write {{{{ and }}}}"
            " for braces that stand for themselves"
        )
    if wanted - named:
        return f"it lost the placeholder {_in_braces(wanted - named)}"
    return None


def _unchanged(new: str, before: Iterable[str], what: str) -> str | None:
    return f"it says the same as {what}" if _same(new, before) else None


def _same(new: str, before: Iterable[str]) -> bool:
    """Whether a prompt is one of these, but for case and white space."""
    return any(" ".join(new.split()).casefold() == " ".join(old.split()).casefold() for old in before)


def _copied(new: str, old: str, captions: Iterable[str], run: int) -> str | None:
    own = _words(new)
    proposed = _runs(own, run) - _runs(_words(old), run)
    for caption in captions:
        shared = proposed & _runs(_words(caption), run)
        if shared:
            first = next(words for words in _in_order(own, run) if words in shared)
            return f'it copies from a description ("{" ".join(first)}"); state what holds for images in general'
    return None


def _words(text: str) -> list[str]:
    return [word.casefold() for word in re.findall(r"\w+", text)]


def _runs(words: Sequence[str], length: int) -> set[tuple[str, ...]]:
    """The runs of a length that are not mostly stop words."""
    return {run for run in _in_order(words, length) if 2 * sum(word in _STOP_WORDS for word in run) <= length}


def _in_order(words: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    return (tuple(words[start : start + length]) for start in range(len(words) - length + 1))


def _in_braces(names: Iterable[str]) -> str:
    return ", ".join(name if name in ("{", "}") else "{" + name + "}" for name in sorted(names))
