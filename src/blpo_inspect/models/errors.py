"""What can go wrong with a local model for every sample alike, as two exceptions whose messages say what to do.

What one sample's own images or text make impossible is an `UnanswerableError`. None is ever retried: the same call
would fail the same way.
"""

from blpo_inspect._util.inspect_internals import PrerequisiteError


class CheckpointError(PrerequisiteError, ValueError):
    """The checkpoint or a model argument cannot be used; no sample can be answered with it."""


class RequestError(ValueError):
    """This model cannot answer requests of this form or with these settings, whatever the sample."""
