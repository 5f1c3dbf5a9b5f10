"""Services over HTTP: registered, listed, described, replaced and retired."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from csapi_cases import (
    ASSET,
    DEFINITION,
    SITE,
    TABLE,
    a_job,
    answer,
    complaint_of,
    settings,
    value_of,
)
from scripted_means import JOB, ScriptedMeans

from harpcaller.adapters.csapi.settings import Settings
from protocol.jsontext import decode, encode

SECRET = {**TABLE, "agreements": ["paid-4711"], "exec_allow": ["rm .*"]}
NONE = Settings()


def registered(*names: str, **table: Any) -> ScriptedMeans:
    """Return operations that remember services."""
    means = ScriptedMeans()
    for name in names:
        told = answer(f"PUT /services/{name}", means, {**TABLE, **table}, NONE)
        assert told.status == 201, told
    return means


def test_a_service_is_registered_and_replaced() -> None:
    """CS-4: 201, then 200; it is found by its name."""
    means = registered("own")
    other = {**TABLE, "definition": {**DEFINITION, "version": "2"}}

    again = answer("PUT /services/own", means, other, NONE)
    shown = value_of(answer("GET /services/own", means, using=NONE))

    assert again.status == 200
    assert again.headers["Location"] == "/services/own"
    assert shown == value_of(again)
    assert shown["name"] == "own"
    assert shown["endpoint"] == f"{SITE}/services/own"
    assert shown["definition"]["version"] == "2"
    assert shown["default"] is False


def test_nothing_of_what_a_service_calls_is_told() -> None:
    """Anybody may ask; who has paid and what may be run is the operator's."""
    shown = answer("GET /services/own", registered("own", **SECRET), using=NONE)

    assert isinstance(shown.body, bytes)
    for secret in (b"4711", b"rm .*", b'"host"', b'"procedure"'):
        assert secret not in shown.body


@pytest.mark.parametrize("name", ["A", "-a", "a" * 65, "a.b", "a%20b"])
def test_a_name_is_a_short_word(name: str) -> None:
    """CS-4: it stands in addresses."""
    told = answer(f"PUT /services/{name}", body=TABLE)

    assert complaint_of(told)[:2] == (400, 400)


def test_all_that_is_wrong_with_a_registration_is_told() -> None:
    """Its places are those of the body."""
    told = answer("PUT /services/own", body={"hosts": "h", "procedure": "p"})

    assert complaint_of(told)[2] == (
        'hosts: unknown key "hosts", did you mean "host"?; '
        "definition: expected an object; host: expected a string, not empty"
    )


def test_services_of_the_configuration_stay_as_they_are() -> None:
    """CS-4: 409; who comes after the administrator's file would be surprised."""
    put = answer("PUT /services/train", body=TABLE)
    delete = answer("DELETE /services/train")

    assert complaint_of(put)[:2] == complaint_of(delete)[:2] == (409, 409)


def test_one_service_is_the_default() -> None:
    """A second one is refused until the first one is none any more."""
    means = registered("one", default=True)
    body = {**TABLE, "default": True}

    second = answer("PUT /services/two", means, body, NONE)
    same = answer("PUT /services/one", means, body, NONE)

    assert complaint_of(second)[0] == 409
    assert '"one"' in complaint_of(second)[2]
    assert same.status == 200


def test_a_retired_service_takes_no_jobs_and_tells_of_those_it_had() -> None:
    """CS-4, G-15: 503; it is described no more."""
    means = registered("own", default=True)
    means.jobs[JOB] = a_job(JOB, service="own")
    asset_id = value_of(answer("GET /services/own", means, using=NONE))["asset_id"]
    body = {"inputs": [ASSET]}

    retired = answer("DELETE /services/own", means, using=NONE)

    def ask(request: str) -> int:
        return answer(request, means, body, NONE).status

    assert (retired.status, retired.body) == (204, b"")
    assert ask("GET /services/own/heartbeat") == ask("GET /heartbeat") == 503
    assert ask("POST /services/own/jobs") == ask("POST /jobs") == 503
    assert ask(f"POST /api/v1/invoke/async/{asset_id}") == 503
    assert ask(f"GET /services/own/jobs/status/{JOB}") == 200
    assert ask(f"GET /api/v1/invoke/jobs/{JOB}") == 200
    assert ask("DELETE /services/own") == ask("GET /services/own") == 404
    assert value_of(answer("GET /services/", means, using=NONE)) == {"services": []}
    assert ask("PUT /services/own") == 400  # no table, but not because it was there
    assert answer("PUT /services/own", means, TABLE, NONE).status == 201
    assert ask("GET /services/own/heartbeat") == 200


def test_another_service_may_be_the_default_after_one_retired() -> None:
    """The one that lives answers."""
    means = registered("own", default=True)
    answer("DELETE /services/own", means, using=NONE)
    told = answer("PUT /services/zoo", means, {**TABLE, "default": True}, NONE)

    assert told.status == 201
    assert answer("GET /heartbeat", means, using=NONE).status == 200


def test_services_are_listed_by_name() -> None:
    """Those of the configuration and those registered alike."""
    means = registered("own", "zoo")

    listed = value_of(answer("GET /services/", means))["services"]

    assert [one["name"] for one in listed] == ["own", "train", "zoo"]


def test_the_document_describes_the_provider() -> None:
    """CS-3: services as DEP 6 has them, endpoints as its later draft does."""
    told = value_of(answer("GET /api/ddo", registered("own")))

    assert told["@context"] == "https://www.w3.org/2019/did/v1"
    assert told["id"] == "did:dep:" + "ab" * 32
    assert told["service"] == [
        {"type": f"DEP.{kind}.v1", "serviceEndpoint": f"{SITE}/api/v1/{word}"}
        for kind, word in [("Invoke", "invoke"), ("Meta", "meta"), ("Auth", "auth")]
    ]
    assert told["services"][1] == {
        "name": "train",
        "description": "Trains a model",
        "servicedefinition": DEFINITION,
    }
    assert [one["name"] for one in told["services"]] == ["own", "train"]


def test_a_service_without_a_description_is_described_by_its_title() -> None:
    """CS-1: only the name has to be there."""
    about = {"name": "Bare", "endpoint": "x"}
    definition = {**DEFINITION, "servicedescription": about}
    using = settings(bare={**TABLE, "definition": definition})

    told = value_of(answer("GET /api/ddo", using=using))

    assert told["services"][0]["description"] == "Bare"


def test_an_asset_id_is_the_digest_of_what_is_kept() -> None:
    """6.4: also where a later version would describe the same service otherwise."""
    means = registered("own")
    kept: Any = decode(means.kept["service/own"])
    means.kept["service/own"] = encode({**kept, "metadata": '{"old": "way"}'})

    asset_id = value_of(answer("GET /services/own", means, using=NONE))["asset_id"]
    told = answer(f"GET /api/v1/meta/data/{asset_id}", means, using=NONE)

    assert asset_id == hashlib.sha3_256(b'{"old": "way"}').hexdigest()
    assert told.body == b'{"old": "way"}'


def test_a_registration_of_another_version_is_told_of() -> None:
    """It hides none of the others."""
    means = registered("own", "zoo")
    means.kept["service/own"] = encode(
        {"table": {"new": 1}, "metadata": "{}", "is_retired": False}
    )

    told = answer("GET /services/own/heartbeat", means, using=NONE)
    listed = value_of(answer("GET /services/", means, using=NONE))["services"]

    assert complaint_of(told)[0] == 503
    assert "another version" in complaint_of(told)[2]
    assert [one["name"] for one in listed] == ["zoo"]
