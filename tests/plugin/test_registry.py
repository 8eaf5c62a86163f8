import importlib
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

from tracer_spec.errors import PluginError
from tracer_spec.plugin.kept_plugins import KEPT_PLUGINS
from tracer_spec.plugin.registry import HOOKS, KINDS, Registry, find_plugins
from tracer_spec.testing.distribution import put_distribution

GOOD = """
    from tracer_spec.plugin import Plugin, hookimpl

    @hookimpl
    def tracer_spec_families():
        yield Plugin("{name}", "a family of a third party", lambda options: None)
"""


@pytest.fixture
def ship(tmp_path, monkeypatch):
    """Put a distribution on the path as a bare .dist-info folder and a module, as an installer leaves them."""

    def put(distribution, code, version="1.2", entry="plugin"):
        module = distribution.replace("-", "_") + "_module"
        put_distribution(tmp_path, distribution, version, {entry: module}, **{module: textwrap.dedent(code)})
        monkeypatch.delitem(sys.modules, module, raising=False)

    monkeypatch.syspath_prepend(tmp_path)
    return put


def test_the_built_ins_come_through_the_same_door():
    registry = find_plugins()
    assert {"global", "l2d", "rsb"} <= set(registry.of_kind("family"))
    assert registry.get("family", "l2d").distribution == "tracer-spec"


def test_a_third_partys_plugin_is_found_with_who_ships_it(ship):
    ship("acme-tracer", GOOD.format(name="acme"))
    provided = find_plugins().get("family", "acme")
    assert (provided.kind, provided.name, provided.distribution, provided.version) == (
        "family",
        "acme",
        "acme-tracer",
        "1.2",
    )


def test_plugins_are_sorted_by_kind_and_name(ship):
    ship("zzz-tracer", GOOD.format(name="aaa"))
    registry = find_plugins()
    assert [(KINDS.index(each.kind), each.name) for each in registry.provided] == sorted(
        (KINDS.index(each.kind), each.name) for each in registry.provided
    )


def test_an_unknown_name_lists_those_known_and_who_provides_them(ship):
    ship("acme-tracer", GOOD.format(name="acme"))
    with pytest.raises(PluginError) as caught:
        find_plugins().get("family", "acmee")
    (problem,) = caught.value.problems
    assert problem.what == "no family is called 'acmee'; known: global, l2d, rsb (built in), acme (acme-tracer 1.2)"
    assert problem.hint == "did you mean 'acme'?"


def test_a_plugin_of_ours_that_is_not_installed_is_named_with_what_installs_it():
    said = {}
    for kind, name in (("surrogate", "lightgbm"), ("embedder", "OpenAI"), ("source", "lightgbm")):
        with pytest.raises(PluginError) as caught:
            Registry((), ()).get(kind, name)
        (problem,) = caught.value.problems
        said[kind] = problem.hint
    assert said == {
        "surrogate": "pip install tracer-spec-lightgbm (./plugins/tracer-spec-lightgbm in a clone)",
        "embedder": "did you mean 'openai'? pip install tracer-spec-openai (./plugins/tracer-spec-openai in a clone)",
        "source": "",
    }


