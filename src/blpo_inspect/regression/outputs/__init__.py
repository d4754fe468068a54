"""What a check says, for people and for programs: terminal, JUnit XML, JSON and a Markdown summary."""

from blpo_inspect.regression.outputs.as_json import as_json
from blpo_inspect.regression.outputs.junit import junit
from blpo_inspect.regression.outputs.markdown import summary_of as markdown

__all__ = ["as_json", "junit", "markdown"]
