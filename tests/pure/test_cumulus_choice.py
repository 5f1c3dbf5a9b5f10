"""The rules of Choice states: what holds, what does not, what is refused at load."""

from __future__ import annotations

from typing import Any

import pytest
from cumulus_runs import a_case, a_flow, failure_of, problems_in, result_of

DOCUMENT = {
    "cumulus_meta": {},
    "s": "b",
    "n": 2,
    "f": 2.5,
    "t": True,
    "nil": None,
    "list": [1, "x"],
    "same": "b",
    "two": 2.0,
    "files": [{"size": 1}, {"size": 2}],
}


def choosing(rule: Any, **state: Any) -> dict[str, Any]:
    """Return a workflow that ends as "yes" if a rule holds, else as "no"."""
    return a_flow(
        A={
            "Type": "Choice",
            "Choices": [{**rule, "Next": "Yes"}],
            "Default": "No",
            **state,
        },
        Yes={"Type": "Pass", "Result": True, "End": True},
        No={"Type": "Pass", "Result": False, "End": True},
    )


def holds(rule: Any, **state: Any) -> bool:
    """Tell whether a rule holds for the document."""
    held: bool = result_of(a_case(choosing(rule, **state), message=DOCUMENT))
    return held


def of(variable: str, **test: Any) -> dict[str, Any]:
    """Return a rule on a variable."""
    return {"Variable": f"$.{variable}", **test}


HOLDING = [
    of("s", StringEquals="b"),
    of("s", StringLessThan="c"),
    of("s", StringGreaterThan="a"),
    of("s", StringLessThanEquals="b"),
    of("s", StringGreaterThanEquals="b"),
    of("s", StringEqualsPath="$.same"),
    of("s", StringGreaterThanEqualsPath="$.same"),
    of("n", NumericEquals=2),
    of("n", NumericEquals=2.0),
    of("n", NumericLessThan=3),
    of("f", NumericGreaterThan=2),
    of("n", NumericLessThanEquals=2),
    of("n", NumericGreaterThanEquals=2),
    of("n", NumericEqualsPath="$.two"),
    of("t", BooleanEquals=True),
    of("t", BooleanEqualsPath="$.t"),
    of("s", StringMatches="b"),
    of("s", StringMatches="*"),
    of("s", IsPresent=True),
    of("nope", IsPresent=False),
    of("nil", IsPresent=True),
    of("nil", IsNull=True),
    of("s", IsNull=False),
    of("s", IsString=True),
    of("n", IsString=False),
    of("n", IsNumeric=True),
    of("t", IsNumeric=False),
    of("t", IsBoolean=True),
    of("nil", IsBoolean=False),
    of("list[1]", StringEquals="x"),
    of("files[0].size", NumericEquals=1),
    {"And": [of("n", NumericEquals=2), of("s", StringEquals="b")]},
    {"Or": [of("n", NumericEquals=3), of("s", StringEquals="b")]},
    {"Not": of("n", NumericEquals=3)},
    {"Not": {"And": [of("n", NumericEquals=2), {"Or": [of("t", IsNull=True)]}]}},
    {"Or": [of("n", NumericEquals=2), of("nope", NumericEquals=2)]},
]
FAILING = [
    of("s", StringEquals="c"),
    of("n", StringEquals="2"),
    of("t", NumericEquals=1),
    of("n", NumericLessThan=2),
    of("n", BooleanEquals=True),
    of("nil", BooleanEquals=False),
    of("t", BooleanEquals=False),
    of("n", StringMatches="*"),
    of("s", NumericEqualsPath="$.n"),
    of("n", NumericEqualsPath="$.s"),
    of("s", IsPresent=False),
    of("list", IsString=True),
    {"And": [of("n", NumericEquals=3), of("nope", NumericEquals=2)]},
]


@pytest.mark.parametrize("rule", HOLDING)
def test_a_rule_holds(rule: Any) -> None:
    """Numbers compare by value, and no rule is looked at without need."""
    assert holds(rule)


@pytest.mark.parametrize("rule", FAILING)
def test_a_rule_does_not_hold(rule: Any) -> None:
    """Values of different types are never equal, less or greater."""
    assert not holds(rule)


@pytest.mark.parametrize(
    ("text", "pattern", "is_match"),
    [
        ("foo23.log", "foo*.log", True),
        ("foo.log", "foo*.log", True),
        ("foo.log.gz", "foo*.log", False),
        ("a.b.c", "*.*.c", True),
        ("abab", "*ab*ab*", True),
        ("aba", "ab*ba", False),
        ("ab", "a*b*b", False),
        ("abcabc", "a*bc", True),
        ("", "*", True),
        ("", "", True),
        ("x", "", False),
        ("a*b", r"a\*b", True),
        ("axb", r"a\*b", False),
        ("a\\b", r"a\\b", True),
        ("a\\xb", r"a\xb", True),
        ("a\\", "a\\", True),
        ("ab", "b*", False),
        ("NotNeededWorkflowError", "*WorkflowError", True),
    ],
)
def test_a_star_stands_for_any_characters(
    text: str, pattern: str, *, is_match: bool
) -> None:
    r"""`\*` is a star and `\\` a backslash; any other backslash is one itself."""
    rule = {"Variable": "$.s", "StringMatches": pattern, "Next": "Yes"}
    definition = choosing({}) | {}
    definition["States"]["A"]["Choices"] = [rule]

    case = a_case(definition, message={"cumulus_meta": {}, "s": text})

    assert result_of(case) == is_match


