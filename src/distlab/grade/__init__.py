"""The machinery of grading: scenarios, promises, mutants, minimiser, reports. What labs demand is in ``grading/``."""
