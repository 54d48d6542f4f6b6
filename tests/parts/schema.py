"""schema.py SCHEMA FILE.toml: every problem that the published schema finds in a configuration."""

import json
import sys
import tomllib

import jsonschema

schema_file, configuration_file = sys.argv[1:]
with open(schema_file, encoding="utf-8") as file:
    schema = json.load(file)
with open(configuration_file, "rb") as file:
    configuration = tomllib.load(file)
jsonschema.Draft202012Validator.check_schema(schema)
problems = list(jsonschema.Draft202012Validator(schema).iter_errors(configuration))
for problem in problems:
    print(f"{configuration_file}: {problem.json_path}: {problem.message}")
sys.exit(1 if problems else 0)
