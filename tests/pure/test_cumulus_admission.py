"""Which calls become jobs of the adapter, and which are refused before they do."""

from __future__ import annotations

from typing import Any

import pytest
from cumulus_runs import (
    a_case,
    a_flow,
    a_list,
    a_message,
    a_task,
)
from cumulus_workflow_cases import settings_of

from harpcaller.adapters.adapter import Admitted, Refused
from harpcaller.adapters.cumulus import ADAPTER
from harpcaller.adapters.machine import End
from protocol.call import Call, QueueSpec, seal
from protocol.errors import ErrorType
from protocol.job import JobId
from protocol.jsontext import canonical, decode, encode
from protocol.outcome import Failed, Raised

FLOW = a_flow(A=a_task(Next="B"), B={"Type": "Pass", "End": True})


def a_call(
    arguments: Any, procedure: str = "Flow", seals: tuple[str, ...] = (), **fields: Any
) -> Call:
    """Return a call to the adapter."""
    copy = decode(encode(arguments))
    return Call(
        host="@cumulus",
        procedure=procedure,
        arguments=encode(arguments),
        sealed=seal(copy, [*seals]),
        **fields,
    )


def admitted(call: Call, definition: Any = FLOW, **table: Any) -> Admitted | Refused:
    """Return what becomes of a call."""
    settings = settings_of(a_case(definition, config=table))
    return ADAPTER.admit(settings, call)


def code_of(verdict: Admitted | Refused) -> str:
    """Return why a call was refused."""
    assert isinstance(verdict, Refused), verdict
    return verdict.code


DEEP: Any = 1
for _ in range(100):
    DEEP = [DEEP]
WRONG_MESSAGES: list[tuple[Any, str | None]] = [
    ([], "message"),
    (None, "message"),
    ("x", "message"),
    ({}, "cumulus_meta"),
    ({"cumulus_meta": None}, "cumulus_meta"),
    ({"cumulus_meta": []}, "cumulus_meta"),
    (a_message(meta=1), "meta"),
    (a_message(workflow_config=[]), "workflow_config"),
    (a_message(task_config="x"), "task_config"),
    (a_message(workflow_config={"A": 1}), "workflow_config.A"),
    ({"cma": None}, "cma.event"),
    ({"cma": {}}, "cma.event"),
    ({"cma": {"event": 1}}, "cma.event"),
    ({"cma": {"event": {}}}, "cumulus_meta"),
    (a_message(replace={}), "replace.Bucket"),
    (a_message(replace="x"), "replace"),
    (a_message(replace={"Bucket": "b"}), "replace.Key"),
    (
        a_message(replace={"Bucket": "b", "Key": "k", "TargetPath": "$.a[*]"}),
        "replace.TargetPath",
    ),
    (a_message(payload=DEEP), "message"),
    ({"replace": {"Bucket": "b", "Key": "k"}, "payload": DEEP}, "message"),
]


@pytest.mark.parametrize(("message", "path"), WRONG_MESSAGES)
def test_a_message_that_is_none_makes_no_job(message: Any, path: str | None) -> None:
    """E1 to E4, E17: with the path, and never a value."""
    verdict = admitted(a_call({"message": message}))

    assert isinstance(verdict, Refused)
    assert verdict.code == "Cumulus.InvalidMessage"
    assert verdict.data["path"] == path


def test_what_replace_may_bring_need_not_be_there() -> None:
    """E1: a reference to the whole message is one in itself."""
    message = {"replace": {"Bucket": "b", "Key": "k"}}

    assert isinstance(admitted(a_call({"message": message})), Admitted)


def test_null_is_absent() -> None:
    """E2: in the places where nothing need be."""
    message = a_message(
        meta=None, workflow_config={"A": None}, task_config=None, replace=None
    )

    assert isinstance(admitted(a_call({"message": message})), Admitted)


@pytest.mark.parametrize(
    ("procedure", "arguments", "code"),
    [
        ("Nope", {}, "Cumulus.UnknownWorkflow"),
        ("Flow", {"start_at": "C"}, "Cumulus.UnknownTask"),
        ("Flow", {"stop_after": "C"}, "Cumulus.UnknownTask"),
        ("cumulus.task", {"workflow": "Flow"}, "Cumulus.UnknownTask"),
        ("cumulus.task", {"workflow": "Flow", "task": "C"}, "Cumulus.UnknownTask"),
        ("cumulus.task", {"workflow": "Flow", "task": "B"}, "Cumulus.UnknownTask"),
        ("cumulus.task", {"workflow": "X", "task": "A"}, "Cumulus.UnknownWorkflow"),
        ("cumulus.task", {"task": "A"}, "Cumulus.UnknownWorkflow"),
        ("cumulus.resolve", {"workflow": "X", "task": "A"}, "Cumulus.UnknownWorkflow"),
        ("cumulus.nope", {}, "Cumulus.UnknownWorkflow"),
        ("Flow", {"start_at": 3}, "Cumulus.InvalidMessage"),
        ("Flow", {"task": "A"}, "Cumulus.InvalidMessage"),
        ("cumulus.validate", {"task": "A"}, "Cumulus.InvalidMessage"),
    ],
)
def test_what_a_call_names_has_to_be_there(
    procedure: str, arguments: Any, code: str
) -> None:
    """E5: no job is made of it."""
    call = a_call({"message": a_message(), **arguments}, procedure)

    assert code_of(admitted(call)) == code


@pytest.mark.parametrize("arguments", [[], {}, [1, 2], {"start_at": "A"}])
def test_a_call_has_a_message(arguments: Any) -> None:
    """The short form is a list of nothing else."""
    assert code_of(admitted(a_call(arguments))) == "Cumulus.InvalidMessage"


