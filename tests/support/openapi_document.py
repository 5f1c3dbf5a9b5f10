"""The OpenAPI document as a judge: of itself, and of answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import jsonschema

SCHEMA = Path(__file__).parents[1] / "corpus" / "openapi-3.1" / "schema.json"
METHODS = ("get", "head", "post", "put", "delete", "patch", "options")
_PARAMETER = re.compile(r"\{(\w+)\}")


@attrs.frozen
class Document:
    """One of them."""

    value: Mapping[str, Any]

    def complaints(self) -> list[str]:
        """Return what is wrong with it by the specification."""
        judge = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
        found = [str(error.message) for error in judge.iter_errors(self.value)]
        names = [operation["operationId"] for _, _, operation in self.operations()]
        found += [f"{name} twice" for name in names if names.count(name) > 1]
        for path, method, operation in self.operations():
            declared = {
                one["name"]
                for one in operation.get("parameters", ())
                if one["in"] == "path"
            }
            if declared != set(_PARAMETER.findall(path)):
                found.append(f"{method} {path}: parameters")
            links = self._links(operation)
            found += [f"{name} is linked to" for name in links if name not in names]
        for reference in _references(self.value):
            try:
                self._follow(reference)
            except KeyError:
                found.append(f"{reference} is nowhere")
        for schema in self.value["components"]["schemas"].values():
            jsonschema.Draft202012Validator.check_schema(schema)
        return found

    def operations(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Yield path, method and operation of each."""
        for path, item in self.value["paths"].items():
            for method in METHODS:
                if method in item:
                    yield path, method.upper(), item[method]

    def judge(
        self, path: str, method: str, status: int, media_type: str, body: bytes
    ) -> None:
        """Fail unless an answer is as the document says of the path's template."""
        responses = self.value["paths"][path][method.lower()]["responses"]
        response = responses.get(str(status))
        assert response is not None, f"{method} {path}: {status} is not told of"
        content = response["content"]
        kind = media_type.partition(";")[0]
        assert kind in content, (kind, list(content))
        if kind == "application/json":
            schema = {**content[kind]["schema"], "components": self.value["components"]}
            jsonschema.Draft202012Validator(schema).validate(json.loads(body))

    def _links(self, operation: Mapping[str, Any]) -> list[str]:
        return [
            link["operationId"]
            for response in operation["responses"].values()
            for link in response.get("links", {}).values()
        ]

    def _follow(self, reference: str) -> Any:
        value: Any = self.value
        for step in reference.removeprefix("#/").split("/"):
            value = value[step]
        return value


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)
