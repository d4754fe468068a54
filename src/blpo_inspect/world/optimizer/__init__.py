"""The provider ``induction/rules``: an optimizer that works out rules from captions, without a language model."""
