"""Where an error leads that is caught, and what is told of one that is not."""

from __future__ import annotations

from cumulus_runs import (
    a_case,
    a_flow,
    a_list,
    a_task,
    carried_out,
    failure_of,
    notes_in,
    result_of,
)

RAISED = {"exception": {"type": "ValueError", "message": "words"}}


def test_what_is_caught_goes_where_the_catcher_says() -> None:
    """The error stands in the document as it came into the state."""
    catch = [
        {"ErrorEquals": ["KeyError"], "Next": "Other"},
        {"ErrorEquals": ["States.ALL"], "ResultPath": "$.meta.why", "Next": "Done"},
    ]
    states = {
        "A": a_task(Catch=catch, ResultPath="$.meta.result"),
        "Other": {"Type": "Fail"},
        "Done": {"Type": "Succeed"},
    }

    world, _ = carried_out(a_case(a_flow(**states), {"A": [RAISED]}))
    result = result_of(a_case(a_flow(**states), {"A": [RAISED]}))

    assert result["meta"] == {"why": {"Error": "ValueError", "Cause": "words"}}
    [told] = notes_in(world.asked, "caught")
    assert told["next"] == "Done"


def test_a_catcher_without_a_path_takes_the_place_of_the_document() -> None:
    """ResultPath is `$` if nothing is said, and null throws the error away."""
    for given, expected in (
        ({}, {"Error": "ValueError", "Cause": "words"}),
        ({"ResultPath": None}, {"x": 1}),
    ):
        catch = [{"ErrorEquals": ["States.ALL"], "Next": "Done", **given}]
        states = {
            "Begin": {"Type": "Pass", "Result": {"x": 1}, "Next": "A"},
            "A": a_task(Catch=catch, Parameters={}),
            "Done": {"Type": "Succeed"},
        }

        assert result_of(a_case(a_flow(**states), {"A": [RAISED]})) == expected


def test_an_error_that_has_no_place_ends_the_run() -> None:
    """A scalar in the way of a catcher's ResultPath is a failure of its own."""
    catch = [
        {"ErrorEquals": ["States.ALL"], "ResultPath": "$.payload.x", "Next": "Done"}
    ]
    states = {"A": a_task(Catch=catch), "Done": {"Type": "Succeed"}}

    type_, data = failure_of(
        a_case(a_flow(**states), {"A": [RAISED]}, {"cumulus_meta": {}, "payload": 1})
    )

    assert type_ == "States.ResultPathMatchFailure"
    assert data["task"] == "A"


def test_a_failure_tells_what_led_to_it() -> None:
    """Each task with its last call, how long that took, and how it ended."""
    _, data = failure_of(
        a_case(a_list("A", "B"), {"A": [{"result": 1}], "B": [RAISED]})
    )

    assert [one["task"] for one in data["states"]] == ["A", "B"]
    assert [one["outcome"] for one in data["states"]] == ["result", "ValueError"]
    assert {one["seconds"] for one in data["states"]} == {0.5}
    assert data["job_id"] == data["states"][1]["job_id"]
    assert (data["index"], data["attempts"]) == (1, 1)
