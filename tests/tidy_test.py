#!/usr/bin/env python3
"""tools/tidy finds each kind of violation planted in a small tree, at its line; nothing in a clean one."""

import os
import subprocess
import sys
import tempfile
import unittest

TIDY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools", "tidy")


def header(path, body=""):
    guard = "WAYPOST_" + path.replace("/", "_").replace(".", "_").upper() + "_"
    return f"#ifndef {guard}\n#define {guard}\n{body}\n#endif  // {guard}\n"


CLEAN = {
    "CMakeLists.txt": "project(waypost)\n",
    "CONTRIBUTING.md": "Run tools/up.\n",
    "tools/up": "#!/bin/sh\nexit 0\n",
    "proto/CMakeLists.txt":
        "waypost_proto(NAME ferry_proto DIR waypost/ferry/v1 FILES ferry.proto quay.proto)\n",
    "proto/waypost/ferry/v1/ferry.proto": 'syntax = "proto3";\n',
    "proto/waypost/ferry/v1/quay.proto": 'syntax = "proto3";\n',
    "common/base/CMakeLists.txt": "waypost_library(NAME base SOURCES clock.cc)\n",
    "common/base/clock.h": header("common/base/clock.h", "int Now();"),
    "common/base/clock.cc": '#include "common/base/clock.h"\nint Now() { return 1; }\n',
    "services/ferry/CMakeLists.txt":
        "waypost_library(NAME ferry SOURCES ferry_rules.cc ferry_service.cc module.cc)\n"
        "waypost_binary(NAME ferry-server SOURCES main.cc)\nwaypost_test(NAME ferry SOURCES ferry_test.cc)\n",
    "services/ferry/ferry_rules.h": header("services/ferry/ferry_rules.h", '#include "common/base/clock.h"'),
    "services/ferry/ferry_rules.cc":
        '#include "services/ferry/ferry_rules.h"\n\n#include "waypost/ferry/v1/ferry.pb.h"\n',
    "services/ferry/ferry_service.h":
        header("services/ferry/ferry_service.h", '#include "waypost/ferry/v1/ferry_service.grpc.pb.h"'),
    "services/ferry/ferry_service.cc":
        '#include "services/ferry/ferry_service.h"\n#include <grpcpp/grpcpp.h>\n',
    "services/ferry/module.cc":
        '#include "common/store/rocksdb_store.h"\n#include "services/ferry/ferry_service.h"\n',
    "services/ferry/main.cc": 'int main() { std::cerr << "Usage"; }\n',
    "services/ferry/ferry_test.cc":
        '// A test may sleep_for nothing, and a comment may say std::cout.\n'
        'const char* kText = "std::this_thread::sleep_for(1)";\n',
    "services/quay/CMakeLists.txt": "waypost_library(NAME quay SOURCES quay.cc)\n",
    "services/quay/quay.h": header("services/quay/quay.h"),
    "services/quay/quay.cc": '#include "services/quay/quay.h"\n',
    "services/node/CMakeLists.txt": "waypost_binary(NAME node SOURCES main.cc)\n",
    "services/node/main.cc": '#include "services/quay/quay.h"\n#include <grpcpp/server.h>\nint main() {}\n',
}


def long_function(lines, head="void Sail()"):
    return head + " {\n" + "  Row();\n" * lines + "}\n"


