"""A program that has begun, and does not end by itself."""

import signal

if __name__ == "__main__":
    signal.pause()
