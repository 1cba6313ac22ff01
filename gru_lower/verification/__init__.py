"""Run models in an isolated process and decide whether two of them compute the same.

``verify_rewrite`` verifies what a pass made of a model: every site (``sites``), then the whole model
(``whole_models``). Both run models (``running``) in the ``worker`` process on the same ``inputs`` and judge them by
``comparing``; ``differences`` locates where two models start to differ.
"""
