from boruta_farm.client.stream import MessageParser, StreamMessage


def parse(text: str, last_id: str = "") -> list[StreamMessage]:
    parser = MessageParser(last_id)
    return [m for line in text.split("\n") if (m := parser.take(line)) is not None]


def test_messages_end_with_an_empty_line() -> None:
    found = parse("id: 7\nevent: worker.state\ndata: {}\n\ndata: unfinished")
    assert found == [StreamMessage(event="worker.state", data="{}", last_id="7")]


def test_comments_retry_and_unknown_fields_change_nothing() -> None:
    assert parse("retry: 1000\n: listening\n\n: still here\n\nnews: x\n\n") == []


def test_data_of_several_lines_is_joined() -> None:
    assert parse("data: a\ndata:b\ndata\n\n")[0].data == "a\nb\n"


def test_id_stays_in_force_and_an_empty_one_clears_it() -> None:
    found = parse("data: 1\n\nid\ndata: 2\n\nid: 9\ndata: 3\n\nid: a\0b\ndata: 4\n\n", "5")
    assert [m.last_id for m in found] == ["5", "", "9", "9"]


def test_event_name_is_for_one_message_only() -> None:
    assert [m.event for m in parse("event: a\ndata: 1\n\ndata: 2\n\n")] == ["a", "message"]


def test_only_one_blank_after_the_colon_is_dropped() -> None:
    assert parse("data:  x\n\n")[0].data == " x"
