"""How many calls Algorithm 1 of arXiv 2602.11340 takes for the steps of a run, if nothing is remembered within it.

Read off the run's record (`provenance`): its trajectory says which images each outer step showed and scored, which
candidates it tried and which proposals were refused. Someone who writes the algorithm down as it stands asks, in each
outer step t under the judge prompt p:

- judge: every training image under p, to find the errors;
- for each I2T prompt q that is tried: i2t for a caption of each image shown, the optimizer once for p′, and the judge
  for every image of the minibatch under p and under p′, whose losses the score compares;
- the optimizer once for each new q;
- for the outer update with the best q: i2t for the captions, and the optimizer, once more;
- judge: every validation image under the new prompt, where one was validated, and once under the first pair (a setting
  of ours, `validation_calls`).

Every question to the optimizer that was repeated because its answer was refused comes on top: both kinds of
implementation repeat it. Not counted, on either side: the test split, which is no part of the algorithm.

This is `blpo.naive_calls` by role. That one counts tried candidates as if no proposal had been refused: it leaves out
repeated questions, and takes the judgements of a p′ that was never accepted to be made; here they are not.
"""

from collections.abc import Mapping
from typing import Any


def naive_calls(provenance: Mapping[str, Any]) -> dict[str, int]:
    """Calls by role, without the test split.

    Args:
        provenance: Of the prompt pair that a run of BLPO with an I2T prompt of its own left.
    """
    sizes = provenance["benchmark"]["sizes"]
    judge = validation_calls(provenance)
    i2t = optimizer = 0
    for step in provenance["trajectory"]:
        shown = len(step["shown"])
        batch = shown + len(step["fresh_errors"]) + len(step["anchors"])
        judge += sizes["train"]
        for candidate in step["candidates"]:
            optimizer += len(candidate.get("rejected", ()))
            if candidate["number"] > 0 and "i2t" in candidate:
                optimizer += 1
            if "i2t" in candidate:
                i2t += shown
            if candidate["prompt"] is not None:
                optimizer += 1
                judge += 2 * batch if "score" in candidate else 0
        if any(candidate["prompt"] is not None for candidate in step["candidates"]):
            i2t += shown
            optimizer += 1
    return {"judge": judge, "i2t": i2t, "optimizer": optimizer}


def validation_calls(provenance: Mapping[str, Any]) -> int:
    """Those of the judge on the validation split; nothing that is remembered saves one, as no prompt comes twice."""
    validated = sum(step["validation_loss"] is not None for step in provenance["trajectory"])
    first = 1 if provenance["validation_loss"] else 0
    return int(provenance["benchmark"]["sizes"]["validation"]) * (first + validated)
