"""Few-shot methods. To add one, write its file and name it here."""

FEATURE_METHODS = {
    "zero-shot": "zero_shot:fit",
    "logistic-regression": "logistic_regression:fit",
    "linear-probe": "linear_probe:fit",
    "clip-adapter": "clip_adapter:fit",
    "tip-adapter": "tip_adapter:fit_tip_adapter",
    "tip-adapter-f": "tip_adapter:fit_tip_adapter_f",
    "lp++": "lp_plus_plus:fit",
    "cross-modal": "cross_modal:fit",
    "gaussian": "gaussian:fit",
}
"""Methods that work on features of frozen towers: name -> module and function."""
