"""``cached/<provider>/<model>``: any Inspect task, answered from the store.

Importing this module imports no other provider; the one inside is made when a call is not recorded.
"""

from typing import Any

from inspect_ai.model import GenerateConfig, ModelAPI, get_model, modelapi

from blpo_inspect._util.inspect_internals import provider_package
from blpo_inspect.cache.memo import CachedAPI
from blpo_inspect.cache.model_identity import Target


@modelapi(name="cached")
def cached() -> type[ModelAPI]:
    """Any other model, with its calls recorded and replayed."""
    return CachedProvider


class CachedProvider(CachedAPI):
    """Inspect's view of a recorded model.

    Args:
        model_name: ``<provider>/<model>`` of the model inside.
        base_url: For the model inside.
        api_key: For the model inside; needed only when a call is not recorded.
        config: Default generation settings.
        cache: ``readwrite``, ``offline``, ``refresh`` or ``off``; default: ``BLPO_CACHE``.
        **model_args: For the model inside.

    Raises:
        ValueError: No ``<provider>/<model>``, or no such mode.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig | None = None,
        cache: str | bool | None = None,
        **model_args: Any,
    ) -> None:
        provider, _, name = model_name.partition("/")
        if not name or provider == "cached":
            raise ValueError(f"cached/{model_name}: write cached/<provider>/<model>")
        if provider == "jury":
            raise ValueError(f"cached/{model_name}: its judges' calls are recorded already; write {model_name}")
        target = Target(provider, name, base_url, model_args)

        def create() -> ModelAPI:
            return get_model(
                model_name,
                config=config or GenerateConfig(),
                base_url=base_url,
                api_key=api_key,
                memoize=False,
                **model_args,
            ).api

        # YAML reads `off` as false
        mode = {True: "readwrite", False: "off"}[cache] if isinstance(cache, bool) else cache
        super().__init__(target, create, mode=mode)
        if provider_package(provider) == "blpo_inspect":
            self.inner()  # loads nothing, and refuses a name or an argument before the run starts
