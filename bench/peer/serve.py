# The peer's side of bench/contestant.ts: answers each line of standard input with a line of JSON.
import json
import os
import sys


def serve(work):
    answer([])
    for request in sys.stdin:
        answer(work(request.strip()))


def answer(seconds):
    with open("/proc/self/statm") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    print(json.dumps({"seconds": seconds, "resident": resident}), flush=True)
