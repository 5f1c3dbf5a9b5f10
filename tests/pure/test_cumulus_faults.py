"""By which names an end of a call is retried and caught."""

from __future__ import annotations

from typing import Any

import pytest
from cumulus_runs import (
    a_case,
    a_flow,
    a_list,
    a_task,
    carried_out,
    failure_of,
)

from protocol.outcome import Raised


def retried(outcome: Any, *names: str) -> bool:
    """Tell whether a call that ends so is made again by a retrier of these names."""
    task = {"name": "A", "host": "h", "retry": [{"ErrorEquals": [*names]}]}
    world, _ = carried_out(a_case(a_list(task), {"A": [outcome, {"result": 1}]}))
    return len(world.calls) > 1


def caught(outcome: Any, name: str, **task: Any) -> bool:
    """Tell whether a call that ends so is caught by a name."""
    catch = [{"ErrorEquals": [name], "Next": "Caught"}]
    states = {"A": a_task(Catch=catch, **task), "Caught": {"Type": "Succeed"}}
    _, end = carried_out(a_case(a_flow(**states), {"A": [outcome]}))
    return not isinstance(end, Raised)


def error(type_: str, **data: Any) -> dict[str, Any]:
    """Return an error of a call as it is on the wire."""
    told: dict[str, Any] = {"type": type_, "message": "words"}
    return {"error": told | ({"data": data} if data else {})}


RAISED = {"exception": {"type": "ValueError", "message": "words"}}
SILENT = error("timeout", limit="timeout")
LONG = error("timeout", limit="max_exec_time")
LAMBDA = (
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
)
NAMES = [
    (RAISED, {"ValueError", "States.TaskFailed", "States.ALL"}),
    (
        error("network_error"),
        {"HarpCaller.NetworkError", *LAMBDA, "States.TaskFailed", "States.ALL"},
    ),
    (
        error("overloaded"),
        {"HarpCaller.Overloaded", *LAMBDA, "States.TaskFailed", "States.ALL"},
    ),
    (SILENT, {"States.HeartbeatTimeout", "States.Timeout", "States.ALL"}),
    (LONG, {"States.Timeout", "States.ALL"}),
    (error("timeout"), {"States.Timeout", "States.ALL"}),
    (error("missing_result"), {"HarpCaller.Lost"}),
    ({"cancelled": True}, {"HarpCaller.Cancelled"}),
    (
        error("os_error"),
        {"HarpCaller.OSError", "Lambda.Unknown", "States.TaskFailed", "States.ALL"},
    ),
    (
        error("no_such_procedure"),
        {
            "HarpCaller.NoSuchProcedure",
            "Lambda.Unknown",
            "States.TaskFailed",
            "States.ALL",
        },
    ),
]
EVERY_NAME = sorted(set().union(*(names for _, names in NAMES)))


@pytest.mark.parametrize(("outcome", "names"), NAMES)
def test_a_retrier_knows_an_end_by_these_names_and_no_others(
    outcome: Any, names: set[str]
) -> None:
    """Existing Retry blocks keep working; what may have run is not run again."""
    matching = {name for name in EVERY_NAME if retried(outcome, name)}

    assert matching == names


@pytest.mark.parametrize(("outcome", "names"), NAMES)
def test_a_catcher_knows_an_end_by_the_same_names(
    outcome: Any, names: set[str]
) -> None:
    """But for a lost call: who catches all of them may go on without it."""
    if outcome == error("missing_result"):
        names = names | {"States.ALL"}

    matching = {name for name in EVERY_NAME if caught(outcome, name)}

    assert matching == names


def test_a_workers_own_word_becomes_a_name() -> None:
    """Who reads a failure sees which worker's error it was."""
    type_, _ = failure_of(a_case(a_list("A"), {"A": [error("disk_full_up")]}))

    assert type_ == "HarpCaller.DiskFullUp"


def test_an_error_of_the_adapter_is_never_retried() -> None:
    """It would come out the same again."""
    task = {
        "name": "A",
        "host": "h",
        "output_format": "null",
        "retry": [{"ErrorEquals": ["States.ALL"]}],
    }

    world, _ = carried_out(a_case(a_list(task), {"A": [{"result": 1}]}))

    assert len(world.calls) == 1


@pytest.mark.parametrize(
    ("name", "parameters", "by_all"),
    [
        ("States.ParameterPathFailure", {"x.$": "$.nope"}, True),
        ("Cumulus.InvalidMessage", {"cma": {"event": {"meta": 1}}}, False),
        (
            "RemoteResourceError",
            {
                "cma": {
                    "event": {
                        "cumulus_meta": {},
                        "payload": {"Bucket": "b", "Key": "k"},
                    }
                }
            },
            True,
        ),
    ],
)
def test_an_error_of_the_adapter_is_caught_by_its_name(
    name: str, parameters: Any, *, by_all: bool
) -> None:
    """States.ALL stands for what tasks do, not for a message that cannot be used."""
    assert caught(None, name, Parameters=parameters)
    assert caught(None, "States.ALL", Parameters=parameters) == by_all
    assert not caught(None, "States.TaskFailed", Parameters=parameters)


def test_nothing_catches_a_run_time_error() -> None:
    """A definition that selects what is not there has to be mended."""
    assert not caught(None, "States.Runtime", InputPath="$.nope")
    assert not caught(None, "States.ALL", InputPath="$.nope")


def test_an_exception_of_a_task_is_its_own_whatever_it_is_called() -> None:
    """A task's RemoteResourceError is retried like any other exception."""
    outcome = {"exception": {"type": "RemoteResourceError", "message": "gone"}}

    assert retried(outcome, "States.ALL")
