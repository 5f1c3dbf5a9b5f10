"""Definitions are judged at load: all of them, each mistake with its place."""

from __future__ import annotations

from typing import Any

import pytest
from cumulus_runs import (
    a_flow,
    a_list,
    a_task,
    loaded,
    problems_in,
)

from harpcaller.adapters.cumulus.config import Settings
from protocol.jsontext import decode, encode

SUCCEED = {"Type": "Succeed"}


def with_key(**fields: Any) -> dict[str, Any]:
    """Return a list of one task that has some fields."""
    return a_list({"name": "A", "host": "h", **fields})


def one_state(**fields: Any) -> dict[str, Any]:
    """Return a workflow of one state."""
    return {"StartAt": "A", "States": {"A": fields}}


CHOICE = {"Variable": "$.x", "IsNull": True, "Next": "A"}
WRONG_LISTS: list[tuple[Any, str, str]] = [
    ([], "", "expected an object"),
    (a_list(), "tasks", "expected a list of tasks, not empty"),
    (a_list(3), "tasks[0]", "expected an object"),
    (a_list("A", task=1), "task", 'did you mean "tasks"?'),
    ({"tasks": ["A"]}, "name", "expected a string"),
    (a_list("A") | {"name": "no blanks"}, "name", "1 to 80 letters"),
    (a_list("A") | {"name": "cumulus.mine"}, "name", "does not begin with"),
    (a_list("A", max_exec_time=0), "max_exec_time", "seconds above 0"),
    (a_list({"host": "h"}), "tasks[0].name", "expected a string"),
    (a_list({"name": "a b", "host": "h"}), "tasks[0].name", "1 to 80 letters"),
    (a_list({"name": "A"}), "tasks[0].host", '"A" in resources'),
    (with_key(host=""), "tasks[0].host", "expected a string"),
    (with_key(host=[]), "tasks[0].host", "or a list of them"),
    (with_key(host=["x", 1]), "tasks[0].host", "a list of strings"),
    (with_key(host="@panoptes"), "tasks[0].host", 'does not begin with "@"'),
    (with_key(host=["x", "@y"]), "tasks[0].host", 'does not begin with "@"'),
    (with_key(procedure=1), "tasks[0].procedure", "expected a string"),
    (with_key(timeout=-1), "tasks[0].timeout", "seconds above 0"),
    (with_key(max_exec_time="1"), "tasks[0].max_exec_time", "seconds above 0"),
    (with_key(call="remote"), "tasks[0].call", 'one of "nested", "event", "message"'),
    (with_key(fetch=0), "tasks[0].fetch", "true or false"),
    (with_key(input_format="xml"), "tasks[0].input_format", '"remote-urls"'),
    (with_key(schemas=[]), "tasks[0].schemas", "expected an object"),
    (with_key(schemas={"outptu": {}}), "tasks[0].schemas.outptu", '"output"'),
    (with_key(schemas={"output": 3}), "tasks[0].schemas.output", "JSON Schema"),
    (with_key(schemas={"input": {"type": "x"}}), "tasks[0].schemas.input", "$.type"),
    (with_key(schemas={"input": "no.json"}), "tasks[0].schemas.input", '"no.json"'),
    (with_key(queue=3), "tasks[0].queue", "expected an object"),
    (with_key(queue={}), "tasks[0].queue.name", "expected an object"),
    (with_key(queue={"name": 1}), "tasks[0].queue.name", "expected an object"),
    (
        with_key(queue={"name": {}, "concurrency": 0}),
        "tasks[0].queue.concurrency",
        "at least 1",
    ),
    (with_key(queue={"name": {}, "size": 1}), "tasks[0].queue.size", "unknown key"),
    (with_key(retry={}), "tasks[0].retry", "expected a list"),
    (
        with_key(
            task_config={
                "cumulus_message": {"outputs": [{"source": "x", "destination": "$"}]}
            }
        ),
        "tasks[0].task_config",
        "outputs[0].destination",
    ),
]
WRONG_STATES: list[tuple[Any, str, str]] = [
    ({"StartAt": "A"}, "States", "not empty"),
    ({"StartAt": "A", "States": {}}, "States", "not empty"),
    (one_state(**SUCCEED) | {"QueryLanguage": "JSONata"}, "QueryLanguage", "unknown"),
    (one_state(**SUCCEED) | {"StartAt": "B"}, "StartAt", 'no state "B"'),
    (one_state(**SUCCEED) | {"TimeoutSeconds": 0}, "TimeoutSeconds", "above 0"),
    ({"StartAt": "A", "States": {"A": 1}}, "States.A", "expected an object"),
    ({"StartAt": "A", "States": {"A": None}}, "States.A", "expected an object"),
    (a_flow(**{"A" * 81: SUCCEED}), "States", "1 to 80 characters"),
    (one_state(), "States.A.Type", "expected a string"),
    (one_state(Type="Parallel"), "States.A.Type", 'not "Parallel"'),
    (one_state(Type="Succeed", Next="A"), "States.A.Next", "unknown key"),
    (one_state(Type="Fail", ErrorPath="$.x"), "States.A.ErrorPath", "unknown key"),
    (one_state(Type="Pass"), "States.A", "either Next or"),
    (one_state(Type="Pass", End=False), "States.A.End", "expected true"),
    (one_state(Type="Pass", End=True, Next="A"), "States.A", "either Next or"),
    (one_state(Type="Pass", Next="B"), "States.A", 'no state "B"'),
    (one_state(Type="Wait", End=True), "States.A", "Seconds or SecondsPath"),
    (one_state(Type="Wait", End=True, Seconds=-1), "States.A.Seconds", "at least 0"),
    (
        one_state(Type="Wait", End=True, SecondsPath="x"),
        "States.A.SecondsPath",
        'begins with "$"',
    ),
    (
        one_state(Type="Wait", End=True, Timestamp="2016"),
        "States.A.Timestamp",
        "unknown key",
    ),
    (one_state(Type="Choice"), "States.A.Choices", "not empty"),
    (one_state(Type="Choice", Choices=[3]), "States.A.Choices[0]", "an object"),
    (
        one_state(Type="Choice", Choices=[CHOICE], Default="B"),
        "States.A",
        'no state "B"',
    ),
    (
        one_state(Type="Choice", Choices=[CHOICE | {"Next": "B"}]),
        "States.A",
        'no state "B"',
    ),
    (one_state(**a_task(ResultSelector={})), "States.A.ResultSelector", "unknown"),
    (one_state(**a_task(Resource="@x")), "States.A.Resource", "harp://HOST/PROCEDURE"),
    (one_state(**a_task(Resource="harp://@x/p")), "States.A.Resource", "harp://HOST"),
    (one_state(**a_task(Resource=None)), "States.A.Resource", "expected a string"),
    (one_state(**a_task(InputPath=3)), "States.A.InputPath", 'begins with "$"'),
    (one_state(**a_task(InputPath="$..[")), "States.A.InputPath", "no JSONPath"),
    (one_state(**a_task(OutputPath="$$.x")), "States.A.OutputPath", "context object"),
    (one_state(**a_task(ResultPath="$.a[*]")), "States.A.ResultPath", "simple path"),
    (one_state(**a_task(ResultPath="meta.a")), "States.A.ResultPath", "simple path"),
    (one_state(**a_task(Parameters=[])), "States.A.Parameters", "an object"),
    (
        one_state(**a_task(Parameters={"l": [{"x.$": "States.UUID()"}]})),
        "States.A.Parameters.l[0].x.$",
        "intrinsic functions",
    ),
    (
        one_state(**a_task(Parameters={"x.$": "$", "x": 1})),
        "States.A.Parameters.x.$",
        "without .$ is there too",
    ),
    (
        one_state(**a_task(Parameters={"cma": None})),
        "States.A.Parameters.cma",
        "expected an object",
    ),
    (
        one_state(**a_task(Parameters={"cma": []})),
        "States.A.Parameters.cma",
        "expected an object",
    ),
    (
        one_state(**a_task(Parameters={"cma": {}})),
        "States.A.Parameters.cma.event",
        '"event.$": "$"',
    ),
    (
        one_state(**a_task(Parameters={"cma": {"event.$": "$", "config": {}}})),
        "States.A.Parameters.cma.config",
        "unknown key",
    ),
    (
        one_state(
            **a_task(
                Parameters={
                    "cma": {
                        "event.$": "$",
                        "task_config": {"cumulus_message": {"outputs": {}}},
                    }
                }
            )
        ),
        "States.A.Parameters.cma.task_config",
        "outputs",
    ),
    (one_state(**a_task(TimeoutSeconds=0)), "States.A.TimeoutSeconds", "above 0"),
    (one_state(**a_task(Catch=[{}])), "States.A.Catch[0].ErrorEquals", "a list of"),
    (one_state(**a_task(Catch=[{}])), "States.A.Catch[0].Next", "expected a string"),
    (
        one_state(**a_task(Catch=[{"ErrorEquals": ["X"], "Next": "B"}])),
        "States.A",
        'no state "B"',
    ),
]


