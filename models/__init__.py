"""What the database holds.

"Model" in this code base always means a database model: a row of one of these tables. A neural network is a
*network*, and its choice in a spec is the *architecture*.
"""

from models.audits import Audit
from models.base import DEFAULT_PROJECT, Base
from models.database import Database
from models.datasets import Dataset, DatasetVersion, StorageUse, Task, Upload, UploadPart
from models.deployment import REVISION, Deployment, Schema
from models.outages import (
    DatabaseBusy,
    DatabaseChanged,
    DatabaseConnectionsExhausted,
    DatabaseDamaged,
    DatabaseFull,
    DatabaseMissing,
    DatabaseOutdated,
    DatabaseReadOnly,
    DatabaseRefused,
    DatabaseUnavailable,
    log_outage,
)
from models.session import EVERY_PROJECT, ProjectSession, insert_for
from models.status import ACTIVE, TERMINAL, TRANSITIONS, AuditStatus, JobStatus, Request, TaskStatus, VersionStatus
from models.sweeps import Sweep
from models.tables import (
    DEFAULT_MAX_RETRIES,
    DEFAULT_PRIORITY,
    DEVICE_KIND,
    Attempt,
    Checkpoint,
    Epoch,
    Event,
    Job,
    JobTag,
    Step,
    Worker,
)
from models.tenants import ApiKey, DeviceUse, IdempotencyKey, Project, UsageEntry, Webhook, WebhookDelivery
from models.trained import ModelAlias, ModelAliasMove, ModelName, ModelTask, ModelVersion, TrainedModel

__all__ = [
    "ACTIVE",
    "DEFAULT_MAX_RETRIES",
    "DEFAULT_PRIORITY",
    "DEFAULT_PROJECT",
    "DEVICE_KIND",
    "EVERY_PROJECT",
    "REVISION",
    "TERMINAL",
    "TRANSITIONS",
    "ApiKey",
    "Attempt",
    "Audit",
    "AuditStatus",
    "Base",
    "Checkpoint",
    "Database",
    "DatabaseBusy",
    "DatabaseChanged",
    "DatabaseConnectionsExhausted",
    "DatabaseDamaged",
    "DatabaseFull",
    "DatabaseMissing",
    "DatabaseOutdated",
    "DatabaseReadOnly",
    "DatabaseRefused",
    "DatabaseUnavailable",
    "Dataset",
    "DatasetVersion",
    "Deployment",
    "DeviceUse",
    "Epoch",
    "Event",
    "IdempotencyKey",
    "Job",
    "JobStatus",
    "JobTag",
    "ModelAlias",
    "ModelAliasMove",
    "ModelName",
    "ModelTask",
    "ModelVersion",
    "Project",
    "ProjectSession",
    "Request",
    "Schema",
    "Step",
    "StorageUse",
    "Sweep",
    "Task",
    "TaskStatus",
    "TrainedModel",
    "Upload",
    "UploadPart",
    "UsageEntry",
    "VersionStatus",
    "Webhook",
    "WebhookDelivery",
    "Worker",
    "insert_for",
    "log_outage",
]
