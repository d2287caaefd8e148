"""Imports point one way: api → nlp, training → nlp, eval → nlp and api. Never back."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {"nlp": set(), "api": {"nlp"}, "training": {"nlp"}, "eval": {"nlp", "api", "training"}}


def imported_packages(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from (name.partition(".")[0] for name in names)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_one_way(package):
    allowed = MAY_IMPORT[package] | {package}
    files = list((ROOT / package).rglob("*.py"))
    assert files
    strange = {
        (str(path.relative_to(ROOT)), name)
        for path in files
        for name in imported_packages(path)
        if name in MAY_IMPORT and name not in allowed
    }
    assert strange == set()


def test_tagging_needs_none_of_the_training_libraries():
    code = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'sklearn', 'gensim', 'bertopic'):\n"
        "    sys.modules[name] = None\n"
        "from nlp import Comment, Tagger\n"
        "print(Tagger.load().tag_one(Comment('1', 'Rask levering')).themes[0].theme)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "delivery_time"