@pytest.mark.parametrize(("definition", "place", "mention"), WRONG_LISTS + WRONG_STATES)
def test_a_mistake_is_told_with_its_place(
    definition: Any, place: str, mention: str
) -> None:
    """E6: nothing of a definition is found out at run time."""
    problems = problems_in(definition)

    assert any(at == place and mention in words for at, words in problems), problems


def test_all_mistakes_are_told_at_once() -> None:
    """Whoever writes a definition mends it once."""
    definition = a_list(
        {"name": "A", "hots": "h", "timeout": -1}, {"name": "A", "host": "@x"}
    )

    places = {place for place, _ in problems_in(definition)}

    assert places == {
        "tasks[0].hots",
        "tasks[0].timeout",
        "tasks[0].host",
        "tasks[1]",
        "tasks[1].host",
    }


def test_one_bad_file_among_three_is_named() -> None:
    """C-9: with its place and what was expected; nothing is changed by such a load."""
    bad = a_list("A") | {"name": "Bad", "tasks": [{"name": "A", "host": 3}]}
    good = [a_list("A") | {"name": name} for name in ("One", "Two")]

    found = loaded(good[0], bad, good[1])

    assert isinstance(found, list)
    [problem] = found
    assert problem.file == "workflows/1.json"
    assert problem.place == "tasks[0].host"
    assert "expected a string" in problem.message


