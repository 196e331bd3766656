"""A program that fails as one of the service's does that has a fault: with an exception, and slowly."""

import os
import sys
import time

if __name__ == "__main__":
    sys.stdin.buffer.readline()
    os.close(1)
    time.sleep(0.1)
    raise RuntimeError("it says where a secret lies")
