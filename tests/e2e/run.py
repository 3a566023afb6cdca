#!/usr/bin/env python3
"""Runs the end-to-end tests, each class in a process and, where the kernel allows it, a network namespace of its own.

tests/e2e/run.py [-k PATTERN]... [-j N] [-l]    the last line is `N passed, N failed, N skipped`
The programs come from FAIRLEAD_BIN (a build directory), by default build/dev.
"""
import argparse
import concurrent.futures
import fnmatch
import json
import os
import pathlib
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
LONGEST_FIRST = ["test_bulk", "test_garbage", "test_direct", "test_direct_odd", "test_identity", "test_endpoints", "test_probe"]
CLASS_TIMEOUT = 480
FAILURE_LINES = 40
MOST_AGAIN = 2  # classes that get a second run; more failures than that are no accident


def namespace_command():
    """What starts a process in a network namespace of its own, as root or, inside a user namespace, without."""
    unshare = ["unshare", "--net"] if os.getuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]
    try:
        works = subprocess.run([*unshare, "ip", "link", "set", "lo", "up"], capture_output=True).returncode == 0
    except FileNotFoundError:
        works = False
    return unshare if works else []


def all_tests(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from all_tests(item)
        else:
            yield item


def select(patterns):
    """{"test_relay.Names": ["test_relay.Names.test_x", ...]}, the longest modules first."""
    sys.path.insert(0, str(HERE))
    classes = {}
    for test in all_tests(unittest.TestLoader().discover(str(HERE))):
        if patterns and not any(fnmatch.fnmatch(test.id(), f"*{pattern}*") for pattern in patterns):
            continue
        classes.setdefault(test.id().rpartition(".")[0], []).append(test.id())
    def rank(name):
        module = name.split(".")[0]
        return LONGEST_FIRST.index(module) if module in LONGEST_FIRST else len(LONGEST_FIRST)
    return dict(sorted(classes.items(), key=lambda item: rank(item[0])))


class Recorder(unittest.TextTestResult):
    """Says how each test went and how long it took, as it ends."""

    def startTest(self, test):
        super().startTest(test)
        self.begin = time.monotonic()
        self.bad_before = len(self.failures) + len(self.errors)
        self.skipped_before = len(self.skipped)

    def stopTest(self, test):
        super().stopTest(test)
        took = time.monotonic() - self.begin
        if len(self.failures) + len(self.errors) > self.bad_before:
            how = "FAILED"
        else:
            how = "skipped" if len(self.skipped) > self.skipped_before else "ok"
        why = f": {self.skipped[-1][1]}" if how == "skipped" else ""
        print(f"{how:8}{took:6.1f} s  {test.id()}{why}", flush=True)


def run_here(names):
    """In the child process: runs the tests of one class and prints a JSON line for the parent."""
    if os.environ.get("FAIRLEAD_E2E_NETNS") == "1":
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    sys.path.insert(0, str(HERE))
    suite = unittest.TestLoader().loadTestsFromNames(names)
    result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Recorder, verbosity=0).run(suite)
    bad = {getattr(test, "test_case", test).id() for test, _ in result.failures + result.errors}
    print(json.dumps({"ran": result.testsRun, "bad": len(bad), "skipped": len(result.skipped)}), flush=True)


def run_class(name, tests, prefix):
    environment = dict(os.environ, FAIRLEAD_E2E_NETNS="1" if prefix else "0", PYTHONDONTWRITEBYTECODE="1")
    command = [*prefix, sys.executable, str(pathlib.Path(__file__).resolve()), "--here", *tests]
    try:
        answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                errors="replace", timeout=CLASS_TIMEOUT)
        output = answer.stdout
        counts = json.loads(output.splitlines()[-1])
        output = output[:output.rstrip().rfind("\n") + 1]
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"").decode(errors="replace") + f"\n{name}: not within {CLASS_TIMEOUT} s\n"
        counts = {"ran": len(tests), "bad": len(tests), "skipped": 0}
    except (ValueError, IndexError):
        output += f"\n{name}: ended without a result\n"
        counts = {"ran": len(tests), "bad": len(tests), "skipped": 0}
    return output, counts


def summary(output):
    return [line for line in output.splitlines() if line.startswith(("ok ", "FAILED ", "skipped "))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", dest="patterns", action="append", metavar="PATTERN",
                        help="only tests whose name contains this; * is a wildcard; may be given several times")
    parser.add_argument("-j", dest="jobs", type=int, default=2)
    parser.add_argument("-l", dest="list", action="store_true", help="list the tests, run none")
    parser.add_argument("--here", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        return run_here(options.here)
    classes = select(options.patterns)
    if options.list:
        print("\n".join(test for tests in classes.values() for test in tests))
        return 0
    prefix = namespace_command()
    if not prefix:
        print("no network namespaces here: the tests that need one are skipped")
    total = {"ran": 0, "bad": 0, "skipped": 0}
    failed = []

    def count(name, output, counts):
        print(output if counts["bad"] else "\n".join(summary(output)), flush=True)
        for key in total:
            total[key] += counts[key]
        if counts["bad"]:
            failed.extend([f"{name}:", *output.splitlines()[-FAILURE_LINES:]])

    again = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        running = {pool.submit(run_class, name, tests, prefix): name for name, tests in classes.items()}
        for future in concurrent.futures.as_completed(running):
            output, counts = future.result()
            if counts["bad"] and len(again) < MOST_AGAIN:
                print(output, flush=True)
                again.append(running[future])
            else:
                count(running[future], output, counts)
    # A shared machine may stand still for seconds: what failed is run once more by itself, and both runs are shown.
    for name in again:
        print(f"once more, by itself: {name}", flush=True)
        count(name, *run_class(name, classes[name], prefix))
    # At the end, where a reader who sees only the end of a long log finds it.
    if failed:
        print("\n".join(["failed:", *failed]))
    passed = total["ran"] - total["bad"] - total["skipped"]
    print(f"{passed} passed, {total['bad']} failed, {total['skipped']} skipped")
    return 1 if total["bad"] or not total["ran"] else 0


if __name__ == "__main__":
    sys.exit(main())
