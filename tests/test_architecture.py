"""What the structure promises: one direction of imports, a light core, and modules that do nothing when imported."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
ROOTS = {"platform": "doyen_platform", "workers": "doyen_workers", "experts": "doyen_experts", "router": "doyen_router"}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "manager", "managers", "base", "misc"}
HEAVY = ("torch", "faiss", "sklearn", "bm25s", "sentence_transformers", "transformers", "pandas")
UNPICKLING = re.compile(r"^\s*(import|from) (pickle|joblib|cloudpickle|dill)\b|torch\.load\(", re.MULTILINE)
NO_MODULES = ("_migrations", "__pycache__")


def run(program: str, *arguments: str, seconds: float = 120, **variables: str) -> str:
    """Runs a program in a fresh interpreter. Its standard output."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOYEN_")} | variables
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def modules() -> list[str]:
    found = []
    for root, package in ROOTS.items():
        for path in (REPOSITORY / root / package).rglob("*.py"):
            parts = path.relative_to(REPOSITORY / root).with_suffix("").parts
            if not set(parts) & set(NO_MODULES):
                found.append(".".join(part for part in parts if part != "__init__"))
    return sorted(set(found))


def test_a_part_imports_only_parts_below_it() -> None:
    from importlinter.cli import lint_imports  # it configures itself when it is imported

    assert lint_imports(config_filename=str(REPOSITORY / "pyproject.toml"), no_cache=True) == 0


def test_the_contracts_can_be_broken(tmp_path: Path) -> None:
    """An import against the direction is found, so that a green contract means something."""
    for root in ROOTS:
        shutil.copytree(REPOSITORY / root, tmp_path / root, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    wrong = tmp_path / "router" / "doyen_router" / "wrong.py"
    wrong.write_text("import doyen_workers.dispatch\nimport sqlalchemy\n")
    lint = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(str(tmp_path / root) for root in ROOTS)}
    done = subprocess.run(
        [sys.executable, "-c", lint], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "doyen_router.wrong" in done.stdout


def test_the_application_module_is_light() -> None:
    """An API process that hosts no experts must not load what experts need."""
    program = "import sys, doyen_platform.app; print(*[name for name in sys.argv[1:] if name in sys.modules])"
    assert run(program, *HEAVY).split() == []


def test_every_command_starts_light() -> None:
    program = "import sys, doyen_platform.cli.root; print(*[name for name in sys.argv[1:] if name in sys.modules])"
    assert run(program, *HEAVY, "uvicorn").split() == []


INNOCENT = """
import importlib, os, sys

reads, connections = [], []

class Watched(dict):
    def _look(self, name):
        if str(name).startswith("DOYEN"):
            reads.append(name)

    def __getitem__(self, name):
        self._look(name)
        return super().__getitem__(name)

    def get(self, name, default=None):
        self._look(name)
        return super().get(name, default)

    def __contains__(self, name):
        self._look(name)
        return super().__contains__(name)

os.environ = Watched(os.environ)
os.getenv = os.environ.get

def audit(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "sqlite3.connect", "subprocess.Popen"):
        connections.append((event, arguments))
    if event == "open" and str(arguments[0]).endswith((".onnx", ".safetensors", ".db", ".faiss")):
        connections.append((event, arguments))

sys.addaudithook(audit)
for name in sys.stdin.read().split():
    if not name.endswith("__main__"):
        importlib.import_module(name)
assert not reads, f"read when imported: {reads}"
assert not connections, f"opened when imported: {connections}"
import threading
left = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
assert not [name for name in left if name.startswith(("expert", "recorder", "Thread"))], left
"""


def test_importing_a_module_reads_no_setting_and_opens_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INNOCENT],
        input=" ".join(modules()),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_source_roots_and_the_tests_are_no_packages() -> None:
    """`platform/__init__.py` would shadow the standard library, one under tests/ would break the import mode."""
    for root in ROOTS:
        assert not (REPOSITORY / root / "__init__.py").exists()
    assert [str(path) for path in (REPOSITORY / "tests").rglob("__init__.py")] == []
    assert run("import platform; print(platform.__file__)").strip().endswith("platform.py")


def test_every_folder_of_a_part_is_a_package_and_every_part_is_typed() -> None:
    for root, package in ROOTS.items():
        assert (REPOSITORY / root / package / "py.typed").exists()
        for folder in {path.parent for path in (REPOSITORY / root / package).rglob("*.py")}:
            assert (folder / "__init__.py").exists(), folder


def test_modules_have_names_that_say_what_they_hold() -> None:
    wrong = [name for name in modules() if FORBIDDEN_NAMES & set(name.split("."))]
    assert wrong == []


def test_nothing_is_unpickled() -> None:
    """Artifacts come from elsewhere: a pickle would run what it holds."""
    for root, package in ROOTS.items():
        for path in (REPOSITORY / root / package).rglob("*.py"):
            found = re.search(
                r"^\s*(import|from) (pickle|joblib|cloudpickle|dill)\b|torch\.load\(", path.read_text(), re.M
            )
            assert found is None, f"{path}: {found}"


LIGHT_CORE = """
import sys
from pathlib import Path

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "sentence_transformers", "transformers"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())

from starlette.testclient import TestClient
from doyen_platform.app import create_app
from doyen_platform.settings import Settings

settings = Settings(_env_file=None, data_dir=Path(sys.argv[1]), admin_key="light-core-admin-key-0123456789")
EXPERTS = {
    "garden": ["How often are tomatoes watered?", "When are roses pruned?", "What goes on a compost heap?"],
    "sky": ["How far away is the moon?", "What is a red giant star?", "Why do stars twinkle at night?"],
}
with TestClient(create_app(settings), headers={"Authorization": "Bearer light-core-admin-key-0123456789"}) as http:
    for name, questions in EXPERTS.items():
        body = {"name": name, "kind": "echo", "description": f"All about the {name}.",
                "examples": [{"text": question} for question in questions]}
        made = http.post("/admin/experts", json=body)
        assert made.status_code == 201, made.text
    question = {"role": "user", "content": "How often should I water my tomatoes?"}
    answer = http.post("/v1/chat/completions", json={"model": "auto", "messages": [question]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["routing"]["reason"] == "gate", answer.text
    assert answer.json()["model"] == "garden", answer.text
    assert "tomatoes" in answer.json()["choices"][0]["message"]["content"]
    decision = http.get("/v1/routing/decisions/" + answer.headers["x-doyen-decision-id"])
    assert decision.status_code == 200, decision.text
print("torch" in sys.modules)
"""


def test_the_light_core_serves_a_routed_request_without_torch(tmp_path: Path) -> None:
    assert run(LIGHT_CORE, str(tmp_path)).split()[-1] == "False"
