from collections.abc import Callable

import pytest

from tracer_spec.spec import LoadedSpec, load_spec

Load = Callable[..., LoadedSpec]
Problems = Callable[..., list[str]]


def test_an_override_replaces_what_the_file_says(load: Load, minimal: str) -> None:
    loaded = load(minimal, ["target.agreement=0.95", "seed=7"])
    assert (loaded.spec.target.agreement, loaded.spec.seed) == (0.95, 7)
    assert loaded.where(("target", "agreement")) == "--set target.agreement"
    assert loaded.where(("target",)) == "router.yaml:5:9"
    assert loaded.text == minimal


def test_the_last_override_wins(load: Load, minimal: str) -> None:
    assert load(minimal, ["seed=1", "seed=2"]).spec.seed == 2


def test_a_bare_plugin_name_takes_options(load: Load, minimal: str) -> None:
    loaded = load(minimal + "zoo: [logreg, mlp]\n", ["zoo[0].with.C=2", "embedder.with.dim=128"])
    assert (loaded.spec.zoo[0].use, loaded.spec.zoo[0].options) == ("logreg", {"C": 2})
    assert (loaded.spec.zoo[1].use, loaded.spec.zoo[1].options) == ("mlp", {})
    assert (loaded.spec.embedder.use, loaded.spec.embedder.options) == ("lsa", {"dim": 128})


def test_mappings_on_the_way_are_made_and_an_index_at_the_end_appends(load: Load, minimal: str) -> None:
    loaded = load(minimal, ["split.certify=0.3", "guards[0]=prototypes", "guards[1].use=ball", "zoo[0]=dt"])
    assert loaded.spec.split.certify == 0.3
    assert [guard.use for guard in loaded.spec.guards] == ["prototypes", "ball"]
    assert [surrogate.use for surrogate in loaded.spec.zoo] == ["dt"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[strip, casefold]", ("strip", "casefold")),
        ("['json:a']", ("json:a",)),
        ("- strip\n- casefold", ("strip", "casefold")),
    ],
)
def test_a_value_is_read_as_yaml(load: Load, minimal: str, text: str, value: tuple[str, ...]) -> None:
    assert load(minimal, [f"traces.labels.normalize={text}"]).spec.traces.labels.normalize == value


def test_a_value_may_hold_what_separates_keys(load: Load, minimal: str) -> None:
    loaded = load(
        minimal,
        ["traces.format={label: a, text: b}", "traces.format.where=status == 'ok' && a.b[0] == 'x=y'"],
    )
    assert loaded.spec.traces.format.where == "status == 'ok' && a.b[0] == 'x=y'"  # type: ignore[union-attr]


def test_a_key_that_holds_a_dot_is_quoted(load: Load, minimal: str) -> None:
    loaded = load(minimal, ['traces.labels.aliases."top.up"=top_up', 'traces.labels.aliases."a\\"b"=c'])
    assert loaded.spec.traces.labels.aliases == {"top.up": "top_up", 'a"b': "c"}


def test_variables_expand_in_overrides_and_an_override_spares_one_that_is_not_set(load: Load, minimal: str) -> None:
    loaded = load(minimal.replace("lsa", "${UNSET}"), ["embedder=${E}", "seed=${S:-3}"], {"E": "other"})
    assert (loaded.spec.embedder.use, loaded.spec.seed) == ("other", 3)


def test_overrides_work_on_a_mapping_too() -> None:
    source = {
        "version": 1,
        "name": "a",
        "traces": {"use": "jsonl"},
        "embedder": "lsa",
        "target": {"agreement": 0.9},
    }
    assert load_spec(source, overrides=["embedder.with.dim=8"], environ={}).spec.embedder.options == {"dim": 8}
    assert source["embedder"] == "lsa"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (
            "target.agreemnt=0.9",
            "--set target.agreemnt  target.agreemnt\n"
            "  there is no key 'agreemnt'; known: end_to_end, agreement,"
            " confidence, min_coverage, calibrator, labels\n  hint: did you mean 'agreement'?",
        ),
        (
            "target.agreement=92",
            "--set target.agreement  target.agreement\n  92 is not between 0 and 1 (exclusive)\n  hint: write 0.92",
        ),
        (
            "seed=",
            "--set seed  seed\n  null is not a whole number at least 0\n  hint: give it a value, or leave the key out",
        ),
        (
            "zoo[2].use=mlp",
            "--set zoo[2].use  zoo[2].use\n  zoo is not in the spec: [2] is past the end\n"
            "  hint: the next one would be [0]",
        ),
        ("name.x=1", "--set name.x  name.x\n  name is 'support-intents', which has no keys to set"),
        ("name[0]=1", "--set name[0]  name[0]\n  name is 'support-intents', which is no list"),
        (
            "seed=[1",
            "--set seed\n  not YAML: expected ',' or ']', but got '<stream end>' while parsing a flow sequence\n"
            "  hint: close every [ and {, on the line or below it, and put commas between what is inside",
        ),
        ("seed=a\x00", "--set seed\n  the character U+0000 is not allowed in YAML"),
        (
            "guards.use=x",
            "--set guards.use  guards\n  a mapping is not a list\n  hint: start each item with '- '",
        ),
    ],
)
def test_what_is_wrong_with_an_override_is_placed_at_the_override(
    problems: Problems, minimal: str, override: str, said: str
) -> None:
    assert problems(minimal, override) == [said]


FORM = "hint: write KEY=VALUE, for instance target.agreement=0.95 or zoo[0].with.C=2; quote a key that holds a dot"


@pytest.mark.parametrize(
    ("override", "what"),
    [
        ("seed", "there is no KEY=VALUE in it"),
        ("=1", "there is no KEY=VALUE in it"),
        ("", "there is no KEY=VALUE in it"),
        ("a..b=1", "the key cannot be read from character 2 on"),
        ("[0]=1", "the key cannot be read from character 1 on"),
        (".a=1", "the key cannot be read from character 1 on"),
        ("a[x]=1", "the key cannot be read from character 2 on"),
        ("a[9999999]=1", "the key cannot be read from character 2 on"),
        ('"a\\qb"=1', "the key 'a\\qb' holds a bad escape"),
    ],
)
def test_an_override_that_cannot_be_read_says_how_to_write_one(
    problems: Problems, minimal: str, override: str, what: str
) -> None:
    assert problems(minimal, override) == [f"--set '{override}'\n  {what}\n  {FORM}"]
