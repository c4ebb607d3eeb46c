#!/usr/bin/env python3
"""docs/reference/errors.md lists every reason of the sources, with its gRPC code, and no other."""

import os
import re
import sys
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
DOC = "docs/reference/errors.md"

# Make(code, reason, ...): the code may be a variable, the reason a literal, a constant or a parameter.
_MAKE = re.compile(r'\bMake\(\s*(absl::StatusCode::\w+|\w*code)\s*,\s*([^,]+?)\s*,')
_CONSTANT = re.compile(r'\bconstexpr\s+(?:std|absl)::string_view\s+(\w+)\s*=\s*"([A-Z][A-Z0-9_]*)"')
_HELPER = re.compile(r'\b(\w+)\(std::string_view reason\b')
_ROW = re.compile(r'^\| `([A-Z][A-Z0-9_]*)` \| ([A-Z_]+(?:, [A-Z_]+)*) \| ([^|]+) \| ([^|]+) \|$')


def code_name(written):
    """"absl::StatusCode::kInvalidArgument" -> "INVALID_ARGUMENT"; "" for a variable."""
    match = re.fullmatch(r"absl::StatusCode::k(\w+)", written)
    return re.sub(r"(?<!^)(?=[A-Z])", "_", match.group(1)).upper() if match else ""


def reasons_of(text, where, constants=None):
    """Pairs of a reason and its code ("" where it is a variable) in one source. ValueError for a reason that
    cannot be told from the text. `constants`: those of other sources."""
    constants = {**(constants or {}), **dict(_CONSTANT.findall(text))}
    found = set()
    for match in _MAKE.finditer(text):
        code, reason = code_name(match.group(1)), match.group(2).split("::")[-1]
        if re.fullmatch(r'"[A-Z][A-Z0-9_]*"', reason):
            found.add((reason.strip('"'), code))
        elif reason in constants:
            found.add((constants[reason], code))
        elif reason == "reason":
            helpers = _HELPER.findall(text[:match.start()])
            if not helpers:
                raise ValueError(f"{where}: whose reason is made here?")
            calls = re.findall(rf'\b{helpers[-1]}\(\s*"([A-Z][A-Z0-9_]*)"', text)
            found |= {(call, code) for call in calls}
        else:
            raise ValueError(f"{where}: the reason '{reason}' is neither a literal nor a constant")
    return found


def is_product(path):
    return (path.endswith((".cc", ".h")) and "/testing/" not in path
            and not re.search(r"_(test|fuzz|test_util|rig|testing)\.(cc|h)$", path)
            and path not in ("common/status/errors.h",))


def reasons_in_sources():
    texts = {}
    for top in ("common", "services", "tools"):
        for folder, _, files in os.walk(os.path.join(ROOT, top)):
            for name in sorted(files):
                path = os.path.relpath(os.path.join(folder, name), ROOT)
                if is_product(path):
                    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                        texts[path] = file.read()
    constants = {}
    for text in texts.values():
        constants.update(_CONSTANT.findall(text))
    found = {}
    for path, text in texts.items():
        # The maker itself is no use of it.
        text = re.sub(r"absl::Status Make\(absl::StatusCode code.*?\n}\n", "", text, flags=re.DOTALL)
        for reason, code in reasons_of(text, path, constants):
            found.setdefault(reason, set()).add(code)
    return found


def reasons_in_doc(text):
    found = {}
    for line in text.splitlines():
        match = _ROW.match(line)
        if match:
            if match.group(1) in found:
                raise ValueError(f"{match.group(1)} is listed twice")
            found[match.group(1)] = set(match.group(2).split(", "))
        elif line.startswith("| `"):
            raise ValueError(f"not a row of an error: {line}")
    return found


class ErrorsDoc(unittest.TestCase):

    def setUp(self):
        self.sources = reasons_in_sources()
        with open(os.path.join(ROOT, DOC), encoding="utf-8") as file:
            self.doc = reasons_in_doc(file.read())

    def test_lists_every_reason(self):
        self.assertGreater(len(self.sources), 50)
        self.assertEqual(sorted(set(self.sources) - set(self.doc)), [], f"not in {DOC}")

    def test_lists_no_reason_that_does_not_exist(self):
        self.assertEqual(sorted(set(self.doc) - set(self.sources)), [], f"only in {DOC}")

    def test_gives_the_code_that_the_source_gives(self):
        for reason, codes in self.sources.items():
            for code in codes - {""}:
                self.assertIn(code, self.doc.get(reason, set()), reason)


class Reading(unittest.TestCase):

    def test_finds_reasons_however_they_are_given(self):
        text = '''
            constexpr std::string_view kAgain = "SECOND_ONE";
            absl::Status Refused(std::string_view reason, std::string_view name) {
              return error::Make(absl::StatusCode::kFailedPrecondition, reason, name);
            }
            auto a = Make(absl::StatusCode::kNotFound,
                          "FIRST_ONE", "x");
            auto b = error::Make(code, kAgain, "x");
            auto d = error::Make(absl::StatusCode::kAborted, internal::kElsewhere, "x");
            auto c = Refused("THIRD_ONE", name);
        '''
        self.assertEqual(reasons_of(text, "x.cc", {"kElsewhere": "FOURTH_ONE"}), {
            ("FIRST_ONE", "NOT_FOUND"), ("SECOND_ONE", ""), ("THIRD_ONE", "FAILED_PRECONDITION"),
            ("FOURTH_ONE", "ABORTED")})

    def test_does_not_pass_over_what_it_cannot_tell(self):
        for reason in ("why", "kUnknown", 'Cat("A")', '"lower"'):
            with self.assertRaises(ValueError):
                reasons_of(f'Make(absl::StatusCode::kAborted, {reason}, "x")', "x.cc")

    def test_refuses_a_malformed_or_repeated_row(self):
        row = "| `A_B` | ABORTED | Meaning. | Act. |"
        self.assertEqual(reasons_in_doc(row), {"A_B": {"ABORTED"}})
        with self.assertRaises(ValueError):
            reasons_in_doc(row + "\n" + row)
        with self.assertRaises(ValueError):
            reasons_in_doc("| `A_B` | ABORTED |")


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