def test_workflows_have_names_of_their_own() -> None:
    """A call names a workflow by its name alone, whichever file it is in."""
    found = loaded(a_list("A"), a_list("B"))

    assert isinstance(found, list)
    assert "workflows/0.json" in found[0].message


def test_a_file_that_is_no_json_is_told() -> None:
    """It is a mistake of that file, and of no other."""
    found = loaded(b"{", a_list("A"))

    assert isinstance(found, list)
    [problem] = found
    assert problem.file == "workflows/0.json"
    assert problem.message.startswith("no JSON: ")


def test_a_definition_in_asl_is_called_as_its_file_is() -> None:
    """Files of Cumulus itself work as they are; the name is judged all the same."""
    settings = loaded(a_flow(A=a_task(), B=SUCCEED))

    assert isinstance(settings, Settings)
    assert list(settings.workflows) == ["0"]


def test_a_byte_order_mark_does_no_harm() -> None:
    """Editors of other systems write one."""
    settings = loaded(b"\xef\xbb\xbf" + encode(a_list("A")))

    assert isinstance(settings, Settings)


def test_a_schema_may_stand_beside_the_definition() -> None:
    """It is read once, and kept with the jobs that it judges."""
    definition = with_key(schemas={"output": "schemas/out.json"})

    settings = loaded(definition, documents={"schemas/out.json": {"type": "string"}})

    assert isinstance(settings, Settings)
    kept: Any = decode(settings.workflows["Flow"].kept)
    assert kept["documents"] == {"schemas/out.json": {"type": "string"}}


def test_a_document_is_no_definition() -> None:
    """What is in a folder below is what definitions refer to, and nothing else."""
    settings = loaded(a_list("A"), documents={"schemas/any.json": [1]})

    assert isinstance(settings, Settings)
    assert list(settings.workflows) == ["Flow"]
