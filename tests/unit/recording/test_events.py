"""What every event of a call has, whichever service records it."""

from datetime import UTC, datetime, timedelta, timezone

from carnet.audit.v1.event_pb2 import Actor
from carnet_platform.calls import Call, Caller, User
from carnet_recording.events import actor_of, event_of, write_time

NOW = datetime(2026, 3, 1, 12, 30, 15, 1500, tzinfo=UTC)
GP = "spiffe://carnet/software/gp"
USER = User("professionals/p", "10", "", "structures/s", "TREATMENT", "sessions/s", GP, "t", "token", "digest", NOW)


def call(caller: str, user: User | None) -> Call:
    return Call("/m", "request", Caller(caller, "t"), user, None, "trace", "")


def test_the_actor_is_the_user_with_the_software_his_token_was_issued_to() -> None:
    """Also where another service passes his token on."""
    for caller in (GP, "spiffe://carnet/documents"):
        expected = Actor(subject="professionals/p", role="10", structure="structures/s", software=GP)
        assert actor_of(call(caller, USER)) == expected


def test_without_a_user_the_actor_is_the_calling_software() -> None:
    assert actor_of(call("spiffe://carnet/portal", None)) == Actor(software="spiffe://carnet/portal")


def test_an_event_has_the_names_of_its_call_and_what_its_maker_adds() -> None:
    made = event_of(call(GP, USER), "record.looked_at", NOW, record="records/r", hidden_from=["patient"])
    assert (made.kind, made.time, made.record) == ("record.looked_at", "2026-03-01T12:30:15.001500Z", "records/r")
    assert list(made.hidden_from) == ["patient"]
    assert (made.actor, made.purpose, made.request_id, made.trace_id) == (actor_of(call(GP, USER)), "TREATMENT", "request", "trace")


def test_without_a_user_an_event_has_no_purpose() -> None:
    assert event_of(call(GP, None), "session.refused", NOW).purpose == ""


def test_a_time_is_written_in_utc_with_microseconds_whatever_its_zone() -> None:
    assert write_time(NOW.replace(microsecond=0)) == "2026-03-01T12:30:15.000000Z"
    assert write_time(NOW.astimezone(timezone(timedelta(hours=2)))) == write_time(NOW)
