"""`imported/NAME`: a judge that was asked elsewhere, not here; Inspect scores no log without its model."""

from inspect_ai.model import ChatMessage, GenerateConfig, ModelAPI, ModelOutput, modelapi
from inspect_ai.tool import ToolChoice, ToolInfo

from blpo_inspect._util.inspect_internals import PrerequisiteError


@modelapi(name="imported")
class ImportedAPI(ModelAPI):
    """The judge of an imported log."""

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        """Refuse.

        Raises:
            PrerequisiteError: Always.
        """
        raise PrerequisiteError(
            f"imported/{self.model_name} was asked elsewhere: blpo import made its log, and it answers nothing new"
        )
