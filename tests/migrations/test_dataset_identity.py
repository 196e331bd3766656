"""Revision 0005: what the release before writes and reads goes on, there and back."""

from migrations import migrate
from models import Database
from tests.migrations.conftest import downgrade, execute, rows

TIME = "'2026-01-01 00:00:00'"


def job(job_id: str) -> str:
    """As the release before 0005 writes one."""
    return f"""INSERT INTO jobs (id, project, revision, tags, spec, dataset, status, priority, max_retries, devices,
                                 attempt, losses, queued_at, storage_bytes, created_at)
        VALUES ('{job_id}', 'default', 1, '[]', '{{}}', 'digits', 'queued', 5, 3, 1, 0, 0, {TIME}, 0, {TIME})"""


def test_jobs_survive_the_way_to_an_identity_and_back(empty: Database) -> None:
    migrate(empty, "0004")
    execute(empty, job("job_1"))
    migrate(empty, "0005")
    execute(empty, job("job_2"), f"UPDATE jobs SET dataset_identity = '{'5e' * 32}' WHERE id = 'job_1'")
    stored = rows(empty, "SELECT id, dataset, dataset_identity FROM jobs ORDER BY id")
    assert stored == [("job_1", "digits", "5e" * 32), ("job_2", "digits", None)]
    downgrade(empty, "0004")
    assert rows(empty, "SELECT id FROM jobs ORDER BY id") == [("job_1",), ("job_2",)]
    migrate(empty)
    assert rows(empty, "SELECT dataset_identity FROM jobs") == [(None,), (None,)]
