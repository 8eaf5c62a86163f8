"""A pip package of a model's folder: installed by pip, found by its name, the same bytes each time."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distributions

import pytest
from click.testing import CliRunner

from tools.model_package import main, model_wheel


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "minilm"
    (place / "onnx").mkdir(parents=True)
    for name, content in {
        "onnx/model.onnx": b"graph",
        "tokenizer.json": b"{}",
        "LICENSE": b"free",
        "config.json": b"{}",
    }.items():
        (place / name).write_bytes(content)
    return place


def test_pip_installs_it_and_its_files_are_found_by_its_name(folder, tmp_path):
    done = CliRunner().invoke(
        main, [str(folder), "--name", "Acme.mini-LM", "--version", "1.2", "--out", str(tmp_path / "dist")]
    )
    assert done.exit_code == 0, done.output
    wheel = tmp_path / "dist" / "acme_mini_lm-1.2-py3-none-any.whl"
    assert done.output == f"{wheel}\n"
    options = ("--no-index", "--no-deps", "--target", str(tmp_path / "site"))
    command = [sys.executable, "-m", "pip", "install", *options, str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    (found,) = list(distributions(path=[str(tmp_path / "site")]))
    assert (found.name, found.version) == ("Acme.mini-LM", "1.2")
    held = {file.name: file.locate().read_bytes() for file in found.files if file.parent.name == "acme_mini_lm"}
    assert held == {"model.onnx": b"graph", "tokenizer.json": b"{}", "LICENSE": b"free"}


def test_the_same_files_give_the_same_bytes(folder):
    name, content = model_wheel(folder, name="acme", version="1")
    (folder / "tokenizer.json").touch()
    assert model_wheel(folder, name="acme", version="1") == (name, content)


@pytest.mark.parametrize(
    ("name", "version", "file", "said"),
    [
        ("acme/../x", "1", None, "letters, digits"),
        ("acme", "latest", None, "numbers and dots"),
        ("acme", "1", "onnx/small.onnx", "one model is wanted, found none"),
    ],
)
def test_what_pip_would_not_take_is_refused(folder, tmp_path, name, version, file, said):
    words = [str(folder), "--name", name, "--version", version, "--out", str(tmp_path / "dist")]
    done = CliRunner().invoke(main, [*words, *(["--file", file] if file else [])])
    assert done.exit_code == 1
    assert said in done.output
    assert not (tmp_path / "dist").exists()


def test_a_folder_of_two_models_or_without_a_tokenizer_is_refused(folder):
    (folder / "small.onnx").write_bytes(b"small")
    two = CliRunner().invoke(main, [str(folder), "--name", "acme", "--version", "1"])
    assert "one model is wanted, found onnx/model.onnx, small.onnx; name it with --file" in two.output
    (folder / "tokenizer.json").unlink()
    none = CliRunner().invoke(main, [str(folder), "--name", "acme", "--version", "1", "--file", "small.onnx"])
    assert "holds no tokenizer.json" in none.output
