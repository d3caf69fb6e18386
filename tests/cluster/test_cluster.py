"""How the tests of a cluster read and drive kubectl, without a cluster: on what kubectl prints, and a program in its place."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cluster.cluster import CONTEXT, Cluster, KubectlError, Pod, pods_in, primary_in, replicas_in, served_in
from cluster.readiness import Readiness
from cluster.recorded import deployment, line, listed, pod, unscheduled_pod

# Answers each command with the next line of a file for its first words, the last one for ever; and writes down what it was asked.
STAND_IN = """
import json, pathlib, signal, sys
folder, words = pathlib.Path(sys.argv[1]), sys.argv[2:]
assert words[:4] == ["--context", "kind-carnet", "--namespace", "carnet"], words
with (folder / "asked").open("a") as asked:
    asked.write(json.dumps(words[4:]) + "\\n")
answers = json.loads((folder / "answers.json").read_text())
key = max((key for key in answers if " ".join(words[4:]).startswith(key)), key=len, default=None)
if key is None:
    sys.exit(0)
said = answers[key].pop(0) if len(answers[key]) > 1 else answers[key][0]
(folder / "answers.json").write_text(json.dumps(answers))
if said == "hang":
    signal.pause()
if said.startswith("error: "):
    sys.stderr.write(said)
    sys.exit(1)
sys.stdout.write(said)
"""
Answers = dict[str, list[str]]


class StandIn:
    """A program in kubectl's place. Without an answer for a command it says nothing, and ends well."""

    def __init__(self, folder: Path, answers: Answers) -> None:
        self._folder = folder
        (folder / "answers.json").write_text(json.dumps(answers))
        self.cluster = Cluster((sys.executable, "-I", "-c", STAND_IN, str(folder)))

    @property
    def asked(self) -> list[str]:
        """Every command, in order."""
        return [" ".join(json.loads(words)) for words in (self._folder / "asked").read_text().splitlines()]


@pytest.fixture
def answering(tmp_path: Path) -> Callable[[Answers], StandIn]:
    return lambda answers: StandIn(tmp_path, answers)


def test_a_pod_is_read_as_the_api_describes_it() -> None:
    said = listed(
        pod("identity-7d9f-x2x4k", "u1", restarts=(0, 2)),
        pod("identity-7d9f-9zzzz", "u2", ready="False"),
        pod("identity-5c4b-aaaaa", "u3", deleted="2026-11-22T10:00:45Z"),
        pod("identity-5c4b-bbbbb", "u4", ready="Unknown"),
        unscheduled_pod("identity-5c4b-ccccc", "u5"),
    )
    assert pods_in(said) == [
        Pod("identity-7d9f-x2x4k", "u1", is_ready=True, is_going=False, restarts=2),
        Pod("identity-7d9f-9zzzz", "u2", is_ready=False, is_going=False, restarts=0),
        Pod("identity-5c4b-aaaaa", "u3", is_ready=True, is_going=True, restarts=0),
        Pod("identity-5c4b-bbbbb", "u4", is_ready=False, is_going=False, restarts=0),
        Pod("identity-5c4b-ccccc", "u5", is_ready=False, is_going=False, restarts=0),
    ]
    assert pods_in(listed()) == []


def test_what_is_wanted_is_read_and_not_what_happens_to_be_there() -> None:
    assert replicas_in(deployment("documents", 3)) == 3


def test_the_primary_is_the_pod_that_hello_names() -> None:
    assert primary_in("mongodb-1.mongodb:27017\n") == "mongodb-1"
    assert primary_in("Warning: Could not access file: /x\nmongodb-2.mongodb.carnet.svc.cluster.local:27017\n") == "mongodb-2"
    assert [primary_in(said) for said in ("undefined\n", "", "mongodb-1\n", "elsewhere:27017\n")] == [""] * 4


def test_calls_that_were_answered_are_counted_and_nothing_else_a_service_says() -> None:
    read = "/carnet.documents.v1.DocumentQueryService/ReadDocument"
    log = [
        line(read),
        '{"event": "ready", "level": "info"}',
        line(read, "UNAVAILABLE"),
        line(read)[:40],
        "Traceback",
        "[1]",
        "",
        line(read),
    ]
    assert served_in("\n".join(log)) == 2


async def test_a_cluster_that_is_missing_is_told_with_what_is_missing(answering: Callable[[Answers], StandIn]) -> None:
    assert await answering({"config": ["minikube\n"]}).cluster.why_unreachable() == f"kubectl has no context {CONTEXT}: make kind-up"
    refused = answering({"config": [f"minikube\n{CONTEXT}\n"], "get deployments": ["error: connection refused"]})
    assert await refused.cluster.why_unreachable() == f"the cluster of context {CONTEXT} does not answer: error: connection refused"
    assert await answering({"config": [f"{CONTEXT}\n"]}).cluster.why_unreachable() == ""
    assert "does not answer" in await Cluster(("/nowhere/kubectl",)).why_unreachable()


