"""What a database does for a fleet of workers: claims a second, lost races, its processor's time, and what idle ones cost.

The workers are `worker.tasks.Tasks` as they are deployed, in a few processes, without trainers: each job is claimed,
recorded as started and as succeeded, and its slot goes on. Claims alone are measured as well. The database is a
PostgreSQL from a wheel with its own settings, durable ones, and as many connections as workers need.

`make bench-fleet WORKERS=10,200` keeps its result in benchmarks/results/fleet.json.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event, Thread

import psycopg

from benchmarks.fleet_worker import Told, run
from benchmarks.result import print_table, save
from jobs import lifecycle
from migrations import migrate
from models import Database
from training.spec import TrainingSpec

PROCESSES = 4  # of workers: a thread each
CONNECTIONS = 1_200
JOBS = 100_000  # that are queued before
SPEC = TrainingSpec(dataset="digits", epochs=1)
