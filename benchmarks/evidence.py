"""What evidence from the experts' stores adds to routing: `python -m benchmarks.evidence --data DIR [--demo DIR]`.

DIR holds `xquad_en`, `medquad`, `pubmedqa`, `nq_open` and `clinc150`; the demo's directory is what
`python -m doyen_platform.demo.corpora` writes. Each ground truth is judged by one gate, with its stores' evidence and
without. No test question was trained on. `auroc` and `coverage` are by energy against questions of no expert: coverage
is the share of in-domain questions kept when 5 % of the others are let in. The last line is one JSON object.

"planted" questions have words like one expert's training questions, while their documents lie in another's store.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine
from doyen_experts.store.chunking import chunk, embedding_text
from doyen_experts.store.documents import Document
from doyen_router import Encoder, Example, Gate, add_expert, empty_gate, fit_gate, load_encoder
from doyen_router.gate.evidence import USUAL
from doyen_router.gate.inside import auroc, energies
from doyen_router.gate.sketch import Sketch, sketched
from doyen_router.text_features import features

LET_IN = 0.05
DOCUMENT_CHARACTERS = 600
SEED = 0

# Typed by hand, without a look at the documents' words: the demo's training questions are made of titles and headings.
TYPED = {
    "python": "how do I read a csv file line by line|sort a dictionary by its values"
    "|difference between a list and a tuple|catch several exceptions in one clause"
    "|make a temporary directory that deletes itself|parse command line arguments"
    "|run a shell command and get its output|count how often each word occurs|format a date as iso 8601"
    "|join path components in a portable way",
    "sqlalchemy": "load related rows without n+1 queries|roll back when an insert fails|map a class to a table"
    "|add an index on two columns|upsert a row|connection pool keeps running out|write a left outer join"
    "|cascade deletes to child objects|stream a large result set|run raw sql with parameters",
    "fastapi": "declare a dependency in a path operation|return a 404 from an endpoint|validate the request body"
    "|upload a file over http|add cors headers|test my api without starting a server|read a cookie from the request"
    "|serve static files|set a custom response status code|websocket endpoint that echoes messages",
    "celery": "run a job every night at 3am|retry a task when it fails|tasks stay in the queue and never start"
    "|chain two background jobs|limit how many tasks run per minute|kill a task that hangs|use redis as a broker"
    "|store the results of background jobs|start more worker processes|route a task to a certain queue",
    "numpy": "invert a matrix|fit a random forest|split data into training and test sets|average along the second axis"
    "|standardise features before training|find the eigenvalues of a matrix|cluster points into groups"
    "|broadcast two arrays of different shapes|sample random numbers from a normal distribution"
    "|cross validate a classifier",
    "security": "how does a sql injection work|buffer overflow in c|is storing passwords in plain text dangerous"
    "|cross site scripting in a comment field|use after free|hard coded credentials in source"
    "|path traversal when unzipping files|weak random numbers for tokens|race condition between check and use"
    "|missing authorization on an admin page",
    "medicine": "code for type 2 diabetes with kidney disease|broken wrist|chest pain when climbing stairs"
    "|my child has chickenpox|chronic migraine without aura|allergic reaction to penicillin"
    "|pneumonia caused by a virus|burn on the left hand|depression after childbirth|high blood pressure in pregnancy",
    "chemistry": "melting point of tungsten|which element has the highest density|how many protons does gold have"
    "|is mercury liquid at room temperature|who discovered radium|noble gases and their boiling points"
    "|electron configuration of iron|half life of plutonium|electronegativity of fluorine|what is lithium used for",
}


@dataclass(frozen=True)
class Ground:
    """`passages` are (document, text) of each expert. `tests` are questions with their experts, part by part."""

    name: str
    examples: list[Example]
    passages: dict[str, list[tuple[str, str]]]
    tests: dict[str, list[tuple[str, str]]]


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]


def xquad(data: Path, *, examples_each: int, is_shuffled: bool = False) -> Ground:
    """Eight experts of three articles; the examples are of each one's first article only."""
    random = np.random.default_rng(SEED)
    documents = {row["doc_id"]: row for row in rows_of(data / "xquad_en/docs.jsonl")}
    titles = sorted({row["title"] for row in documents.values()})
    order = [titles[place] for place in random.permutation(len(titles))]
    expert_of = {title: f"articles {place // 3}" for place, title in enumerate(order)}
    passages: dict[str, list[tuple[str, str]]] = defaultdict(list)
    holders = [expert_of[row["title"]] for row in documents.values()]
    if is_shuffled:
        holders = [holders[place] for place in random.permutation(len(holders))]
    for holder, (name, row) in zip(holders, documents.items(), strict=True):
        passages[holder].append((name, row["text"]))
    examples: list[Example] = []
    tests: dict[str, list[tuple[str, str]]] = {"same articles": [], "articles without examples": []}
    taken: dict[str, int] = defaultdict(int)
    for row in _shuffled(rows_of(data / "xquad_en/dev_questions.jsonl"), random):
        title = documents[row["doc_id"]]["title"]
        expert = expert_of[title]
        is_first = order.index(title) % 3 == 0
        if is_first and taken[expert] < examples_each:
            taken[expert] += 1
            examples.append(Example(row["question"], expert))
        else:
            tests["same articles" if is_first else "articles without examples"].append((row["question"], expert))
    name = f"xquad, {examples_each} examples each" + (", useless stores" if is_shuffled else "")
    return Ground(name, examples, dict(passages), tests)


