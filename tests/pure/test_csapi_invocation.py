"""An invocation of a service: which call it makes, and why it makes none."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from csapi_cases import (
    ASSET,
    SLAINFO,
    TABLE,
    answer,
    complaint_of,
    says,
    settings,
    value_of,
)
from scripted_means import JOB, ScriptedMeans

from harpcaller.adapters.csapi.settings import Settings
from protocol.call import Call
from protocol.errors import ErrorType, WireError
from protocol.jsontext import decode

GOOD = {"inputs": [ASSET]}


def service(**table: Any) -> Settings:
    """Return settings with one service."""
    return settings(train={**TABLE, **table})


def call_for(body: Any, using: Settings | None = None, **more: Any) -> Call:
    """Return the call that an invocation makes."""
    means = ScriptedMeans()
    told = answer("POST /services/train/jobs", means, body, using, **more)
    assert told.status == 201, told
    [call] = means.calls
    return call


def refusal(body: Any, using: Settings | None = None) -> tuple[int, int, str]:
    """Return what is told of an invocation that makes no call."""
    means = ScriptedMeans()
    told = answer("POST /services/train/jobs", means, body, using)
    assert means.calls == []
    return complaint_of(told)


def given(**more: Any) -> dict[str, Any]:
    """Return an invocation with one input more than it has to have."""
    return {"inputs": [ASSET, more]}


def test_an_invocation_is_one_call() -> None:
    """CS-10, 6.3: its id, and where its status is."""
    means = ScriptedMeans()
    using = service(
        queue={"name": {"q": 1}, "concurrency": 3}, timeout=5, max_exec_time=9
    )

    told = answer("POST /services/train/jobs", means, GOOD, using)

    assert told.status == 201
    assert value_of(told) == {"jobid": JOB}
    assert told.headers["Location"] == f"/services/train/jobs/status/{JOB}"
    [call] = means.calls
    assert (call.host, call.procedure) == ("h", "train")
    assert (call.timeout_s, call.max_exec_s) == (5, 9)
    assert call.queue is not None
    assert call.queue.concurrency == 3
    asset = {key: ASSET[key] for key in ASSET if key != "argname"}
    assert decode(call.arguments) == {
        "inputs": {"training": asset},
        "configuration": {},
        "consumer": None,
        "agreement": None,
    }
    assert decode(call.info) == {"csapi": {"service": "train"}}


def test_the_endpoint_itself_is_invoked_too() -> None:
    """CS-5: the examples of DEP 6 do so, its text does not."""
    means = ScriptedMeans()

    told = answer("POST /services/train", means, GOOD)

    assert told.status == 201
    assert len(means.calls) == 1


def test_all_that_is_said_of_an_agreement_is_kept_but_the_signature() -> None:
    """CS-12, CS-13: keys in any case; a digest stands for the signature."""
    extra = {"service_installation": {"package_type": "docker"}, "webhook": "x"}

    call = call_for({**GOOD, "slainfo": SLAINFO, **extra})

    arguments: Any = decode(call.arguments)
    assert (arguments["consumer"], arguments["agreement"]) == ("0xc", "agreed")
    assert decode(call.info) == {
        "csapi": {
            "service": "train",
            "consumer": "0xc",
            "definition_id": "defined",
            "agreement_id": "agreed",
            "signature_sha256": hashlib.sha256(b"signed").hexdigest(),
            "extra": extra,
        }
    }
    assert not says(call.info + call.arguments, b'"signed"')


def test_serviceinfo_is_another_word_for_it() -> None:
    """CS-12: the example of "Invoke a job" has that one."""
    info = {"consumerid": "c", "invokeserviceagreementid": "a", "more": 1, "x": None}

    arguments: Any = decode(call_for({**GOOD, "serviceinfo": info}).arguments)

    assert (arguments["consumer"], arguments["agreement"]) == ("c", "a")


def test_an_identity_is_the_consumer_that_is_configured() -> None:
    """CS-19: whatever the body claims."""
    using = settings({"consumers": {"alice": "0xa"}})

    hers = call_for({**GOOD, "slainfo": SLAINFO}, using, identity="alice")
    his = call_for({**GOOD, "slainfo": SLAINFO}, using, identity="bob")

    assert says(hers.arguments, b'"consumer":"0xa"')
    assert says(hers.info, b'"consumer":"0xa"')
    assert says(his.info, b'"consumer":"0xc"')


@pytest.mark.parametrize(
    ("body", "mention"),
    [
        (b"{", "no JSON"),
        (b"[]", "expected a JSON object"),
        (b'{"a":1,"a":2}', '"a" is given more than once'),
        (b'{"configuration":{"x":{"a":1,"a":2}}}', "more than once"),
        (b'{"configuration":NaN}', "no JSON"),
        (b'{"x":"\\udc00"}', "no JSON"),
        (b'{"x":"\xff"}', "UTF-8"),
        (b"[" * 200 + b"]" * 200, "nested deeper"),
        ({}, 'input "training": it is mandatory'),
        ({"inputs": {}}, "inputs: expected a list"),
        ({"inputs": [1]}, "inputs[0]: expected an object"),
        ({"inputs": [{}]}, "inputs[0].argname: expected one of"),
        ({"inputs": [{"argname": "x"}]}, "inputs[0].argname: expected one of"),
        ({"inputs": [ASSET, ASSET]}, 'input "training": given more than once'),
        ({**GOOD, "configuration": []}, "configuration: expected an object"),
        ({**GOOD, "slainfo": 1}, "slainfo: expected an object"),
        ({**GOOD, "slainfo": {"signature": ""}}, "expected a string, not empty"),
        (
            {**GOOD, "slainfo": {"signature": "a", "Signature": "b"}},
            "slainfo.Signature: given more than once",
        ),
        ({**GOOD, "slainfo": {}, "serviceinfo": {}}, "expected one of them"),
    ],
)
def test_an_invocation_that_is_not_as_prescribed_makes_no_job(
    body: Any, mention: str
) -> None:
    """CS-11: 400, and a sentence that helps."""
    status, code, description = refusal(body)

    assert (status, code) == (400, 400)
    assert mention in description


@pytest.mark.parametrize(
    ("one", "mention"),
    [
        ({"argname": "any"}, "type: expected one of"),
        ({"argname": "any", "type": "file"}, "type: expected one of"),
        ({"argname": "n", "type": "oceanasset"}, 'type: expected "payload"'),
        ({"argname": "n"}, "payload is missing"),
        ({"argname": "n", "payload": 1, "exec": "rm"}, 'unknown key "exec"'),
        ({"argname": "blendfile"}, "exec: expected a string"),
        ({"argname": "blendfile", "exec": 1}, "exec: expected a string"),
        ({"argname": "any", "type": "oceanasset"}, "assetid: expected a string"),
        (
            {**ASSET, "argname": "any", "assetmetadataurl": 1},
            "assetmetadataurl: expected a string",
        ),
        ({**ASSET, "argname": "any", "asseturl": "ftp://x/y"}, "http or https"),
        ({**ASSET, "argname": "any", "asseturl": "http:x"}, "expected a URL"),
        ({**ASSET, "argname": "any", "asseturl": "http://[x"}, "expected a URL"),
        ({**ASSET, "argname": "any", "asseturl": "http://x\n/y"}, "expected a URL"),
    ],
)
def test_an_input_that_is_not_as_its_type_says_makes_no_job(
    one: dict[str, Any], mention: str
) -> None:
    """CS-7, CS-8: what it has to have and may have, nothing else."""
    status, _, description = refusal(given(**one))

    assert status == 400
    assert f'input "{one["argname"]}": ' in description
    assert mention in description


@pytest.mark.parametrize(
    ("one", "kept"),
    [
        ({"argname": "n", "payload": None}, {"type": "payload", "payload": None}),
        (
            {"argname": "any", "type": "PAYLOAD", "mandatory": "true", "payload": [1]},
            {"type": "payload", "payload": [1]},
        ),
        (
            {**ASSET, "argname": "any", "serviceagreementid": "s"},
            {
                "type": "oceanasset",
                "assetid": "0x1",
                "asseturl": "https://some.where/data",
                "serviceagreementid": "s",
            },
        ),
    ],
)
def test_an_input_goes_on_as_it_is(one: dict[str, Any], kept: Any) -> None:
    """CS-8: an invocation may say which type an input is where the service does not."""
    arguments: Any = decode(call_for(given(**one)).arguments)

    assert arguments["inputs"][one["argname"]] == kept


@pytest.mark.parametrize("url", ["s3://bucket/key", "file:///data"])
def test_other_schemes_may_be_allowed(url: str) -> None:
    """CS-8: assets need not be where browsers get; nothing is fetched here."""
    using = settings({"allow_schemes": ["s3", "file"]})
    body = {"inputs": [{**ASSET, "asseturl": url}]}

    assert says(call_for(body, using).arguments, url.encode())
    assert refusal(GOOD, using)[0] == 400
    assert refusal({"inputs": [{**ASSET, "asseturl": "s3:"}]}, using)[0] == 400


@pytest.mark.parametrize(
    ("command", "is_allowed"),
    [
        ("render a.blend", True),
        ("render a.blend\n", False),
        ("render a.blend; rm -rf /", False),
        ("xrender a.blend", False),
        ("render " + 1017 * "a", True),
        ("render " + 1018 * "a", False),
    ],
    ids=["good", "line", "more", "other", "long", "longer"],
)
def test_a_command_has_to_match_in_full(command: str, is_allowed: bool) -> None:
    """6.3: it is data for a procedure, and refused unless the operator allows it."""
    using = service(exec_allow=[r"no", r"render [a-z.]+"])
    body = given(argname="blendfile", exec=command)

    if is_allowed:
        arguments: Any = decode(call_for(body, using).arguments)
        assert arguments["inputs"]["blendfile"]["exec"] == command
    else:
        assert refusal(body, using) == (400, 400, NOT_ALLOWED)


NOT_ALLOWED = 'input "blendfile": exec: this command is not allowed'


def test_no_command_is_allowed_where_none_is_listed() -> None:
    """G-16: 400, and nothing is submitted."""
    assert refusal(given(argname="blendfile", exec="ls"))[2] == NOT_ALLOWED


@pytest.mark.parametrize(
    ("more", "mention"),
    [
        ({}, "this service requires an agreement"),
        ({"slainfo": {**SLAINFO, "signature": None}}, "signature is missing"),
        ({"serviceinfo": {"consumerid": "c"}}, "invokeserviceagreementid is missing"),
    ],
)
def test_a_service_may_require_an_agreement(more: Any, mention: str) -> None:
    """CS-12: all of it then."""
    using = service(requires_agreement=True)

    status, _, description = refusal({**GOOD, **more}, using)

    assert status == 400
    assert mention in description
    assert call_for({**GOOD, "slainfo": SLAINFO}, using).host == "h"


def test_a_service_that_is_not_paid_for_makes_no_job() -> None:
    """CS-18: 8003 in the body, since no client can read such a status."""
    using = service(agreements=["agreed"])

    assert refusal(GOOD, using)[:2] == (402, 8003)
    other = {**SLAINFO, "serviceAgreementid": "other"}
    assert refusal({**GOOD, "slainfo": other}, using)[:2] == (402, 8003)
    assert call_for({**GOOD, "slainfo": SLAINFO}, using).host == "h"


def test_a_configuration_is_as_its_schema_says() -> None:
    """CS-12: invalid configuration options are 400; the value is not told back."""
    schema = {"properties": {"epochs": {"type": "integer"}}, "required": ["epochs"]}
    using = service(configuration_schema=schema)

    call = call_for({**GOOD, "configuration": {"epochs": 2**70}}, using)
    wrong = refusal({**GOOD, "configuration": {"epochs": "secret"}}, using)

    assert says(call.arguments, b'"configuration":{"epochs":%d}' % 2**70)
    assert wrong[2] == "configuration.epochs violates type of its schema"
    assert refusal(GOOD, using)[2] == "configuration violates required of its schema"


def test_a_schema_refers_to_nothing_outside() -> None:
    """Nothing is fetched, and nobody crashes."""
    using = service(configuration_schema={"$ref": "https://some.where/schema"})

    status, _, description = refusal(GOOD, using)

    assert (status, description) == (400, "the schema of the service cannot be applied")


def test_secret_inputs_are_sealed() -> None:
    """6.3: those that are there; one within another is sealed with that."""
    pointers = ["/inputs/n", "/inputs/n/payload", "/configuration/key", "/nowhere"]
    body = {**given(argname="n", payload="hush"), "configuration": {"key": "psst"}}

    call = call_for(body, service(sealed=pointers))

    assert [(one.pointer, json.loads(one.value)) for one in call.sealed] == [
        ("/inputs/n", {"type": "payload", "payload": "hush"}),
        ("/configuration/key", "psst"),
    ]
    assert not says(call.arguments, b"hush")
    assert not says(call.arguments, b"psst")


def test_what_the_dispatcher_refuses_is_told_by_it() -> None:
    """Its status and its words are the gateway's, the shape is the dialect's."""
    refused = WireError(ErrorType.SHUTTING_DOWN, "stopping")

    with pytest.raises(WireError) as caught:
        answer("POST /services/train/jobs", ScriptedMeans(refusal=refused), GOOD)

    assert caught.value is refused
