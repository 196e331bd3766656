"""What people take home of a trained model: one HTML file that classifies offline, one Python file, and a model card.

All are made of an ONNX file and the trained model's manifest, and equal inputs give equal bytes. Torch-free, with numpy
and the standard library alone.
"""
