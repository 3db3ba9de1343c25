"""Metrics, and measuring augmenters and the harmonizers trained with them."""

from harmaug.evaluation.evaluations import evaluate_augmenter, evaluate_harmonizer
from harmaug.evaluation.figures import AugmenterEvaluation
from harmaug.evaluation.harmonizer import HarmonizerEvaluation

__all__ = [
    "AugmenterEvaluation",
    "HarmonizerEvaluation",
    "evaluate_augmenter",
    "evaluate_harmonizer",
]
