"""The Dockerfile, the Kubernetes example and the page that shows them."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import click
import yaml

HOME = Path(__file__).parents[1]
PAGE = (HOME.parents[1] / "docs" / "serve.md").read_text(encoding="utf-8")
DOCKERFILE = (HOME / "Dockerfile").read_text(encoding="utf-8")
MANIFEST = (HOME / "kubernetes.yaml").read_text(encoding="utf-8")
OBJECTS = {each["kind"]: each for each in yaml.safe_load_all(MANIFEST)}
POD = OBJECTS["Deployment"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]


def options() -> dict[str, click.Parameter]:
    from tracer_spec.cli.commands.serve import command

    return {name: each for each in command.params for name in each.opts}


def test_the_container_runs_as_nobody_and_writes_nothing_but_the_log():
    assert POD["securityContext"]["runAsNonRoot"] is True
    secured = CONTAINER["securityContext"]
    assert (secured["readOnlyRootFilesystem"], secured["allowPrivilegeEscalation"]) == (True, False)
    assert secured["capabilities"] == {"drop": ["ALL"]}
    writable = {each["mountPath"] for each in CONTAINER["volumeMounts"] if not each.get("readOnly")}
    assert writable == {"/decisions", "/tmp"}
    user = POD["securityContext"]["runAsUser"]
    assert f"\nUSER {user}:{user}\n" in DOCKERFILE
    assert "--read-only" in DOCKERFILE
    assert '\nENTRYPOINT ["tracer-spec", "serve"]\n' in DOCKERFILE


def test_its_arguments_are_options_of_the_command():
    given = [each for each in CONTAINER["args"] if each.startswith("--")]
    assert [each for each in given if each.partition("=")[0] not in options()] == []
    keys = {each.partition("=")[2] for each in given if each.partition("=")[0] in ("--api-key-env", "--secret-env")}
    assert keys == OBJECTS["Secret"]["stringData"].keys()


def test_probes_ask_what_the_server_answers_and_the_end_has_time():
    probes = {CONTAINER[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    assert probes == {"/readyz", "/healthz"}
    (stop,) = (float(each.partition("=")[2]) for each in CONTAINER["args"] if each.startswith("--stop-within="))
    pause = float(CONTAINER["lifecycle"]["preStop"]["exec"]["command"][-1])
    assert pause + stop < POD["terminationGracePeriodSeconds"]


def test_the_page_shows_the_container_as_it_is():
    (shown,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert textwrap.indent(shown, " " * 8) in MANIFEST


def test_the_page_names_every_metric_and_no_other():
    from tracer_spec_serve.live import Live
    from tracer_spec_serve.metrics import Metrics
    from tracer_spec_serve.settings import Settings

    metrics = Metrics(Live(Settings(upstream="http://x", log="unused"), None), None)
    made = {each.name + ("_total" if each.type == "counter" else "") for each in metrics.collect()}
    shown = set(re.findall(r"\btracer_\w+", PAGE)) - {"tracer_spec"}
    assert made | {"tracer_log_lines_total", "tracer_log_waiting"} == shown


def test_every_option_that_the_page_names_is_one():
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", PAGE)) - {"--read-only", "--tmpfs", "--help", "--shadow"}
    assert named - options().keys() == set()
