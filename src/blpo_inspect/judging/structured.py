"""Structured output: the schema of a verdict, which providers hold a model to it, and whether a reply is on it.

Inspect passes a `ResponseSchema` on to providers that know the setting, and has no flag for who enforces it, so the
list is here. Its source is Inspect 0.3.285 (what each provider does with ``response_schema``) and the providers' own
pages.
"""

import json
from fnmatch import fnmatchcase

from inspect_ai.model import ModelOutput, ResponseSchema
from inspect_ai.util import JSONSchema

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.outputs import ON_SCHEMA, failure, text_of

HONOURED_BY = (
    *(
        "anthropic/*",
        "fireworks/*",
        "google/*",
        "grok/*",
        "groq/*",
        "mistral/*",
        "ollama/*",
        "openai/*",
        "openrouter/*",
    ),
    *("perplexity/*", "sagemaker/*", "sglang/*", "together/*", "vllm/*"),
    "bedrock/*anthropic*",  # for other models Inspect drops the schema
    "openai-api/*",  # whatever the server behind it does: a reply that ignores the schema is unread
)
"""Models, as ``provider/name``, whose provider is asked for a schema. Not DeepSeek: Inspect asks it for JSON only."""

CONSTRAINED = "constrained_to_labels"
"""True in the metadata of an output whose decoding a provider constrained to the labels: it is the label alone."""


def honours_schema(model: str) -> bool:
    """Whether a model's provider holds its answers to a schema."""
    return any(fnmatchcase(model, pattern) for pattern in HONOURED_BY)


def verdict_schema(scale: LabelScale) -> ResponseSchema:
    """``{"label": …}`` with one of the scale's labels."""
    label = JSONSchema(type="string", enum=list(scale.labels))
    verdict = JSONSchema(type="object", properties={"label": label}, required=["label"], additionalProperties=False)
    return ResponseSchema(name="verdict", json_schema=verdict, strict=True)


def on_schema(output: ModelOutput, scale: LabelScale) -> ModelOutput:
    """The output with a note (`outputs.ON_SCHEMA`) of the label that it states, or why it states none.

    What was asked for on a schema is not read by the grammar: a reply off the schema is unread, whatever it says.
    Reasoning that is marked as such may stand before the object. The given output is not changed.
    """
    if failure(output) is not None:
        return output
    text, reason = text_of(output)
    stated = text if (output.metadata or {}).get(CONSTRAINED) else _label(text)
    if stated in scale.labels:
        note = {"label": stated}
    else:
        note = {"reason": reason or f"the reply is off the schema: {output.completion[:80]!r}"}
    return output.model_copy(update={"metadata": {**(output.metadata or {}), ON_SCHEMA: note}})


def _label(text: str) -> str | None:
    try:
        # pairs, so that a key that stands twice is seen
        value = json.loads(text, object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        return None
    # a JSON list is a list
    if not isinstance(value, tuple) or [key for key, _ in value] != ["label"] or not isinstance(value[0][1], str):
        return None
    return value[0][1]
