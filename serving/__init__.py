"""Trained models answer: batches of pictures, run by onnxruntime, without torch, HTTP or SQL.

`Predictor` is the door; `ServedModel` says what is to answer.
"""

from serving.errors import Busy, Closed, ModelUnavailable, ModelUnusable, PredictionError
from serving.limits import Limits
from serving.predictor import Predictor
from serving.results import ImageRefused, LabelProbability, Prediction, Predictions
from serving.served_model import ServedModel

__all__ = [
    "Busy",
    "Closed",
    "ImageRefused",
    "LabelProbability",
    "Limits",
    "ModelUnavailable",
    "ModelUnusable",
    "Prediction",
    "PredictionError",
    "Predictions",
    "Predictor",
    "ServedModel",
]
