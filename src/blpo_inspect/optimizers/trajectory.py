"""The steps of a run, JSON-ready: kept in the result's provenance and shown while the run goes on.

All methods use the same form; a method leaves out what it does not have. Holds no clock times
and does not say which calls were replayed, so that a rerun gives the same bytes.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from blpo_inspect.optimizers.proposal import Rejection


@dataclass(frozen=True)
class Candidate:
    """One candidate of a step, with its score and fate.

    Attributes:
        number: Its place in the step; of BLPO 0 is the I2T prompt that the step began with, 1 to K are new.
        prompt: The judge prompt; None where no proposal was accepted.
        i2t: The I2T prompt that led to it, where those are what is searched.
        parent: The candidate that it was made from, where a step begins with several (of ProTeGi ``number`` in the
            step, of GEPA in the whole run).
        critique: What the optimizer said is wrong with the parent.
        score: The method's own, higher is better: by how much the prompt lowers the loss on the batch (BLPO), how well
            it did on training images from 0 to 100 (OPRO) or from 0 to 1 (ProTeGi), the sum over the minibatch (GEPA).
            None where it was not needed, or where there is no prompt to score.
        kept: Whether it is in the pool of the next step, where there is a pool.
        rejected: The proposals that were not accepted.
        error: Standard error of the score, where there is one.
        partial: Whether scoring ended early, as the candidate could not be one of the best any more; the score is then
            the highest that it could have had.
        note: Why there is no prompt, where none was asked for or none could be used.
    """

    number: int
    prompt: str | None = None
    i2t: str | None = None
    parent: int | None = None
    critique: str | None = None
    score: float | None = None
    kept: bool | None = None
    rejected: tuple[Rejection, ...] = ()
    error: float | None = None
    partial: bool = False
    note: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        plain: dict[str, Any] = {"number": self.number, "prompt": self.prompt}
        for name in ("i2t", "parent", "critique", "note", "kept"):
            if getattr(self, name) is not None:
                plain[name] = getattr(self, name)
        if self.score is not None:
            plain["score"] = round(self.score, 6)
        if self.error is not None and math.isfinite(self.error):
            plain["error"] = round(self.error, 6)
        if self.partial:
            plain["partial"] = True
        if self.rejected:
            plain["rejected"] = [{"reason": proposal.reason, "text": proposal.text} for proposal in self.rejected]
        return plain


@dataclass(frozen=True)
class Step:
    """One step of a method.

    Attributes:
        number: From 1.
        prompt: The judge prompt that the step began with; of a pool its best.
        i2t: The I2T prompt that it began with.
        judged: Training items judged to find the errors.
        error_rate: Share of them that were misjudged.
        train_loss: Mean loss on the items judged; None where the step judged none.
        shown: Ids of the items that the optimizer saw or read about.
        fresh_errors: Ids of further misjudged items that took part in scoring.
        anchors: Ids of correctly judged items that took part in scoring.
        candidates: The candidates that were tried.
        chosen: ``number`` of the best candidate, if there was one.
        validation_loss: Mean loss of its prompt on the validation split, as far as that was judged.
        validation: By how much that is less than the loss of the best pair so far on the same images, with the standard
            error and the number of images (`contest.Contest.to_dict`), where the two were compared in parts.
        accepted: Whether it became the best pair so far.
        reason: The reason for that, in words.
        calls: Model calls of the run up to the end of this step.
    """

    number: int
    prompt: str
    i2t: str
    judged: int = 0
    error_rate: float = 0.0
    train_loss: float | None = None
    shown: tuple[str, ...] = ()
    fresh_errors: tuple[str, ...] = ()
    anchors: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    chosen: int | None = None
    validation_loss: float | None = None
    validation: Mapping[str, Any] | None = None
    accepted: bool = False
    reason: str = ""
    calls: int = 0

    def with_candidate(self, candidate: Candidate) -> "Step":
        """The step with one candidate more."""
        return self.with_candidates([candidate])

    def with_candidates(self, candidates: Iterable[Candidate]) -> "Step":
        """The step with more candidates."""
        return replace(self, candidates=(*self.candidates, *candidates))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {
            "step": self.number,
            "prompt": self.prompt,
            "i2t": self.i2t,
            "judged": self.judged,
            "error_rate": round(self.error_rate, 6),
            "train_loss": _rounded(self.train_loss),
            "shown": list(self.shown),
            "fresh_errors": list(self.fresh_errors),
            "anchors": list(self.anchors),
            "candidates": [candidate.to_dict() for candidate in self.candidates],
            "chosen": self.chosen,
            "validation_loss": _rounded(self.validation_loss),
            **({} if self.validation is None else {"validation": dict(self.validation)}),
            "accepted": self.accepted,
            "reason": self.reason,
            "calls": self.calls,
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
