"""Makes the machine of a job, out of what was kept with it when it began."""

from __future__ import annotations

from collections.abc import Sequence

from harpcaller.adapters.cumulus.ending import overdue
from harpcaller.adapters.cumulus.errors import CumulusError
from harpcaller.adapters.cumulus.execution import Execution, Steps
from harpcaller.adapters.cumulus.known_secrets import KnownSecrets
from harpcaller.adapters.cumulus.loading import read_run
from harpcaller.adapters.cumulus.machine import StepsMachine
from harpcaller.adapters.cumulus.procedures import steps_of
from harpcaller.adapters.cumulus.submission import (
    VALIDATE,
    Submission,
    check_names,
    read_submission,
)
from harpcaller.adapters.cumulus.validating import problems_of
from harpcaller.adapters.machine import Action, End
from protocol import outcome as ends
from protocol.call import Call
from protocol.errors import ErrorType
from protocol.job import JobId
from protocol.jsontext import decode, encode
from protocol.outcome import Failed, Outcome, Raised, Returned


def make_machine(kept: bytes, job_id: JobId, call: Call) -> StepsMachine:
    """Return the machine that carries a call out."""
    try:
        run = read_run(kept)
    except ValueError:
        message = "its workflow was kept by a dispatcher of another version"
        return _ending(Failed(type=ErrorType.MISSING_RESULT, message=message))
    try:
        submission = read_submission(call)
        if submission.procedure == VALIDATE:
            problems = problems_of(submission.message, run.workflow)
            return _ending(Returned(encode(problems)))
        # It may have been waiting while a reload took away what it was admitted for.
        workflow = check_names(submission, run.workflow)
    except CumulusError as error:
        return _ending(Raised(type=error.type, message=error.message))
    secrets = KnownSecrets(run.rules.secret_keys)
    return _running(Execution(job_id, run.rules, workflow, secrets), submission, call)


def _running(execution: Execution, submission: Submission, call: Call) -> StepsMachine:
    for sealed in call.sealed:  # whatever it is called, and all that is in it
        execution.secrets.learn_below(decode(sealed.value))
    max_exec_s = call.max_exec_s or execution.rules.max_exec_s

    def end_overdue() -> Outcome:
        return overdue(execution, max_exec_s)

    return StepsMachine(steps_of(execution, submission), end_overdue)


def _ending(outcome: Outcome) -> StepsMachine:
    """Return a machine that ends at once."""

    def steps() -> Steps[Sequence[Action]]:
        yield from ()
        return [End(outcome)]

    return StepsMachine(steps(), ends.Cancelled)
