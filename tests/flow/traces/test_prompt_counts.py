import pytest

from tracer_spec.flow.traces.prompt_counts import MOST_PROMPTS, Prompts


def counted(**given):
    prompts = Prompts()
    for prompt, n in given.items():
        for _ in range(n):
            prompts.add(prompt if prompt != "none" else None)
    return prompts


@pytest.mark.parametrize("first", [0, 1])
def test_a_source_without_prompts_beside_one_with_a_prompt_is_no_second_task(first):
    both = [counted(classify=40), counted(none=40)]
    whole = both[first]
    whole.update(both[1 - first])
    assert whole.notes() == []


def test_sources_of_two_tasks_are_told():
    whole = counted(classify=40)
    whole.update(counted(mood=30, none=20))
    (said,) = whole.notes()
    assert said.startswith(
        "3 system prompts: 'classify' (40), 'mood' (30), none (20); a certificate speaks of one teacher"
    )


def test_more_prompts_than_an_app_has_tasks_are_forgotten_and_stay_so():
    prompts = counted(**{f"it is {n} o'clock": 20 for n in range(MOST_PROMPTS + 1)})
    prompts.update(counted(a=20, b=20))
    assert (prompts.notes(), dict(prompts.counts)) == ([], {})
