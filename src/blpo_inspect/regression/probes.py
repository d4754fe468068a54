"""Probes of a judge: does its answer stay when only the form of the question changes?

What a probe is and what it finds. `probing` asks the judge, `probe_verdicts` decides, `perturbations` changes requests.
"""

from dataclasses import dataclass, replace

from blpo_inspect.regression.perturbations import PERTURBATIONS, Perturbation
from blpo_inspect.statistics import Interval, Verdict


class ProbeError(ValueError):
    """Probes that cannot be run or read; says which and why."""


@dataclass(frozen=True)
class Probe:
    """A perturbation and how much of a judge's answers it may change.

    Attributes:
        name: Unique among the probes of a run.
        perturbation: What is done to the request.
        tolerance: The largest share of images whose answer may change, from 0 to below 1. 0: no answer may change.
        shift_tolerance: On scales with an order, how far answers may move on average, as a share of the scale's width;
            None: as far as they like.

    Raises:
        ValueError: A tolerance is out of range.
    """

    name: str
    perturbation: Perturbation
    tolerance: float
    shift_tolerance: float | None = 0.05

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance < 1:
            raise ValueError(f"probe {self.name}: tolerance must be from 0 to below 1, not {self.tolerance}")
        if self.shift_tolerance is not None and not 0 < self.shift_tolerance <= 1:
            raise ValueError(
                f"probe {self.name}: shift_tolerance must be above 0 and at most 1, not {self.shift_tolerance}"
            )


@dataclass(frozen=True)
class Change:
    """An answer that changed.

    Attributes:
        id: The sample's.
        before: The label of the request as it is; None where the answer could not be read.
        after: The label under the perturbation.
    """

    id: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class ProbeResult:
    """How a judge withstood one probe.

    Attributes:
        name: The probe's.
        n: Images.
        unread: Images of which one of the two answers could not be read; they count as changed.
        changed: The share of images whose answer changed, with Wilson's interval at 1 - 2·alpha.
        shift: The size and direction: on scales with an order the mean change of the answer's value (of those read
            both times) with a t interval; else the net change of agreement with people, with Tango's. Both after minus
            before, at 1 - 2·alpha.
        tolerance: The probe's.
        verdict: ``pass``, ``fail`` or ``inconclusive`` (`probe_result`).
        p: How likely so many changes are where the probe is within its tolerance.
        more: Where inconclusive: so many further images would decide if the share stays; None where none would.
        reason: One sentence for people.
        examples: The first `EXAMPLES` changes, in the samples' order.
    """

    name: str
    n: int
    unread: int
    changed: Interval
    shift: Interval
    tolerance: float
    verdict: Verdict
    p: float
    more: int | None
    reason: str
    examples: tuple[Change, ...]

    def doubted(self, reason: str) -> "ProbeResult":
        """The same, inconclusive, for this reason besides its own."""
        return replace(self, verdict="inconclusive", reason=f"{self.reason}; {reason}")


_FORM, _SIGHT = 0.05, 0.10

PROBES: dict[str, Probe] = {
    name: Probe(name, perturbation, _SIGHT if name in ("padded", "cropped", "brighter", "darker") else _FORM)
    for name, perturbation in PERTURBATIONS.items()
}
"""Every perturbation with a tolerance of 5 %, or 10 % where a person could see that the image is another."""