async def test_a_command_that_does_not_end_is_ended(answering: Callable[[Answers], StandIn]) -> None:
    with pytest.raises(KubectlError, match=r"^kubectl get pods did not end within 0\.5 s$"):
        await answering({"get pods": ["hang"]}).cluster.run("get", "pods", within=timedelta(seconds=0.5))


async def test_a_pod_is_lost_without_its_grace_and_awaited_until_another_serves(answering: Callable[[Answers], StandIn]) -> None:
    lost, coming, new = pod("consent-1", "u1"), pod("consent-2", "u2", ready="False"), pod("consent-2", "u2")
    pods = [listed(one) for one in (lost, coming, new)]
    stand_in = answering({"get pods": pods, "get deployment/consent": [deployment("consent", 1)]})
    await stand_in.cluster.lose_pod("consent")
    assert stand_in.asked[:2] == [
        "get pods --selector app.kubernetes.io/name=consent --output json",
        "delete pod/consent-1 --grace-period=0 --force --wait=false",
    ]


async def test_the_pod_that_is_named_is_the_one_that_is_lost(answering: Callable[[Answers], StandIn]) -> None:
    """A member of a StatefulSet comes back under its name: it is another by its uid alone."""
    members = [pod(f"mongodb-{number}", f"u{number}") for number in range(3)]
    after = [*members[:2], pod("mongodb-2", "u9")]
    stand_in = answering({"get pods": [listed(*members), listed(*members), listed(*after)], "get statefulset": [deployment("mongodb", 3)]})
    await stand_in.cluster.lose_pod("mongodb", "mongodb-2")
    assert [words for words in stand_in.asked if words.startswith("delete")] == [
        "delete pod/mongodb-2 --grace-period=0 --force --wait=false"
    ]


async def test_a_rolling_restart_is_over_when_every_pod_is_another_and_none_is_going(answering: Callable[[Answers], StandIn]) -> None:
    old, new = pod("audit-1", "u1"), pod("audit-2", "u2")
    both = listed(pod("audit-1", "u1", deleted="2026-11-22T10:00:45Z"), new)
    stand_in = answering({"get pods": [listed(old), both, listed(new)], "get deployment/audit": [deployment("audit", 1)]})
    await stand_in.cluster.restart("audit")
    assert stand_in.asked[1:3] == ["rollout restart deployment/audit", "rollout status deployment/audit --timeout=240s"]
    assert len([words for words in stand_in.asked if words.startswith("get pods")]) >= 3


async def test_replicas_are_given_back_also_when_a_test_fails(answering: Callable[[Answers], StandIn]) -> None:
    one, three = [pod("documents-1", "u1")], [pod(f"documents-{number}", f"u{number}") for number in range(1, 4)]
    wanted = [deployment("documents", number) for number in (1, 3, 1)]
    stand_in = answering({"get pods": [listed(*three), listed(*one)], "get deployment/documents": wanted})
    with pytest.raises(ZeroDivisionError):
        async with stand_in.cluster.scaled("documents", 3):
            raise ZeroDivisionError
    assert [words for words in stand_in.asked if words.startswith("scale")] == [
        "scale deployment/documents --replicas=3",
        "scale deployment/documents --replicas=1",
    ]


async def test_the_primary_is_asked_of_the_members_until_one_knows_it(answering: Callable[[Answers], StandIn]) -> None:
    stand_in = answering(
        {"exec mongodb-0": ["error: pod not found"], "exec mongodb-1": ["undefined\n"], "exec mongodb-2": ["mongodb-1.mongodb:27017\n"]}
    )
    assert await stand_in.cluster.primary() == "mongodb-1"
    with pytest.raises(KubectlError, match=r"^mongodb-0 knows no primary; mongodb-1 knows no primary; mongodb-2 knows no primary$"):
        await answering({"exec": ["undefined\n"]}).cluster.primary()


async def test_calls_are_counted_from_the_log_of_a_pod_since_a_moment(answering: Callable[[Answers], StandIn]) -> None:
    stand_in = answering({"logs documents-1": [line("/a/b") + "\n" + line("/a/b") + "\n"]})
    assert await stand_in.cluster.served("documents-1", datetime(2026, 11, 22, 10, 0, 0, 900, tzinfo=UTC)) == 2
    assert stand_in.asked == ["logs documents-1 --container service --since-time=2026-11-22T10:00:00+00:00"]


def test_readiness_that_was_lost_once_is_told() -> None:
    ready, unready = (
        pods_in(listed(pod("audit-1", "u1", restarts=(3,)))),
        pods_in(listed(pod("audit-1", "u1", ready="False", restarts=(4,)))),
    )
    seen = Readiness(ready)
    with pytest.raises(AssertionError, match="nobody looked"):
        seen.check_stayed()
    seen.look(ready)
    seen.check_stayed()
    seen.look(unready)
    seen.look(pods_in(listed(pod("audit-2", "u2"))))
    assert dict(seen.faults) == {"audit-1 is not ready": 1, "audit-1 restarted": 1, "there are other pods": 1}
    with pytest.raises(AssertionError):
        seen.check_stayed()
