"""From the images of an archive to a data set and the report on it. Torch-free.

The service's validation and the client's check run the same code, so that they find the same: `examining` looks at
images, `assembly` arranges them, and `checking` does all of it for a file on this machine.
"""
