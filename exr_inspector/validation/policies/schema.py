"""The JSON schema of a policy file, for editors."""

from __future__ import annotations

from typing import Any

from exr_inspector.validation.policies.file import LEVEL_GLOB, LEVELS, PROFILES, PolicyFile
from exr_inspector.validation.registry import RULES


def json_schema() -> dict[str, Any]:
    """The JSON schema of a policy file, by which editors complete and check it."""
    schema = PolicyFile.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["properties"]["version"]["type"] = ["string", "number"]
    schema["properties"]["name"]["not"] = {"enum": list(PROFILES)}
    # YAML reads the unquoted words off and on as booleans, which is what editors validate.
    schema["$defs"]["Level"] = {"enum": [*LEVELS, True, False]}
    level = {"$ref": "#/$defs/Level"}
    schema["$defs"]["Rules"] = {
        "type": "object",
        "properties": {code: {"description": rule.title, **level} for code, rule in RULES.items()},
        "patternProperties": {LEVEL_GLOB: level},
        "additionalProperties": False,
    }
    for holder in (schema, schema["$defs"]["PathEntry"]):
        holder["properties"]["rules"] = {
            "description": holder["properties"]["rules"]["description"],
            "$ref": "#/$defs/Rules",
        }
    return schema
