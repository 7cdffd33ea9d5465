#!/usr/bin/env python3
"""Asks `glasshouse serve` for texts that follow drawn JSON Schemas, and validates them with `jsonschema`.

    python json_schemas.py BASE_URL COUNT

The schemas use the keywords of draft 2020-12 that the server takes, nested up to three deep. Prints one JSON object: the number of complete
texts (`complete`), all of them valid, and the first failures.
"""

import json
import random
import sys
import urllib.error
import urllib.request

import jsonschema


def drawn(rng, depth):
    """A schema that some value satisfies."""
    low = rng.randint(-20, 20)
    simple = [
        lambda: {"type": "boolean"},
        lambda: {"type": "null"},
        lambda: {"const": rng.choice([1, "a b", None, [1, "x"], {"k": True}])},
        lambda: {"enum": rng.sample(["red", "green", 3, None, False, [0]], rng.randint(1, 4))},
        lambda: {"type": "integer", "minimum": low, "maximum": low + rng.randint(0, 90)},
        lambda: {"type": "integer", "exclusiveMinimum": low, "exclusiveMaximum": low + rng.randint(2, 9)},
        lambda: {"type": "number", "minimum": low, "maximum": low + rng.randint(1, 9)},
        lambda: {"type": "string", "minLength": rng.randint(0, 3), "maxLength": rng.randint(3, 8)},
        lambda: {"type": "string", "pattern": rng.choice(["^[a-c]{2,4}$", "^x+y?$", "^(on|off)$"])},
        lambda: {"type": "string", "format": rng.choice(["date", "time", "ipv4", "uuid"])},
        lambda: {"type": ["integer", "null"], "minimum": 0, "maximum": 9},
    ]

    def record():
        names = rng.sample(["a", "b", "name", "tags", "é"], rng.randint(1, 3))
        properties = {name: drawn(rng, depth - 1) for name in names}
        required = rng.sample(names, rng.randint(1, len(names)))
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}

    nested = [
        record,
        lambda: {"type": "array", "items": drawn(rng, depth - 1), "minItems": rng.randint(0, 2), "maxItems": rng.randint(2, 3)},
        lambda: {"type": "array", "prefixItems": [drawn(rng, 0), drawn(rng, 0)], "items": False, "minItems": 2},
        lambda: {"anyOf": [drawn(rng, depth - 1), drawn(rng, depth - 1)]},
        lambda: {"$ref": "#/$defs/own", "$defs": {"own": drawn(rng, 0)}} if depth == 3 else drawn(rng, 0),
    ]
    return rng.choice(nested if depth > 0 else simple)()


def judged(url, schema, seed):
    """"complete" for a text that is valid, "cut" for one that max_tokens cut, or what is wrong."""
    wanted = {"type": "json_schema", "json_schema": {"name": "own", "schema": schema}}
    body = {"prompt": "One", "max_tokens": 400, "temperature": 1.0, "seed": seed, "response_format": wanted}
    request = urllib.request.Request(url + "/completions", json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        choice = json.load(urllib.request.urlopen(request))["choices"][0]
        if choice["finish_reason"] == "length":
            return "cut"
        checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
        jsonschema.Draft202012Validator(schema, format_checker=checker).validate(json.loads(choice["text"]))
    except urllib.error.HTTPError as error:
        return f"{schema}: {error.read().decode()}"
    except (ValueError, jsonschema.ValidationError) as error:
        return f"{schema}: {choice['text']}: {error}"
    return "complete"


found = [judged(sys.argv[1], drawn(random.Random(seed), seed % 4), seed) for seed in range(int(sys.argv[2]))]
failures = [one for one in found if one not in ("complete", "cut")]
print(json.dumps({"complete": found.count("complete"), "failures": failures[:5]}))
