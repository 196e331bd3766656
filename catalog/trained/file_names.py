"""The files of trained models and of their evaluations, by the names that users see."""

MANIFEST = "manifest.json"  # made when it is asked for; all others are stored
WEIGHTS, BEST_WEIGHTS = "weights.safetensors", "best.safetensors"
PREDICTIONS = "predictions.safetensors"
ONNX, INT8, PAGE, PROGRAM, PT2 = "model.onnx", "model.int8.onnx", "model.html", "model.py", "model.pt2"
EVALUATION, CARD = "evaluation.json", "MODEL_CARD.md"  # with any export
REPORT, MISTAKES = "report.json", "mistakes.png"  # of an evaluation
