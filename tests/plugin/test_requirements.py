from pathlib import Path

import pytest

from tracer_spec.plugin import Options, Plugin
from tracer_spec.plugin.contracts import Provided
from tracer_spec.plugin.requirements import missing_dependency

METADATA = """\
Metadata-Version: 2.1
Name: acme-tracer
Version: 2.0
Provides-Extra: all
Provides-Extra: arrow
Provides-Extra: dev
Requires-Dist: numpy>=1
Requires-Dist: pyarrow>=15; extra == "all"
Requires-Dist: lance[x] (>=1); python_version > "3" and extra == 'all'
Requires-Dist: pyarrow>=15; extra == 'arrow'
Requires-Dist: pytest; extra == "dev"
Requires-Dist: pyarrow; extra == "dev"
"""


@pytest.fixture
def provided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Provided:
    """A plugin of a distribution that has extras."""
    folder = tmp_path / "acme_tracer-2.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(METADATA)
    monkeypatch.syspath_prepend(tmp_path)
    return Provided("source", Plugin("arrow", "Arrow files", lambda options: options, Options), "acme-tracer", "2.0")


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("pyarrow", "pip install 'acme-tracer[arrow]'"),
        ("pyarrow.parquet", "pip install 'acme-tracer[arrow]'"),
        ("lance", "pip install 'acme-tracer[all]'"),
        ("numpy", "pip install --upgrade acme-tracer"),
        ("sklearn", "pip install --upgrade acme-tracer"),
    ],
)
def test_the_command_names_the_smallest_extra_that_brings_the_module(
    provided: Provided, module: str, command: str
) -> None:
    (problem,) = missing_dependency(provided, ModuleNotFoundError("gone", name=module)).problems
    assert problem.hint == command
    assert problem.what == (
        f"the source 'arrow' of acme-tracer 2.0 needs the module '{module.split('.')[0]}', "
        f"which cannot be imported: gone"
    )


def test_an_import_error_without_a_module_names_the_distribution(provided: Provided) -> None:
    (problem,) = missing_dependency(provided, ImportError("broken")).problems
    assert problem.what == "the source 'arrow' of acme-tracer 2.0 fails to import what it needs: broken"
    assert problem.hint == "pip install --upgrade acme-tracer"


def test_a_distribution_that_is_not_installed_has_no_extras() -> None:
    unknown = Provided("guard", Plugin("a", "a", lambda options: options), "no-such-distribution-anywhere", "1")
    (problem,) = missing_dependency(unknown, ImportError("gone", name="pyarrow")).problems
    assert problem.hint == "pip install --upgrade no-such-distribution-anywhere"
