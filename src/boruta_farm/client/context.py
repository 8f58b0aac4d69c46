"""Where a request comes from: what the CI system that runs us tells of its job."""

from collections.abc import Mapping
from typing import Final

PIPELINE, COMMIT, URL = "pipeline", "commit", "url"
LONGEST: Final = 1024


def ci_context(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what is known of the CI job that runs us, empty outside of one.

    GitHub Actions, GitLab CI and Jenkins name it by variables of their own; ``BORUTA_PIPELINE``,
    ``BORUTA_COMMIT`` and ``BORUTA_URL`` stand above them, for any other.
    """
    found = _github(environment) or _gitlab(environment) or _jenkins(environment)
    own = {name: environment.get(f"BORUTA_{name.upper()}", "") for name in (PIPELINE, COMMIT, URL)}
    told = {**found, **{name: value for name, value in own.items() if value.strip()}}
    return {name: value.strip()[:LONGEST] for name, value in told.items() if value.strip()}


def _github(given: Mapping[str, str]) -> dict[str, str]:
    if given.get("GITHUB_ACTIONS") != "true":
        return {}
    repository, run = given.get("GITHUB_REPOSITORY", ""), given.get("GITHUB_RUN_ID", "")
    number = given.get("GITHUB_RUN_NUMBER", run)
    server = given.get("GITHUB_SERVER_URL", "https://github.com")
    return {
        PIPELINE: f"{repository} {given.get('GITHUB_WORKFLOW', '')} #{number}",
        COMMIT: given.get("GITHUB_SHA", ""),
        URL: f"{server}/{repository}/actions/runs/{run}",
    }


def _gitlab(given: Mapping[str, str]) -> dict[str, str]:
    if given.get("GITLAB_CI") != "true":
        return {}
    project, job = given.get("CI_PROJECT_PATH", ""), given.get("CI_JOB_NAME", "")
    return {
        PIPELINE: f"{project} {job} #{given.get('CI_PIPELINE_ID', '')}",
        COMMIT: given.get("CI_COMMIT_SHA", ""),
        URL: given.get("CI_JOB_URL", ""),
    }


def _jenkins(given: Mapping[str, str]) -> dict[str, str]:
    if not given.get("JENKINS_URL"):
        return {}
    return {
        PIPELINE: f"{given.get('JOB_NAME', '')} #{given.get('BUILD_NUMBER', '')}",
        COMMIT: given.get("GIT_COMMIT", ""),
        URL: given.get("BUILD_URL", ""),
    }
