"""Model providers: local vision-language models (``hf-vlm``)."""