def medquad(data: Path, *, examples_each: int) -> Ground:
    """An expert a source. No topic is both trained on and tested; the documents of a third of them lie elsewhere."""
    random = np.random.default_rng(SEED)
    rows = [dict(row, expert=row["url"].split("/")[2]) for row in rows_of(data / "medquad/dev.jsonl")]
    experts = sorted({row["expert"] for row in rows})
    passages: dict[str, list[tuple[str, str]]] = defaultdict(list)
    holder_of: dict[str, str] = {}
    planted: set[str] = set()
    for expert in experts:
        for row in _shuffled([row for row in rows if row["expert"] == expert], random)[:150]:
            topic = str(row["focus"])
            if topic not in holder_of:
                holder_of[topic] = expert
                if random.random() < 1 / 3:
                    planted.add(topic)
                    holder_of[topic] = str(random.choice([other for other in experts if other != expert]))
            passages[holder_of[topic]].append((topic, row["answer"][:DOCUMENT_CHARACTERS]))
    ordinary = [topic for topic in sorted(holder_of) if topic not in planted]
    trained = set(_shuffled(ordinary, random)[: len(holder_of) // 3])
    examples: list[Example] = []
    tests: dict[str, list[tuple[str, str]]] = {"ordinary": [], "planted": []}
    taken: dict[str, int] = defaultdict(int)
    for row in _shuffled(rows, random):
        topic = str(row["focus"])
        if topic not in holder_of:
            continue
        if topic not in trained:
            part = tests["planted" if topic in planted else "ordinary"]
            if len(part) < 1000:
                part.append((row["question"], holder_of[topic]))
        elif taken[holder_of[topic]] < examples_each:
            taken[holder_of[topic]] += 1
            examples.append(Example(row["question"], holder_of[topic]))
    return Ground(f"medquad by source, {examples_each} examples each", examples, dict(passages), tests)


def pubmed(data: Path) -> Ground:
    """Research abstracts against health pages and encyclopaedia articles; five examples each."""
    random = np.random.default_rng(SEED)
    health = _shuffled(rows_of(data / "medquad/dev.jsonl"), random)[:250]
    studies = rows_of(data / "pubmedqa/dev.jsonl")[:250]
    articles = rows_of(data / "xquad_en/docs.jsonl")
    questions = {
        "research": [row["question"] for row in studies],
        "health": [row["question"] for row in health],
        "encyclopaedia": [row["question"] for row in rows_of(data / "xquad_en/dev_questions.jsonl")][::3],
    }
    passages = {
        "research": [(row["pmid"], " ".join(row["contexts"])[: DOCUMENT_CHARACTERS + 100]) for row in studies],
        "health": [(row["id"], row["answer"][:DOCUMENT_CHARACTERS]) for row in health],
        "encyclopaedia": [(row["doc_id"], row["text"]) for row in articles],
    }
    examples: list[Example] = []
    tests: dict[str, list[tuple[str, str]]] = {}
    for expert, texts in questions.items():
        mixed = _shuffled(list(dict.fromkeys(texts)), random)
        examples += [Example(text, expert) for text in mixed[:5]]
        tests[expert] = [(text, expert) for text in mixed[5:]]
    return Ground("pubmedqa against others", examples, passages, tests)


def demo(directory: Path) -> Ground:
    random = np.random.default_rng(SEED)
    examples: list[Example] = []
    passages: dict[str, list[tuple[str, str]]] = {}
    for expert in TYPED:
        rows = rows_of(directory / f"{expert}.jsonl")
        made = [Example(text, expert, group=row["id"]) for row in rows for text in row["questions"]]
        examples += _shuffled(made, random)[:150]
        passages[expert] = [
            (row["id"], embedding_text(piece))
            for row in rows
            for piece in chunk(Document(row["id"], row["title"], row["text"], row["source"]))
        ]
    tests = [(text, expert) for expert, line in TYPED.items() for text in line.split("|")]
    return Ground("demo, questions typed by hand", examples, passages, {"typed": tests})


def gate_of(ground: Ground, encoder: Encoder) -> Gate:
    """Trained; or, without examples, imprinted from the passages alone."""
    if ground.examples:
        sketches = {name: _sketch(encoder, pieces) for name, pieces in ground.passages.items()}
        return fit_gate(ground.examples, encoder, sketches=sketches, seed=SEED)
    gate = empty_gate(encoder)
    for name, pieces in ground.passages.items():
        gate = add_expert(gate, name, encoder, passages=[text for _, text in pieces])[0]
    return replace(gate, card=gate.card.model_copy(update={"evidence": USUAL}))


def ablated(ground: Ground, encoder: Encoder, outside: Sequence[str]) -> dict[str, Any]:
    gate = gate_of(ground, encoder)
    outside_OF = features(encoder, outside)
    report: dict[str, Any] = {
        "examples": len(ground.examples),
        "passages": int(gate.passage_counts.sum()),
        "top_weight": round(gate.card.evidence.top_weight, 2),
        "coverage_weight": round(gate.card.evidence.coverage_weight, 2),
    }
    everything = [pair for pairs in ground.tests.values() for pair in pairs]
    texts_NF = features(encoder, [text for text, _ in everything])
    labels_N = np.array([gate.index(expert) for _, expert in everything])
    part_N = np.array([part for part, pairs in ground.tests.items() for _ in pairs])
    for name, with_evidence in (("without", False), ("with", True)):
        logits_NE = gate.batch_scores(texts_NF, evidence=with_evidence)[0]
        inside_N, outside_O = energies(logits_NE), energies(gate.batch_scores(outside_OF, evidence=with_evidence)[0])
        right_N = logits_NE.argmax(axis=1) == labels_N
        report[name] = {
            "accuracy": {part: round(float(right_N[part_N == part].mean()), 4) for part in ground.tests},
            "auroc": round(auroc(inside_N, outside_O), 4),
            "coverage": round(float((inside_N > np.quantile(outside_O, 1 - LET_IN)).mean()), 4),
        }
    return report


def unmoved_without_documents(data: Path, encoder: Encoder) -> bool:
    """A gate whose experts have no store decides just as it did."""
    rows = _shuffled(rows_of(data / "clinc150/train.jsonl"), np.random.default_rng(SEED))[:400]
    examples = [Example(row["text"], row["domain"]) for row in rows[:300]]
    gate = fit_gate(examples, encoder, sketches={}, seed=SEED)
    texts_NF = features(encoder, [row["text"] for row in rows[300:]])
    return all(
        np.array_equal(gate.judge(text_F, {}).logits_E, gate.judge(text_F, {}, evidence=False).logits_E)
        for text_F in texts_NF
    )


def _sketch(encoder: Encoder, pieces: Iterable[tuple[str, str]]) -> Sketch:
    documents, texts = zip(*pieces, strict=True)
    return sketched(encoder.encode(texts), texts, documents=documents)


def _shuffled(rows: list[Any], random: np.random.Generator) -> list[Any]:
    return [rows[place] for place in random.permutation(len(rows))]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evidence", description="Routing by stores as well")
    parser.add_argument("--data", type=Path, required=True, help="directory with the data sets")
    parser.add_argument("--demo", type=Path, help="directory that `python -m doyen_platform.demo.corpora` wrote")
    options = parser.parse_args(arguments)
    encoder = load_encoder()
    outside = [row["question"] for row in rows_of(options.data / "nq_open/dev.jsonl")[:400]]
    grounds = [
        *(xquad(options.data, examples_each=count) for count in (0, 3, 10)),
        xquad(options.data, examples_each=10, is_shuffled=True),
        *(medquad(options.data, examples_each=count) for count in (10, 60)),
        pubmed(options.data),
        *([demo(options.demo)] if options.demo else []),
    ]
    report: dict[str, Any] = {}
    for ground in grounds:
        report[ground.name] = ablated(ground, encoder, outside)
        print(f"{ground.name}: {json.dumps(report[ground.name])}", flush=True)
    report["clinc150 without documents is unmoved"] = unmoved_without_documents(options.data, encoder)
    print(json.dumps({"machine": machine(), "evidence": report}))


if __name__ == "__main__":
    main()