def test_many_stars_take_no_time() -> None:
    """A pattern that makes other matchers slow is decided in one pass."""
    definition = choosing(of("s", StringMatches="*a" * 50 + "b"))

    case = a_case(definition, message={"cumulus_meta": {}, "s": "a" * 10_000})

    assert result_of(case) is False


@pytest.mark.parametrize(
    "rule",
    [
        of("nope", StringEquals="b"),
        of("nope", IsNull=True),
        of("s", StringEqualsPath="$.nope"),
        {"Or": [of("n", NumericEquals=3), of("nope", NumericEquals=2)]},
    ],
)
def test_a_variable_that_is_not_there_is_an_error(rule: Any) -> None:
    """Only IsPresent asks whether it is."""
    type_, data = failure_of(a_case(choosing(rule), message=DOCUMENT))

    assert type_ == "States.Runtime"
    assert data["task"] == "A"
    assert data["path"] == "$.nope"


def test_the_first_rule_that_holds_decides() -> None:
    """The order of the definition counts."""
    definition = choosing(of("n", NumericEquals=2))
    definition["States"]["A"]["Choices"].insert(0, of("t", IsNull=True, Next="No"))
    definition["States"]["A"]["Choices"].append(of("n", IsPresent=True, Next="No"))

    assert result_of(a_case(definition, message=DOCUMENT))


def test_without_a_default_a_rule_has_to_hold() -> None:
    """States.NoChoiceMatched ends the run."""
    definition = choosing(of("n", NumericEquals=3))
    del definition["States"]["A"]["Default"]

    type_, data = failure_of(a_case(definition, message=DOCUMENT))

    assert type_ == "States.NoChoiceMatched"
    assert data["message"]["exception"]["failedExecutionStepName"] == "A"


def test_rules_see_the_input_and_the_output_goes_on() -> None:
    """InputPath narrows both; OutputPath what the next state gets."""
    definition = choosing(
        of("size", NumericEquals=2), InputPath="$.files[1]", OutputPath="$.size"
    )
    definition["States"]["Yes"] = {"Type": "Succeed"}

    assert result_of(a_case(definition, message=DOCUMENT)) == 2


@pytest.mark.parametrize(
    ("rule", "mention"),
    [
        ({}, "expected one comparison"),
        (of("s"), "expected one comparison"),
        (of("s", StringEquals="a", IsNull=True), "expected one comparison"),
        (of("s", TimestampEquals="2016"), 'unknown key "TimestampEquals"'),
        (of("s", StringEquals=1), "StringEquals: expected a string"),
        (of("s", NumericEquals=True), "NumericEquals: expected a number"),
        (of("s", BooleanEquals=1), "BooleanEquals: expected true or false"),
        (of("s", StringMatches=1), "StringMatches: expected a pattern"),
        (of("s", IsPresent="yes"), "IsPresent: expected true or false"),
        (of("s", IsString=None), "IsString: expected true or false"),
        (of("s", StringEqualsPath="x"), "StringEqualsPath: expected a path"),
        ({"Variable": "x", "IsNull": True}, "Variable: expected a path"),
        ({"IsNull": True}, "Variable: expected a path"),
        ({"And": []}, "And: expected a list of rules"),
        ({"Not": None}, "expected an object"),
        ({"Not": []}, "Not: expected an object"),
        ({"Or": [of("s", IsNull=True, Next="Yes")]}, "Or[0].Next: unknown key"),
        ({"Or": [{}]}, "Or[0]: expected one comparison"),
        ({"And": [of("s", IsNull=True)], "Variable": "$.s"}, "Variable: unknown key"),
    ],
)
def test_a_rule_that_is_not_right_is_refused(rule: Any, mention: str) -> None:
    """E6: at load, with its place."""
    problems = problems_in(choosing(rule))

    told = [f"{place}: {words}" for place, words in problems]
    assert any(one.startswith("States.A.Choices[0]") for one in told)
    assert any(mention in one for one in told), told


def test_a_rule_leads_somewhere() -> None:
    """A rule on top has a Next; those within it have none."""
    definition = choosing(of("s", IsNull=True))
    del definition["States"]["A"]["Choices"][0]["Next"]

    [(place, words)] = problems_in(definition)

    assert place == "States.A.Choices[0].Next"
    assert "expected a string" in words
