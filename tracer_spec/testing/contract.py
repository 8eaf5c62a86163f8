"""The contract of all kinds: the plugin under test, its options, and messages that say how to fix it."""

from __future__ import annotations

import functools
import inspect
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from tracer_spec.errors import TracerError
from tracer_spec.plugin import Options, Plugin
from tracer_spec.plugin.contracts import Provided
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.spec.fields import is_plugin_name

T = TypeVar("T")

HEAVY = ("lightgbm", "onnx", "onnxruntime", "pandas", "pyarrow", "scipy", "sklearn", "tensorflow", "torch",
         "transformers", "xgboost")  # fmt: skip


class ContractBreachError(AssertionError):
    """A plugin does not keep its contract: what was found, what the contract is, how to fix it."""


class Contract:
    """The tests that plugins of every kind must pass; each kind adds its own.

    Attributes
    ----------
    plugin : str or Plugin
        The name of an installed plugin, or the plugin itself.
    options : mapping
        What a spec would write after ``with:``.
    """

    kind: ClassVar[str] = ""
    plugin: str | Plugin[Any] = ""
    options: Mapping[str, Any] = {}
    _kept: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        _quote_rules(cls)

    @classmethod
    def setup_class(cls) -> None:
        """Forget what an earlier run kept, and make the folder of this one."""
        cls._kept = {"folder": Path(tempfile.mkdtemp(prefix="tracer-spec-"))}

    @classmethod
    def teardown_class(cls) -> None:
        """Remove the folder of this run."""
        shutil.rmtree(cls._kept["folder"])
        cls._kept = {}

    # --- what a subclass may say -----------------------------------------------------------------------------------

    def prepare(self, folder: Path) -> Mapping[str, Any]:  # noqa: ARG002 - for those who override it
        """Return the options; override it where they name files, and write those into ``folder`` first.

        Parameters
        ----------
        folder : Path
            Empty, and removed after the tests. Relative paths of the options start there.
        """
        return self.options

    # --- what tests use --------------------------------------------------------------------------------------------

    def kept(self, key: str, make: Callable[[], T]) -> T:
        """Return what ``make`` gave the first time: training once serves many tests."""
        if key not in self._kept:
            self._kept[key] = make()
        held: T = self._kept[key]
        return held

    @property
    def descriptor(self) -> Plugin[Any]:
        """Return the plugin under test."""
        return self.kept("descriptor", self._find)

    def validated(self, given: Mapping[str, Any] | None = None) -> Options:
        """Return options as a build would: by the plugin's own model, relative paths from the folder of the test.

        Parameters
        ----------
        given : mapping, optional
            What a spec would write after ``with:``; what :meth:`prepare` returns by default.
        """
        folder = self._kept["folder"]
        if given is None:
            given = self.kept("options", lambda: dict(self.prepare(folder)))
        return self.descriptor.options.model_validate(dict(given), context={"root": folder})

    def made(self, given: Mapping[str, Any] | None = None) -> Any:
        """Return the plugin's working part, made anew, of these options."""
        return self.descriptor.make(self.validated(given))

    def installed(self, otherwise: str) -> Provided:
        """Return the plugin with who ships it; skip the test where it is not installed, and ``otherwise`` ends the reason."""
        if not isinstance(self.plugin, str):
            raise unittest.SkipTest(f"the plugin is not installed under a name{otherwise}")
        return find_plugins().get(self.kind, self.plugin)

    def require(self, holds: bool, found: str, *, fix: str) -> None:
        """Raise where a condition does not hold.

        Raises
        ------
        ContractBreachError
        """
        __tracebackhide__ = True
        if not holds:
            raise ContractBreachError(found, fix)

    def _find(self) -> Plugin[Any]:
        if isinstance(self.plugin, Plugin):
            return self.plugin
        if not self.plugin:
            raise ContractBreachError(f"{type(self).__name__} names no plugin", "set plugin = 'its-name'")
        found: Plugin[Any] = find_plugins().get(self.kind, self.plugin).plugin
        return found

    def _called(self) -> str:
        name = self.plugin if isinstance(self.plugin, str) else getattr(self.plugin, "name", "")
        return f"{self.kind} '{name}'"

    # --- the tests of all kinds ------------------------------------------------------------------------------------

    def test_it_describes_itself(self) -> None:
        """A plugin has a name that a spec can use, a summary of one line, and a description for each option."""
        plugin = self.descriptor
        self.require(
            is_plugin_name(plugin.name) and plugin.name == plugin.name.lower(),
            f"it is called {plugin.name!r}",
            fix="call it by lower case letters, digits and dashes",
        )
        self.require(
            bool(plugin.summary.strip()) and "\n" not in plugin.summary and len(plugin.summary) <= 120,
            f"its summary is {plugin.summary!r}",
            fix="say in one line of at most 120 characters what it does: 'tracer-spec plugins' prints it in a table",
        )
        silent = [name for name, field in plugin.options.model_fields.items() if not field.description]
        self.require(
            not silent,
            f"the options {', '.join(silent)} have no description",
            fix="write Field(default, description=\"...\"): editors and 'tracer-spec plugins NAME' show it",
        )

    def test_its_options_are_frozen_and_refuse_unknown_keys(self) -> None:
        """Options are a frozen pydantic model that knows every key it takes, so that a misspelt key is an error."""
        config = self.descriptor.options.model_config
        self.require(
            issubclass(self.descriptor.options, Options)
            and config.get("extra") == "forbid"
            and bool(config.get("frozen")),
            f"its options have extra={config.get('extra')!r} and frozen={config.get('frozen')}",
            fix="derive them from tracer_spec.plugin.Options and leave its model_config as it is",
        )

    def test_its_options_survive_the_bundle(self) -> None:
        """Options pass through JSON unchanged: a bundle holds those of the embedder, and restores it from them."""
        options = self.validated()
        again = self.descriptor.options.model_validate(options.model_dump(mode="json"))
        self.require(
            again == options,
            f"{options!r} came back as {again!r}",
            fix="use types that JSON has, or give the field a serialiser and a validator that undo each other",
        )

    def test_importing_it_is_light(self) -> None:
        """Every command imports every plugin's module, so heavy libraries are imported inside make, or later."""
        heavy = _heavy_imports_of(self.installed(", so there is no entry point to import").distribution)
        self.require(
            not heavy, f"importing its module imports {', '.join(heavy)}", fix="move those imports into make or fit"
        )


