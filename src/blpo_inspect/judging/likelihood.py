"""A judge's log-probabilities → how probable each label was: P(label | image, prompt) of BLPO's objective.

Those that the provider computed itself, else, for judges that answer with the label as `LabelScale.instruction` asks,
from the alternatives listed at the answer's first token. Does not ask models (`solvers`) and does not read answers
(`labels`).
"""

import math
from collections.abc import Mapping, Sequence

from inspect_ai.model import Logprob, ModelOutput

from blpo_inspect.judging.label_lexer import LabelLexer
from blpo_inspect.judging.labels import LabelScale

LABEL_LOGPROBS = "label_logprobs"
"""Where an output's metadata hold what a provider computed itself: label → ln P(the answer begins with the label), None
for a probability of 0."""


def label_probabilities(output: ModelOutput, scale: LabelScale) -> Mapping[str, float] | None:
    """The probability of each label: the provider's own, else from the log-probabilities of the answer's tokens.

    A provider's own (`LABEL_LOGPROBS`) are divided by their sum. A label without one has probability 0, not a bound as
    below: the provider looked at all labels, so nothing about it is left open. From tokens:

    1. The place is that of the first token that is more than white space, quotes and markdown. Everything is
       conditional on the tokens before it.
    2. There, each listed alternative and the produced token itself count for the labels that they fit: a token fits a
       label if the label or one of its aliases begins with it (``un`` fits ``unsafe``), or if it begins with the label
       as a whole word (``safe.`` fits ``safe``, ``safely`` does not). Case, and white space, quotes and markdown before
       it, do not matter, so ``Safe`` and ``·safe`` add up. Alternatives that fit no label count for nothing.
    3. A token that fits several labels (``1`` of 1 and 10) shares its mass equally among them. If it is the produced
       one, the alternatives listed at the next token say the shares instead, and so on until one label is left; where
       the answer ends before, the label that it states takes all.
    4. A label without any mass gets an upper bound: the smallest probability listed, or what all that are listed leave
       of 1 if that is less.
    5. All is divided by its sum.

    A label of several tokens is judged by its first ones only, until no other label fits: if ``un`` is produced and
    only ``unsafe`` begins so, its whole mass counts for ``unsafe``, also the part that would have gone on with
    ``clear``. For alternatives that were not produced no later token is known at all.

    Does not work for answers that reason first, in the open or in think tags: there the probability of the label lies
    at another token, and depends on the reasoning.

    Args:
        output: The judge's output, asked for as `answer_mode.answer_config` says or with ``logprobs`` and as many
            ``top_logprobs`` as the provider gives. Only the first choice counts.
        scale: The scale of labels.

    Returns:
        Label → probability in the order of the scale, each 0 to 1, with sum 1. None where the output has no
        probabilities of either kind, where the answer does not begin with a label, and for a numeric scale, which lists
        no labels.
    """
    own = _own(output, scale)
    if own is not None:
        return own
    choice = output.choices[0] if output.choices else None
    if choice is None or choice.logprobs is None or not scale.labels:
        return None
    lexer = LabelLexer({label: label for label in scale.labels} | dict(scale.aliases))
    content = choice.logprobs.content
    start = next((i for i, step in enumerate(content) if lexer.undecorated(step.token)), None)
    if start is None or not lexer.fitting("".join(step.token for step in content[start:])):
        return None
    mass = _shares(lexer, content, start, "", frozenset(scale.labels))
    if not mass:
        return None
    listed = _alternatives(content[start])
    bound = max(0.0, min(*listed.values(), 1 - sum(listed.values())))
    found = {label: mass.get(label) or bound for label in scale.labels}
    total = sum(found.values())
    return {label: value / total for label, value in found.items()}


def negative_log_likelihood(probabilities: Mapping[str, float], human: str, *, floor: float = 1e-6) -> float:
    """-ln P(human label), the loss of one sample in BLPO's objective (arXiv 2602.11340, equation 1).

    Args:
        probabilities: From `label_probabilities`.
        human: The label that people gave.
        floor: The least probability that counts, above 0 and up to 1, so that one certain error does not weigh more
            than all other samples.

    Returns:
        The loss in nats, 0 to -ln(floor).

    Raises:
        ValueError: The label is not among the probabilities, or the floor is out of range.
    """
    if human not in probabilities:
        raise ValueError(f"no probability of label {human!r}; there are {', '.join(map(repr, probabilities))}")
    if not 0 < floor <= 1:
        raise ValueError(f"floor must be above 0 and at most 1, not {floor}")
    return max(0.0, -math.log(max(probabilities[human], floor)))


def _own(output: ModelOutput, scale: LabelScale) -> dict[str, float] | None:
    """What the provider computed itself; None where it did not, and for anything else of that name: logs hold a lot."""
    stated = (output.metadata or {}).get(LABEL_LOGPROBS)
    if not isinstance(stated, Mapping):
        return None
    logs = {label: -math.inf if stated.get(label) is None else stated[label] for label in scale.labels}
    if not all(isinstance(log, int | float) and log < math.inf for log in logs.values()):  # no NaN either
        return None
    most = max(logs.values(), default=-math.inf)
    if most == -math.inf:
        return None
    # relative to the largest, so that labels that are all improbable still compare
    shares = {label: math.exp(log - most) for label, log in logs.items()}
    return {label: share / sum(shares.values()) for label, share in shares.items()}


def _shares(
    lexer: LabelLexer, content: Sequence[Logprob], position: int, before: str, labels: frozenset[str]
) -> dict[str, float]:
    """The mass of the alternatives at a position after the text `before`, by label; only of these labels."""
    mass: dict[str, float] = {}
    produced = content[position].token
    for token, probability in _alternatives(content[position]).items():
        # the end of an answer may be listed as an empty text
        fitting = lexer.fitting(before + (token or "\n")) & labels
        shares = dict.fromkeys(fitting, 1.0)
        if len(fitting) > 1 and token == produced:
            shares = _resolved(lexer, content, position + 1, before + token, fitting) or shares
        total = sum(shares.values())
        if probability > 0:
            for label, share in shares.items():
                mass[label] = mass.get(label, 0.0) + probability * share / total
    return mass


def _resolved(
    lexer: LabelLexer, content: Sequence[Logprob], position: int, text: str, labels: frozenset[str]
) -> dict[str, float]:
    """How the produced tokens share a mass among labels; empty where they do not say it."""
    if position < len(content):
        return _shares(lexer, content, position, text, labels)
    return dict.fromkeys(lexer.fitting(text + "\n") & labels, 1.0)


def _alternatives(step: Logprob) -> dict[str, float]:
    """Token → probability: what is listed, and the produced token if it is not."""
    found = {step.token: math.exp(min(step.logprob, 0.0))}
    listed: dict[str, float] = {}
    for other in step.top_logprobs or []:
        # different tokens may look the same
        listed[other.token] = listed.get(other.token, 0.0) + math.exp(min(other.logprob, 0.0))
    return found | listed
