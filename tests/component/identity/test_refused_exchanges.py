"""Whatever is wrong with an assertion gets one answer; events say which reason, the log which rule, a metric how many (S1)."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from carnet.common.v1 import purpose_of_use_pb2 as purposes
from component.identity.conftest import Start
from component.identity.neighbours import Neighbours
from component.identity.provider import Provider
from component.identity.running import Running, lines, refused
from joserfc import jwt
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_pb
from support.otlp import Receiver
from support.waiting import wait_until

AN_HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def wrong(provider: Provider, identity: Running) -> dict[str, str]:
    """An assertion for each case of S1, by what is wrong with it."""
    replayed = provider.assertion()
    identity.exchange(replayed)
    header, claims, signature = provider.assertion().split(".")
    return {
        "expired": provider.assertion(iat=-AN_HOUR, nbf=None, exp=-AN_HOUR + timedelta(minutes=5)),
        "not yet valid": provider.assertion(nbf=AN_HOUR, exp=2 * AN_HOUR),
        "wrong aud": provider.assertion(aud="another"),
        "missing aud": provider.assertion(aud=None),
        "wrong iss": provider.assertion(iss="https://evil.example"),
        "missing iss": provider.assertion(iss=None),
        "alg none": provider.signed_by_hand({"alg": "none", "kid": "ec"}, provider.claims(), None),
        "algorithm confusion": provider.signed_by_hand({"alg": "HS256", "kid": "ec"}, provider.claims(), b"public"),
        "unknown kid": jwt.encode({"alg": "ES256", "kid": "x"}, provider.claims(), provider.stranger, algorithms=["ES256"]),
        "jku": provider.signed_by_hand({"alg": "ES256", "kid": "ec", "jku": "http://127.0.0.1:1/"}, provider.claims(), b"x"),
        "x5u": provider.signed_by_hand({"alg": "ES256", "kid": "ec", "x5u": "http://127.0.0.1:1/"}, provider.claims(), b"x"),
        "presented twice": replayed,
        "changed": f"{header}.{provider.assertion().split('.')[1]}.{signature}",
        "malformed": claims,
        "empty": "",
        "weak": provider.assertion(acr="eidas1"),
        "actor": provider.assertion(act={"sub": "x"}),
    }


def test_every_case_gets_the_same_answer_word_for_word(identity: Running, wrong: dict[str, str]) -> None:
    """S1: one uniform refusal."""
    answers = {case: refused(lambda one=assertion: identity.exchange(one)) for case, assertion in wrong.items()}  # type: ignore[misc]
    assert len(set(answers.values())) == 1, answers
    (answer,) = set(answers.values())
    assert (answer.code.name, answer.reason, answer.field) == ("UNAUTHENTICATED", "ASSERTION_INVALID", "assertion")


def test_the_log_tells_the_rule_and_no_value(identity: Running, provider: Provider, wrong: dict[str, str]) -> None:
    before = len(lines(identity.log))
    refused(lambda: identity.exchange(wrong["weak"]))
    refused(lambda: identity.exchange(provider.assertion(otherIds=[{"identifiant": "99700218896", "origine": "RPPS"}])))
    told = [line for line in lines(identity.log)[before:] if line["event"] == "assertion.refused"]
    assert [line["rule"] for line in told] == [
        "the user logged in with less assurance than this issuer must give",
        "the RPPS of otherIds is that of preferred_username",
    ]


def test_each_reason_is_recorded_and_counted(start: Start, provider: Provider, neighbours: Neighbours) -> None:
    """S1: recorded, metered. The first of a caller and reason by itself; a metric for operators."""
    receiver = Receiver()
    receiver.start()
    try:
        with start("identity_counts", trace_endpoint=receiver.endpoint) as identity:
            used = provider.assertion()
            identity.exchange(used, name="software/hospital")
            for assertion in (used, provider.assertion(aud="another"), provider.assertion(aud="another")):
                refused(lambda one=assertion: identity.exchange(one, name="software/hospital"))  # type: ignore[misc]
            wrong_purpose = purposes.PURPOSE_OF_USE_OPERATIONS
            refused(lambda: identity.exchange(provider.assertion(), name="software/hospital", purpose=wrong_purpose))
            expected = {"ASSERTION_REPLAYED", "ASSERTION_INVALID", "PURPOSE_NOT_ALLOWED"}
            wait_until(lambda: expected <= _recorded(neighbours))
        wait_until(lambda: _counted(receiver) == {"ASSERTION_REPLAYED": 1, "ASSERTION_INVALID": 2, "PURPOSE_NOT_ALLOWED": 1})
    finally:
        receiver.stop()


def _recorded(neighbours: Neighbours) -> set[str]:
    events = [event for event in list(neighbours.audit.events.values()) if event.kind == "session.refused"]
    return {event.reason for event in events if event.actor.software == "spiffe://carnet/software/hospital"}


def _counted(receiver: Receiver) -> Counter[str]:
    counts: Counter[str] = Counter()
    for request in list(receiver.requests):
        if isinstance(request, metrics_pb.ExportMetricsServiceRequest):
            # Cumulative: the last one sent says all.
            counts = Counter(dict(_points(request))) or counts
    return counts


def _points(request: metrics_pb.ExportMetricsServiceRequest) -> list[tuple[str, int]]:
    metrics: list[Any] = [metric for group in request.resource_metrics for scope in group.scope_metrics for metric in scope.metrics]
    points = [point for metric in metrics if metric.name == "carnet.exchanges.refused" for point in metric.sum.data_points]
    return [(point.attributes[0].value.string_value, point.as_int) for point in points]
