"""What is said of an arm that says the same of everybody."""

from __future__ import annotations

__all__ = ["CONSTANT", "MEAN", "UNTOLD"]

CONSTANT, MEAN = "prevalence", "training mean"
"""The arm that says the same of everybody, as runs call it, and what it is called where the outcome is no yes or no."""
UNTOLD = "This run cannot say what imaging adds: nothing but a constant stands beside images"
"""What is said where the reference says the same of everybody."""
