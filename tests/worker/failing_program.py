"""A program that fails as one of the service's may: slowly with an exception, or by the signal END_BY."""

import os
import sys
import time

if __name__ == "__main__":
    sys.stdin.buffer.readline()
    os.close(1)
    time.sleep(0.1)
    if number := os.environ.get("END_BY"):
        os.kill(os.getpid(), int(number))
    raise RuntimeError("it says where a secret lies")
