"""The problems of a service, by check."""

from waivern.service.health import Health, HealthProblem


def test_the_success_of_one_check_does_not_clear_the_failure_of_another() -> None:
    health = Health()
    health.report("task", "pruning", "pruning failed")
    health.report("task", "heartbeat", "no heartbeat")
    assert health.clear("task", "heartbeat")
    assert not health.clear("schedule", "pruning")
    assert health.problems() == [HealthProblem("pruning failed")]


def test_a_problem_is_new_once_and_again_when_it_changes() -> None:
    health = Health()
    found = [health.report("task", "pruning", text) for text in ("full", "full", "locked", "full")]
    assert found == [True, False, True, True]


def test_replacing_the_problems_of_a_kind_keeps_those_of_others() -> None:
    health = Health()
    health.report("task", "a", "failed")
    assert health.replace("runbook", {"a": "1", "b": "2"}, is_serious=False) == ["a", "b"]
    assert health.replace("runbook", {"b": "2", "c": "3"}, is_serious=False) == ["c"]
    assert [problem.text for problem in health.problems()] == ["failed", "2", "3"]
