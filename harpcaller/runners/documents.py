"""Documents that are kept beside a job until it ends."""

from __future__ import annotations

from harpcaller.store import Store, StoreError
from harpcaller.store.repeat import until_done
from protocol.errors import ErrorType, WireError
from protocol.job import JobId


async def keep_document(store: Store, job_id: JobId, name: str, body: bytes) -> None:
    """Make a document durable beside a running job.

    Raises:
        WireError: `os_error`, it could not be kept.
    """
    try:
        await until_done(lambda: store.put_doc(job_id, name, body))
    except StoreError as error:
        raise WireError(
            ErrorType.OS_ERROR,
            f"the dispatcher could not keep a document: {error}",
            {"code": "storage"},
        ) from error
