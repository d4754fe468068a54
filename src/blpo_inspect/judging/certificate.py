"""What a prompt pair says of its own errors: which label a judge gave where people give which, and who that judge was.

Kept in the pair's provenance. Does not read logs (`reporting.certifying`) and does not estimate.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from blpo_inspect._util.yaml_model import Model
from blpo_inspect.cache.model_identity import VERSIONS
from blpo_inspect.judging.prompts import PromptError, PromptPair

if TYPE_CHECKING:
    from inspect_ai.model import ModelOutput

KEY = "certified"
"""Where the provenance of a pair has it."""


class Certificate(Model):
    """How a judge did on labelled pictures by this pair.

    Attributes:
        benchmark: What was judged.
        data: SHA-256 over ids, people's labels, texts and images.
        model: The judge's name.
        judges: `answered_by` of its answers.
        n: Labelled pictures.
        unread: Those of them without a verdict, which are in no cell.
        design_effect: So many times the variance of independent pictures is that of these, 1 or more.
        confusion: People's label → the judge's → number of pictures.
    """

    benchmark: str
    data: str
    model: str
    judges: list[str]
    n: int = Field(ge=1)
    unread: int = Field(ge=0)
    design_effect: float = Field(ge=1)
    confusion: dict[str, dict[str, int]]

    @classmethod
    def of(cls, pair: PromptPair) -> "Certificate | None":
        """The certificate of a pair; None where it has none.

        Raises:
            PromptError: It is none that ``blpo prompts certify`` wrote.
        """
        given = pair.provenance.get(KEY)
        if given is None:
            return None
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, (KEY, *first["loc"])))
            raise PromptError(f"provenance: {place}: {first['msg']}; certify the pair anew") from error


def answered_by(model: str, output: "ModelOutput") -> str:
    """What tells a judge that answered from others, 16 hex digits: provider, and checkpoint or the model it names.

    Versions of torch and transformers do not count, as in keys of recorded calls.
    """
    checkpoint = (output.metadata or {}).get("checkpoint")
    known: Any = output.model
    if isinstance(checkpoint, Mapping):
        known = {name: value for name, value in checkpoint.items() if name not in VERSIONS}
    provider = model.removeprefix("cached/").partition("/")[0]
    return hashlib.sha256(json.dumps([provider, known], sort_keys=True, default=str).encode()).hexdigest()[:16]