def test_the_plugins_that_may_be_installed_are_those_that_are_kept_in_the_repository(monkeypatch):
    found = {}
    for file in sorted((Path(__file__).parents[2] / "plugins").glob("*/pyproject.toml")):
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        monkeypatch.syspath_prepend(file.parent)
        for module in project.get("entry-points", {}).get("tracer_spec", {}).values():
            loaded = importlib.import_module(module)  # what it needs is imported where the plugin is made
            for kind, hook in HOOKS.items():
                found |= {(kind, each.name): project["name"] for each in getattr(loaded, hook, tuple)()}
    assert found == KEPT_PLUGINS


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import a_module_that_is_not_there", "ModuleNotFoundError: No module named 'a_module_that_is_not_there'"),
        ("raise SystemError('at  import\\n time')", "SystemError: at import time"),
        ("class Panic(BaseException): pass\nraise Panic('at import time')", "Panic: at import time"),
    ],
)
def test_an_entry_point_that_does_not_import_is_recorded_and_everything_else_stays(ship, code, reason):
    ship("broken-tracer", code, entry="broken")
    registry = find_plugins()
    (broken,) = registry.broken
    assert (broken.kind, broken.name, broken.distribution, broken.reason) == (
        "entry point",
        "broken",
        "broken-tracer",
        reason,
    )
    assert "l2d" in registry.of_kind("family")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise ValueError('no')", "ValueError: no"),
        ("raise BaseException('no Exception')", "BaseException: no Exception"),
        (
            "return ['a string']",
            "PluginError:   the hook yielded str, not a tracer_spec.plugin.Plugin".replace("  ", " ").replace(
                "  ", " "
            ),
        ),
        ("return [Plugin('x', 'y', 3)]", "PluginError: the make of 'x' cannot be called"),
        (
            "return [Plugin('x', 'y', print, dict)]",
            "PluginError: the options of 'x' are not a subclass of tracer_spec.plugin.Options",
        ),
        (
            "return [Plugin('x', 'y', print, Unwritable)]",
            "PluginError: the options of 'x' have no JSON Schema: Cannot generate a JsonSchema for "
            "core_schema.CallableSchema",
        ),
        ("return [Plugin('x', 3, print)]", "PluginError: the summary of 'x' is int, not text"),
        ("return [Plugin(3, 'y', print)]", "PluginError: the name 3 is not of lower case letters, digits and dashes"),
        (
            "return [Plugin('My Own', 'y', print)]",
            "PluginError: the name 'My Own' is not of lower case letters, digits and dashes",
        ),
        ("return 3", "TypeError: 'int' object is not iterable"),
    ],
)
def test_a_hook_that_breaks_its_contract_loses_its_own_plugins_alone(ship, body, reason):
    ship(
        "odd-tracer",
        f"""
    from collections.abc import Callable
    from tracer_spec.plugin import Options, Plugin, hookimpl

    class Unwritable(Options):
        hook: Callable[[int], int] = abs

    @hookimpl
    def tracer_spec_families():
        {body}

    @hookimpl
    def tracer_spec_guards():
        return [Plugin("fine", "still here", lambda options: None)]

    @hookimpl
    def tracer_spec_calibrators():
        return [Plugin("silent", "measures nobody knows what", lambda options: None)]
    """,
    )
    registry = find_plugins()
    assert [(each.kind, each.reason) for each in registry.broken] == [
        (
            "calibrator",
            "PluginError: 'silent' is described by Plugin; a calibrator is described by "
            "tracer_spec.plugin.CalibratorPlugin, which says what it measures and whether it tests",
        ),
        ("family", reason),
    ]
    assert registry.get("guard", "fine").distribution == "odd-tracer"


def test_a_descriptor_that_is_wrong_loses_itself_alone(ship):
    ship(
        "odd-tracer",
        """
    from tracer_spec.plugin import Plugin, hookimpl

    @hookimpl
    def tracer_spec_guards():
        yield Plugin("first", "before it", lambda options: None)
        yield Plugin("wrong", 3, lambda options: None)
        yield Plugin("last", "after it", lambda options: None)
    """,
    )
    registry = find_plugins()
    assert [(each.kind, each.name) for each in registry.broken] == [("guard", "wrong")]
    assert {"first", "last"} <= set(registry.of_kind("guard"))


def test_two_plugins_of_one_name_are_both_refused_and_both_named(ship):
    ship("one-tracer", GOOD.format(name="same"))
    ship("two-tracer", GOOD.format(name="same"), version="2.0")
    registry = find_plugins()
    assert "same" not in registry.of_kind("family")
    with pytest.raises(PluginError, match=r"provided twice, by one-tracer 1\.2 and two-tracer 2\.0") as caught:
        registry.get("family", "same")
    hint = "uninstall one-tracer or two-tracer; 'tracer-spec plugins' lists every plugin's state"
    assert caught.value.problems[0].hint == hint


def test_a_built_in_cannot_be_taken_over(ship):
    ship("evil-tracer", GOOD.format(name="l2d"))
    with pytest.raises(PluginError, match=r"provided twice, by evil-tracer 1\.2 and tracer-spec") as caught:
        find_plugins().get("family", "l2d")
    assert caught.value.problems[0].hint.startswith("uninstall evil-tracer; ")


def test_a_hook_that_does_not_exist_is_a_broken_plugin(ship):
    ship(
        "misspelt-tracer",
        "from tracer_spec.plugin import hookimpl\n\n@hookimpl\ndef tracer_spec_familys():\n    return []\n",
    )
    (broken,) = find_plugins().broken
    assert "tracer_spec_familys" in broken.reason


def test_what_a_plugin_prints_when_it_is_imported_or_asked_goes_to_stderr(ship, capsys):
    chatty = GOOD.format(name="chatty").replace("yield", "print('asked')\n        yield") + "    print('imported')\n"
    ship("chatty-tracer", chatty)
    assert "chatty" in find_plugins().of_kind("family")
    assert capsys.readouterr() == ("", "imported\nasked\n")


def test_finding_plugins_imports_no_heavy_library():
    code = (
        "import sys; from tracer_spec.plugin.registry import find_plugins; r = find_plugins(); assert r.provided;"
        "print([m for m in ('sklearn', 'scipy', 'onnx', 'onnxruntime', 'xgboost', 'pandas', 'pyarrow') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
