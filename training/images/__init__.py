"""Single images: from an image file of any kind to pixels, and what identifies an image by its content. Torch-free,
with Pillow and numpy alone: training, the validation of data sets and the client's check decode images alike.
"""
