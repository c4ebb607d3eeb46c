#!/usr/bin/env python3
"""hsds_validate.py SCHEMA FILE: 0 when every service of FILE, an array, is valid against the JSON schema.

1 with a line for each error, and where there is no validator (Debian's python3-jsonschema).
"""
import json
import sys

try:
    import jsonschema
except ImportError:
    sys.exit("there is no jsonschema here: tools/install-dependencies installs python3-jsonschema")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    with open(sys.argv[2], encoding="utf-8") as file:
        services = json.load(file)
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    errors = [f"/{index}/{'/'.join(map(str, error.path))}: {error.message[:200]}"
              for index, service in enumerate(services) for error in validator.iter_errors(service)]
    print("\n".join(errors))
    sys.exit(1 if errors or not services else 0)


if __name__ == "__main__":
    main()