class TidyTest(unittest.TestCase):
    def run_tidy(self, changes):
        """Runs tidy over the clean tree with `changes` (path: text); its findings and exit code."""
        with tempfile.TemporaryDirectory() as root:
            for path, text in {**CLEAN, **changes}.items():
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8") as file:
                    file.write(text)
            done = subprocess.run([sys.executable, TIDY, "--root", root], check=False, text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        lines = done.stdout.splitlines()
        return [line for line in lines if not line.startswith("tidy:")], done.returncode

    def assert_clean(self, changes):
        self.assertEqual(self.run_tidy(changes), ([], 0))

    def assert_found(self, changes, *expected):
        """Each of `expected` is (where, rule): exactly these findings, no others."""
        findings, code = self.run_tidy(changes)
        found = sorted((f.split(": ")[0], f.rsplit("[", 1)[1].rstrip("]")) for f in findings)
        self.assertEqual(found, sorted(expected), "\n".join(findings))
        self.assertEqual(code, 1)

    def with_line(self, path, line):
        """`path` of the clean tree with one more line at its top."""
        return {path: line + "\n" + CLEAN[path]}

    def test_clean_tree(self):
        self.assert_clean({})

    def test_empty_tree_is_an_error_not_a_pass(self):
        with tempfile.TemporaryDirectory() as root:
            done = subprocess.run([sys.executable, TIDY, "--root", root], check=False, capture_output=True)
        self.assertEqual(done.returncode, 2)

    def test_grpc_in_rules_and_elsewhere(self):
        for include in ('"waypost/ferry/v1/ferry_service.grpc.pb.h"', "<grpcpp/grpcpp.h>"):
            self.assert_found(self.with_line("services/quay/quay.cc", f"#include {include}"),
                              ("services/quay/quay.cc:1", "grpc-includes"))
            self.assert_found(self.with_line("common/base/clock.cc", f"#  include {include}"),
                              ("common/base/clock.cc:1", "grpc-includes"))
            self.assert_found(self.with_line("services/ferry/ferry_rules.cc", f"#include {include}"),
                              ("services/ferry/ferry_rules.cc:1", "grpc-includes"),
                              ("services/ferry/ferry_rules.cc:1", "pure-rules"))

    def test_rules_are_pure(self):
        for include in ('"common/store/store.h"', '"common/rpc/call.h"', '"common/base/random.h"', "<thread>",
                        "<fstream>", '"services/ferry/ferry_repository.h"', '"services/ferry/module.h"',
                        '"absl/synchronization/mutex.h"'):
            self.assert_found(self.with_line("services/ferry/ferry_rules.cc", f"#include {include}"),
                              ("services/ferry/ferry_rules.cc:1", "pure-rules"))
        for include in ('"common/status/errors.h"', '"common/policy/policy.h"', "<string>",
                        '"services/ferry/ferry_machine.h"', '"waypost/ferry/storage/v1/ferry_storage.pb.h"'):
            self.assert_clean(self.with_line("services/ferry/ferry_rules.cc", f"#include {include}"))

    def test_services_are_apart(self):
        self.assert_found(
            self.with_line("services/ferry/ferry_service.cc", '#include "services/quay/quay.h"'),
            ("services/ferry/ferry_service.cc:1", "service-arrows"))
        self.assert_found(self.with_line("services/ferry/ferry_test.cc", '#include "services/quay/quay.h"'),
                          ("services/ferry/ferry_test.cc:1", "service-arrows"))
        self.assert_found(self.with_line("common/base/clock.cc", '#include "services/quay/quay.h"'),
                          ("common/base/clock.cc:1", "service-arrows"))

    def test_common_rooms_point_down(self):
        self.assert_found(self.with_line("common/base/clock.cc", '#include "common/store/store.h"'),
                          ("common/base/clock.cc:1", "common-arrows"))

    def test_storage_backends(self):
        self.assert_found(
            self.with_line("services/ferry/ferry_service.cc", '#include "common/store/memory_store.h"'),
            ("services/ferry/ferry_service.cc:1", "storage-backend"))
        self.assert_clean(
            self.with_line("services/ferry/ferry_test.cc", '#include "common/store/memory_store.h"'))
        self.assert_found(self.with_line("services/ferry/module.cc", "#include <rocksdb/db.h>"),
                          ("services/ferry/module.cc:1", "storage-backend"))

    def test_columns(self):
        self.assert_clean(self.with_line("services/quay/quay.cc", "//" + "é" * 108))
        self.assert_found(self.with_line("services/quay/quay.cc", "//" + "é" * 109),
                          ("services/quay/quay.cc:1", "columns"))
        self.assert_found(self.with_line("proto/waypost/ferry/v1/quay.proto", "//" + "x" * 120),
                          ("proto/waypost/ferry/v1/quay.proto:1", "columns"))
        self.assert_clean(self.with_line("services/quay/quay.cc", "// https://" + "x" * 120))
        self.assert_found(self.with_line("services/quay/quay.cc", "\tint tab;"),
                          ("services/quay/quay.cc:1", "columns"))

    def test_function_length(self):
        path = "services/quay/quay.cc"
        for head in ("void Sail()", "Ferry::Ferry(int n) : n_{n}, m_(n)", "Ferry::Ferry(int n)\n    : n_{n}",
                     "TEST(Ferry, Sails)", "template <class T>\nauto Sail(T t) -> int",
                     "namespace a {\nvoid Sail() const", "class Ferry {\n void Sail() override",
                     "absl::Status Sail(std::string_view to = \"x\")"):
            tail = "}\n" if head.startswith("namespace") else "};\n" if head.startswith("class") else ""
            self.assert_clean({path: CLEAN[path] + long_function(70, head) + tail})
            self.assert_found({path: CLEAN[path] + long_function(71, head) + tail},
                              (f"{path}:{2 + head.count(chr(10))}", "function-length"))
        # Blocks and lambdas count with the function around them.
        nested = "void Sail() {\n  auto row = [](int n) {\n" + "    Row(n);\n" * 69 + "  };\n}\n"
        self.assert_found({path: CLEAN[path] + nested}, (f"{path}:2", "function-length"))

    def test_long_tables_types_and_namespaces_are_not_functions(self):
        path = "services/quay/quay.cc"
        rows = "  {A(1), 2},\n" * 90
        for opening, end in (("constexpr Row kTable[] = {\n", "};\n"), ("enum class Port : int {\n", "};\n"),
                             ("namespace quay {\n", "}\n"),
                             ("struct Quay final : Base<int(int)> {\n", "};\n"),
                             ("constexpr auto kTable = std::array<Row, 90>{\n", "};\n")):
            body = "  int a;\n" * 90 if "struct" in opening or "namespace" in opening else rows
            self.assert_clean({path: CLEAN[path] + opening + body + end})

    def test_header_guards(self):
        path = "services/quay/quay.h"
        self.assert_found({path: "#pragma once\n"}, (f"{path}:1", "header-guards"))
        self.assert_found({path: CLEAN[path].replace("QUAY_QUAY", "QUAY")}, (f"{path}:1", "header-guards"))
        self.assert_found({path: CLEAN[path] + "int after;\n"}, (f"{path}:5", "header-guards"))

    def test_dead_files(self):
        self.assert_found({"services/quay/lost.cc": "int lost;\n"}, ("services/quay/lost.cc", "dead-sources"))
        # A name in a comment, in another room or as part of a longer name is no use of the file.
        self.assert_found(
            {"services/quay/lost.cc": "int lost;\n",
             "services/quay/CMakeLists.txt": CLEAN["services/quay/CMakeLists.txt"] + "# lost.cc\n",
             "services/ferry/CMakeLists.txt": CLEAN["services/ferry/CMakeLists.txt"].replace(
                 "SOURCES main.cc", "SOURCES main.cc lost.cc"),
             "services/ferry/lost.cc": "int lost;\n"},
            ("services/quay/lost.cc", "dead-sources"))
        self.assert_clean({"tests/fuzz/CMakeLists.txt": "waypost_fuzz(tests/fuzz/x_fuzz.cc)\n",
                           "tests/fuzz/x_fuzz.cc": "int x;\n"})
        self.assert_found({"proto/waypost/quay/v1/ferry.proto": 'syntax = "proto3";\n'},
                          ("proto/waypost/quay/v1/ferry.proto", "dead-sources"))
        self.assert_found({"services/quay/lost.h": header("services/quay/lost.h")},
                          ("services/quay/lost.h", "dead-headers"))
        self.assert_found({"tools/lost": "#!/bin/sh\n"}, ("tools/lost", "dead-scripts"))
        self.assert_found({"tools/lost.py": "import os\n"}, ("tools/lost.py", "dead-scripts"))
        self.assert_clean({"tools/lost.py": "import os\n", "tools/up": "#!/bin/sh\npython3 lost.py\n"})

    def test_words(self):
        for text in ("TO" "DO: later", "FIX" "ME", "XX" "X", "this is not " "implemented", "see issue " "#12",
                     "as Cla" "ude said", "cp /wor" "k/main/x ."):
            self.assert_found({"README.md": f"First line.\n{text}\n"}, ("README.md:2", "words"))
        self.assert_clean(
            {"README.md": "The session ends. mktemp XXXXXX. UNIMPLEMENTED. ~/work/x. an issue.\n"})

    def test_calls(self):
        quay, test = "services/quay/quay.cc", "services/ferry/ferry_test.cc"
        for line in ('std::cout << "x";', 'printf("x");', "int n = rand();", 'system("ls");',
                     "auto t = absl::Now();",
                     "static Quay& Instance();", "std::random_device seed;", "worker.detach();",
                     "auto t = std::chrono::system_clock::now();"):
            self.assert_found(self.with_line(quay, line), (f"{quay}:1", "calls"))
        self.assert_clean({quay: CLEAN[quay] + 'int main() { std::cout << "a program"; }\n'})
        for line in ("std::this_thread::sleep_for(1s);", "absl::SleepFor(absl::Seconds(1));", "usleep(5);",
                     "TEST(Ferry, DISABLED_Sails) {}"):
            self.assert_found(self.with_line(test, line), (f"{test}:1", "calls"))
        self.assert_found(self.with_line(quay, 'std::fprintf(stderr, "x");'), (f"{quay}:1", "calls"))
        self.assert_clean(self.with_line(quay, 'std::fprintf(stderr, "x %d",\n 1);\nstd::abort();'))
        for line in ("set_deadline(absl::ToChronoTime(absl::Now() + wait));", "auto t = clock.Now();",
                     "// rand()", 'Log("rand()");', "int operand(int);", "ecosystem(1);",
                     "auto s = absl::Seconds(1);", "snprintf(buffer, 4, kFormat);", "steady_clock::now();"):
            self.assert_clean(self.with_line(quay, line))

    def test_lock_files(self):
        self.assert_found({"tools/buf/package-lock.json": '{\n"resolved": "https://example.org/x.tgz"\n}\n'},
                          ("tools/buf/package-lock.json:2", "lock-files"))


if __name__ == "__main__":
    unittest.main()