def test_a_complaint_names_the_nearest_argument() -> None:
    """It is a slip of the pen, mostly."""
    verdict = admitted(a_call({"message": a_message(), "start_att": "A"}))

    assert isinstance(verdict, Refused)
    assert 'did you mean "start_at"?' in verdict.message


def test_a_parent_may_not_wait_where_its_children_do() -> None:
    """C-17: it would hold the place that they need."""
    name = canonical({"cumulus": "task", "provider": "p"})
    call = a_call([a_message()], queue=QueueSpec(name=name, concurrency=2))
    other = a_call([a_message()], queue=QueueSpec(name=canonical({"x": 1})))

    verdict = admitted(call)

    assert isinstance(verdict, Refused)
    assert verdict.data["path"] == "queue.name"
    assert isinstance(admitted(other), Admitted)


@pytest.mark.parametrize(
    ("asked", "defined", "configured", "expected"),
    [
        (None, None, 86400, 86400),
        (5, None, 86400, 5),
        (None, 7, 86400, 7),
        (9, 7, 86400, 7),
        (9, 18000, 6, 6),
        (10**6, 5184000, 86400, 86400),
    ],
)
def test_the_smallest_limit_holds(
    asked: float | None, defined: float | None, configured: float, expected: float
) -> None:
    """Of the request's, the definition's and the configured one."""
    definition = FLOW if defined is None else FLOW | {"TimeoutSeconds": defined}
    call = a_call([a_message()], max_exec_s=asked)

    verdict = admitted(call, definition, max_exec_time_s=configured)

    assert isinstance(verdict, Admitted)
    assert verdict.max_exec_s == expected


@pytest.mark.parametrize(
    ("message", "label"),
    [
        (a_message(), "ex-1"),
        ({"cma": {"event": a_message()}}, "ex-1"),
        ({"cumulus_meta": {}}, None),
        ({"cumulus_meta": {"execution_name": 3}}, None),
    ],
)
def test_an_execution_is_found_by_its_name(message: Any, label: str | None) -> None:
    """It is the label of the parent."""
    verdict = admitted(a_call([message]))

    assert isinstance(verdict, Admitted)
    assert verdict.label == label


def test_secrets_are_named_by_their_pointers() -> None:
    """8.3: the client's own among them, wherever the message stands."""
    message = a_message(meta={"cmr": {"password": "x"}, "pin": 1}, payload="y")
    arguments = {"message": message}

    named = admitted(
        a_call(arguments, seals=("/message/payload",)), secret_keys=["pin"]
    )
    short = admitted(a_call([message]))

    assert isinstance(named, Admitted)
    assert isinstance(short, Admitted)
    assert sorted(named.sealed) == [
        "/message/meta/cmr/password",
        "/message/meta/pin",
        "/message/payload",
    ]
    assert short.sealed == ("/0/meta/cmr/password",)


def test_a_masked_message_is_no_message() -> None:
    """What `mask_result` took out has to be put back before it is submitted again."""
    message = a_message(meta={"cmr": {"password": "***", "user": "***"}})

    masking = admitted(a_call([message]), mask_result=True)
    plain = admitted(a_call([message]))
    whole = admitted(a_call([a_message(meta={"token": "t"})]), mask_result=True)

    assert isinstance(masking, Refused)
    assert masking.data["path"] == "meta.cmr.password"
    assert isinstance(plain, Admitted)
    assert isinstance(whole, Admitted)


# ── what is kept with a job ──
def test_a_run_ends_by_the_definition_it_began_with() -> None:
    """C-9: whatever is loaded meanwhile, also after a restart."""
    call = a_call([a_message()])
    before = settings_of(a_case(a_list("A")))

    kept = ADAPTER.keep(before, call)

    machine = ADAPTER.machine(kept, JobId("job-1"), call)
    assert len(machine.start(0)) == 3
    assert decode(kept)["definition"] == a_list("A")  # type: ignore[index,call-overload] # an object


def test_only_what_a_run_needs_is_kept() -> None:
    """Of many resources those that its definition names."""
    resources = {"A": {"host": "h"}, "B": {"host": "h"}}

    kept: Any = decode(
        ADAPTER.keep(
            settings_of(a_case(a_list({"name": "A"}), config={"resources": resources})),
            a_call([a_message()]),
        )
    )

    assert kept["resources"] == {"A": {"host": "h"}}


def test_a_run_may_have_lost_its_workflow_while_it_waited() -> None:
    """A reload took it away between the submission and the start."""
    call = a_call([a_message()])
    settings = settings_of(a_case(a_list("A") | {"name": "Other"}))

    kept = ADAPTER.keep(settings, call)

    [end] = ADAPTER.machine(kept, JobId("job-1"), call).start(0)
    assert isinstance(end, End)
    assert isinstance(end.outcome, Raised)
    assert end.outcome.type == "Cumulus.UnknownWorkflow"


def test_what_another_version_kept_is_lost() -> None:
    """It is not guessed at."""
    call = a_call([a_message()])
    kept: Any = decode(ADAPTER.keep(settings_of(a_case(a_list("A"))), call))
    kept["definition"]["tasks"] = [{"name": "A", "host": "h", "of_the_future": 1}]

    [end] = ADAPTER.machine(encode(kept), JobId("job-1"), call).start(0)

    assert isinstance(end, End)
    assert isinstance(end.outcome, Failed)
    assert end.outcome.type == ErrorType.MISSING_RESULT
