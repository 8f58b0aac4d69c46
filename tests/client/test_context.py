"""Where a request comes from, as CI systems tell it."""

import pytest

from boruta_farm.client.context import ci_context

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_REPOSITORY": "acme/firmware",
    "GITHUB_WORKFLOW": "nightly",
    "GITHUB_RUN_ID": "9876543210",
    "GITHUB_RUN_NUMBER": "17",
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_SHA": "0123456789abcdef",
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_PROJECT_PATH": "acme/firmware",
    "CI_JOB_NAME": "boot test",
    "CI_PIPELINE_ID": "421",
    "CI_JOB_URL": "https://gitlab.example/acme/firmware/-/jobs/7",
    "CI_COMMIT_SHA": "fedcba9876543210",
}
JENKINS = {
    "JENKINS_URL": "https://jenkins.example/",
    "JOB_NAME": "firmware/main",
    "BUILD_NUMBER": "12",
    "BUILD_URL": "https://jenkins.example/job/firmware/12/",
}


@pytest.mark.parametrize(
    ("environment", "pipeline", "url"),
    [
        (
            GITHUB,
            "acme/firmware nightly #17",
            "https://github.example/acme/firmware/actions/runs/9876543210",
        ),
        (GITLAB, "acme/firmware boot test #421", "https://gitlab.example/acme/firmware/-/jobs/7"),
        (JENKINS, "firmware/main #12", "https://jenkins.example/job/firmware/12/"),
    ],
)
def test_what_ci_systems_tell(environment: dict[str, str], pipeline: str, url: str) -> None:
    found = ci_context(environment)
    assert (found["pipeline"], found["url"]) == (pipeline, url)


def test_what_is_not_known_is_left_out_and_ones_own_words_come_first() -> None:
    assert ci_context({"PATH": "/bin", "GITHUB_SHA": "1"}) == {}
    assert "commit" not in ci_context(JENKINS)
    own = {**GITLAB, "BORUTA_PIPELINE": "mine", "BORUTA_URL": " "}
    assert ci_context(own) == {
        "pipeline": "mine",
        "commit": GITLAB["CI_COMMIT_SHA"],
        "url": GITLAB["CI_JOB_URL"],
    }
    assert ci_context({"BORUTA_COMMIT": "x" * 5000})["commit"] == "x" * 1024
