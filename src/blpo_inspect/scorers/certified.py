"""What a judge's verdicts say of the true rate, by the errors that its pair is certified with."""

import math

from blpo_inspect import statistics
from blpo_inspect.judging.certificate import Certificate
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.scorers.metrics import Judged, Statistics, keys
from blpo_inspect.statistics import Interval
from blpo_inspect.statistics.prediction_powered import Labelled, Unlabelled, prediction_powered
from blpo_inspect.statistics.rogan_gladen import Errors, Share, rogan_gladen


def corrected(judged: Judged, scale: LabelScale) -> Statistics:
    """The true share of each label (Rogan and Gladen), or the true mean: the verdicts' plus their mean error.

    Supposes that the judge errs on these pictures as on those of the certificate. No keys where the scores have none,
    or several.
    """
    given = [(item.score.metadata or {}).get("certified") for item in judged.scores]
    if not given or given[0] is None or any(one != given[0] for one in given):
        return {}
    certificate = Certificate.model_validate(given[0])
    if scale.ordered:
        return keys("true", _mean(judged, scale, certificate))
    found: Statistics = {}
    for label in scale.labels:
        said = Share.of([verdict == label for verdict in judged.judge], judged.clusters)
        found |= keys("true", rogan_gladen(said, _errors(certificate, label)), label)
    return found


def _errors(certificate: Certificate, label: str) -> Errors:
    hits = positives = rejected = negatives = 0
    for human, said in certificate.confusion.items():
        total, named = sum(said.values()), said.get(label, 0)
        if human == label:
            hits, positives = named, total
        else:
            rejected, negatives = rejected + total - named, negatives + total
    effect, least = certificate.design_effect, min(positives, negatives)
    return Errors(Share(hits / effect, positives / effect), Share(rejected / effect, negatives / effect), least)


def _mean(judged: Judged, scale: LabelScale, certificate: Certificate) -> Interval:
    cells = [
        (scale.value(human), scale.value(label), count)
        for human, said in certificate.confusion.items()
        for label, count in said.items()
    ]
    labelled = Labelled(
        [label for _, label, count in cells for _ in range(count)],
        human=[human for human, _, count in cells for _ in range(count)],
    )
    verdicts = Unlabelled([scale.value(label) for label in judged.judge], judged.clusters)
    # weight 1: these pictures are not those of the certificate, of which only the errors are taken
    found = prediction_powered([labelled], [verdicts], ends=scale.ends, share=False, weight=1.0)
    wider = math.sqrt(certificate.design_effect)
    low, high = (found.value + wider * (end - found.value) for end in (found.low, found.high))
    return statistics.Interval(found.value, max(low, scale.ends[0]), min(high, scale.ends[1]), found.n, found.level)
