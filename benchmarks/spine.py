"""`make bench`: what a routed request costs beside the bare encoder, and that nothing recorded is lost.

Everything runs in this machine's own processes on loopback. The baseline, one inference of the very ONNX session on the
same texts, runs interleaved with the requests, so that both see the same machine.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from benchmarks.machine import machine
from doyen_router.encoder.packaged import packaged_files

KEY = "benchmark-admin-key"
WORDS = (
    *("river", "stone", "market", "engine", "cloud", "garden", "letter", "window"),
    *("signal", "paper", "mountain", "copper", "violin", "harbour", "winter"),
)


def question(number: int) -> str:
    """Distinct short questions, so that no cache helps."""
    picked = [WORDS[(number * step + step) % len(WORDS)] for step in (1, 3, 7)]
    return f"How does the {picked[0]} {picked[1]} number {number} change the {picked[2]}?"


class BareEncoder:
    """Tokenise and run the session: the least that any router on this model must do."""

    def __init__(self) -> None:
        model, tokenizer = packaged_files()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()

    def __call__(self, text: str) -> None:
        ids = np.array([self._tokenizer.encode(text).ids], np.int64)
        ones, zeros = np.ones_like(ids), np.zeros_like(ids)
        self._session.run(None, {"input_ids": ids, "attention_mask": ones, "token_type_ids": zeros})


class Platform:
    """`doyen up` as a process of its own."""

    def __init__(self, data: Path, *arguments: str) -> None:
        self.data = data
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = httpx2.Client(base_url=self.url, headers={"Authorization": f"Bearer {KEY}"}, timeout=60)
        started = time.perf_counter()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "doyen_platform.cli",
                "up",
                "--port",
                str(self.port),
                "--data",
                str(data),
                *arguments,
            ],
            env=os.environ | {"DOYEN_ADMIN_KEY": KEY, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        while True:
            try:
                if self.http.get("/readyz").status_code == 200:
                    break
            except httpx2.TransportError:
                if self.process.poll() is not None:
                    raise RuntimeError("the platform did not start") from None
            time.sleep(0.01)
        self.ready_seconds = time.perf_counter() - started

    def resident_mb(self) -> float:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def lines_until(self, part: str) -> str:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            print(line.rstrip(), file=sys.stderr)
            if part in line:
                return line
        raise RuntimeError(f"the platform never said {part!r}")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=20)


def percentiles(seconds: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(seconds, n=100)
    return {"p50_ms": round(cuts[49] * 1e3, 3), "p99_ms": round(cuts[98] * 1e3, 3)}


class Caller:
    """One kept connection with the standard library's client: a richer one would be measured along."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}

    def __call__(self, text: str) -> str:
        """Returns the decision's id."""
        body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": text}]})
        self._connection.request("POST", "/v1/chat/completions", body, self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200 or answer.headers["x-doyen-expert"] != "echo":
            raise RuntimeError(f"{answer.status} from {answer.headers['x-doyen-expert']}: {content[:200]!r}")
        return str(answer.headers["x-doyen-decision-id"])


def routed(platform: Platform, count: int) -> dict[str, Any]:
    """One caller; the bare encoder and the routed request take turns."""
    bare, ask = BareEncoder(), Caller(platform.port)
    numbers = itertools.count()
    for _ in range(20):
        bare(question(next(numbers)))
        ask(question(next(numbers)))
    encoder_seconds: list[float] = []
    request_seconds: list[float] = []
    for _ in range(count):
        for seconds, work in ((encoder_seconds, bare), (request_seconds, ask)):
            text = question(next(numbers))
            started = time.perf_counter()
            work(text)
            seconds.append(time.perf_counter() - started)
    encoder, request = percentiles(encoder_seconds), percentiles(request_seconds)
    allowed = 1.5 * encoder["p50_ms"] + 2
    return {
        "bare_encoder": encoder,
        "routed_request": request,
        "allowed_p50_ms": round(allowed, 3),
        "holds": request["p50_ms"] <= allowed,
    }


def recorded(platform: Platform, callers: int, each: int) -> dict[str, Any]:
    """Concurrent callers; afterwards every answer's decision is looked for."""
    answered: list[str] = []
    lock = threading.Lock()

    def call(caller: int) -> None:
        ask = Caller(platform.port)
        for number in range(each):
            decision_id = ask(question(1_000_000 + caller * each + number))
            with lock:
                answered.append(decision_id)

    threads = [threading.Thread(target=call, args=(caller,)) for caller in range(callers)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    missing = set(answered)
    after = None
    while True:
        page = platform.http.get("/v1/routing/decisions", params={"limit": 100} | ({"after": after} if after else {}))
        rows = page.json()
        missing -= {row["id"] for row in rows["data"]}
        after = rows["last_id"]
        if not rows["has_more"]:
            break
    return {
        "callers": callers,
        "requests": len(answered),
        "requests_per_second": round(len(answered) / seconds, 1),
        "recorded_share": 1 - len(missing) / len(answered),
    }


def demo(data: Path) -> dict[str, Any]:
    """First start to the last expert and the trained gate; then what a second start costs, and the memory."""
    first = Platform(data, "--demo")
    started = time.perf_counter()
    first.lines_until("demo: ready")
    complete_seconds = time.perf_counter() - started + first.ready_seconds
    for text in ("How do I declare a one-to-many relationship?", "What is the boiling point of mercury?"):
        body = {"model": "auto", "messages": [{"role": "user", "content": text}]}
        first.http.post("/v1/chat/completions", json=body).raise_for_status()
    after_building = first.resident_mb()
    gate = first.http.get("/admin/gates", params={"state": "active"}).json()["data"][0]["card"]["metrics"]
    first.stop()
    again = Platform(data, "--demo")
    second_start = again.ready_seconds
    for number in range(200):
        body = {"model": "auto", "messages": [{"role": "user", "content": question(number)}]}
        again.http.post("/v1/chat/completions", json=body).raise_for_status()
    resident = again.resident_mb()
    again.stop()
    return {
        "first_start_answers_s": round(first.ready_seconds, 2),
        "first_start_complete_s": round(complete_seconds, 1),
        "second_start_s": round(second_start, 2),
        "resident_after_building_mb": round(after_building),
        "resident_mb": round(resident),
        "held_out_accuracy": gate["accuracy"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--skip-demo", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="doyen-bench-") as directory:
        platform = Platform(Path(directory) / "echo")
        body = {
            "name": "echo",
            "kind": "echo",
            "description": "Repeats what is said.",
            "examples": [{"text": question(number)} for number in range(-40, 0)],
        }
        platform.http.post("/admin/experts", json=body).raise_for_status()
        platform.http.put("/admin/policies/default", json={"inside_floor": 0.0}).raise_for_status()
        figures: dict[str, Any] = {"machine": machine(), "routed": routed(platform, given.requests)}
        figures["recorded"] = recorded(platform, callers=16, each=max(10, given.requests // 8))
        platform.stop()
        if not given.skip_demo:
            figures["demo"] = demo(Path(directory) / "demo")
    for part, values in figures.items():
        print(part, json.dumps(values, indent=2))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
