"""In which order events are published: pure."""

from hypothesis import given
from hypothesis import strategies as st

from service.ledger.delivering.relaying import Message, waves


def message(number: int, subject: str) -> Message:
    return Message(f"evt_{number}", "consent_withdrawn", subject, b"{}", 0)


@given(st.lists(st.sampled_from("abcde")))
def test_every_event_is_in_one_wave_a_subject_once_in_each_and_its_events_in_order(
    subjects: list[str],
) -> None:
    messages = [message(number, subject) for number, subject in enumerate(subjects)]
    made = waves(messages)
    flat = [one for wave in made for one in wave]
    assert sorted(flat, key=lambda one: int(one.event_id[4:])) == messages
    assert all(len({one.subject for one in wave}) == len(wave) for wave in made)
    for subject in set(subjects):
        theirs = [int(one.event_id[4:]) for one in flat if one.subject == subject]
        assert theirs == sorted(theirs)


def test_events_of_different_people_go_together() -> None:
    messages = [message(number, str(number)) for number in range(100)]
    assert waves(messages) == [messages]