@functools.lru_cache
def _heavy_imports_of(distribution: str) -> tuple[str, ...]:
    """Return the heavy libraries that the entry points of a distribution bring in, in a fresh process."""
    code = (
        f"import sys; sys.path[:] = {sys.path!r}\n"
        "from importlib.metadata import distribution\n"
        "import tracer_spec.plugin; before = set(sys.modules)\n"
        f"for entry in distribution({distribution!r}).entry_points:\n"
        "    if entry.group == 'tracer_spec': entry.load()\n"
        f"print(*sorted(set({HEAVY!r}) & (set(sys.modules) - before)))"
    )
    run = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return tuple(run.stdout.split())


def _quote_rules(cls: type[Contract]) -> None:
    """Have the tests that a class itself defines quote their rules, which are their docstrings, when they fail."""
    for name, test in list(vars(cls).items()):
        if name.startswith("test_") and inspect.isfunction(test):
            setattr(cls, name, _with_rule(test))


def _with_rule(test: Callable[..., None]) -> Callable[..., None]:
    rule = " ".join((inspect.getdoc(test) or "").split())

    def breach_of(contract: Contract, found: str, fix: str) -> ContractBreachError:
        return ContractBreachError(f"{contract._called()}: {found}\n  contract: {rule}\n  fix: {fix}")

    @functools.wraps(test)
    def wrapped(self: Contract) -> None:
        try:
            test(self)
        except ContractBreachError as breach:
            __tracebackhide__ = True
            if len(breach.args) != 2:
                raise
            raise breach_of(self, *breach.args) from None
        except (AssertionError, unittest.SkipTest):
            raise
        except Exception as error:
            found = f"raised {type(error).__name__}: {what_is_said(error, 500)}"
            raise breach_of(self, found, "fix what raised; its traceback is above") from error

    return wrapped


def what_is_said(error: Exception, most: int) -> str:
    """Return what an error says, on one line of at most so many characters."""
    said = error.problems[0].what if isinstance(error, TracerError) else str(error)
    return " ".join(said.split())[:most]


_quote_rules(Contract)


def breaches(contract: type[Contract]) -> dict[str, str]:
    """Run a contract without pytest.

    Parameters
    ----------
    contract : type of Contract
        A subclass that names its plugin.

    Returns
    -------
    dict of str to str
        The message of each test that failed, by the test's name; empty where the plugin keeps its contract. Tests that do
        not apply are passed over.

    Examples
    --------
    >>> from tracer_spec.testing import FamilyContract
    >>> class Mine(FamilyContract):
    ...     plugin = "global"
    >>> breaches(Mine)
    {}
    """
    found: dict[str, str] = {}
    contract.setup_class()
    try:
        for name in sorted(each for each in dir(contract) if each.startswith("test_")):
            try:
                getattr(contract(), name)()
            except unittest.SkipTest:
                continue
            except AssertionError as breach:
                found[name] = str(breach)
    finally:
        contract.teardown_class()
    return found
