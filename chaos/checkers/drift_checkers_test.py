"""The drift scenario's checkers bite: each is shown a log and messages of which one thing is wrong, and says so."""

import pytest

from chaos.checkers import DRIFT, drift_violations
from chaos.drift.diary import NO_IDENTITY, Diary, Failure
from chaos.drift.evidence import DriftEvidence, KeyedTable, Logged, Published, key_of, text
from chaos.drift.lock_watcher import Wait

ID = ("id",)


def row(id: int, change: int, **more) -> dict:
    return {"id": str(id), "alt": "1", "part": "0", "change": str(change), "note": None, **more}


def logged(seq: int, op: str, old=None, new=None, **more) -> Logged:
    facts = {"xid": seq, "leaf": 7, "root": 7, "table": "public.d_1", "key_columns": ID, "identity": "d",
             "leaf_gives_key": True, "joined": True, **more}
    return Logged(seq=seq, op=op, old=old, new=new, **facts)


def message(seq: int, op: str, key, value, topic="d_1", index=0) -> Published:
    return Published(topic, (seq, index), op, key_of(key, ID) if isinstance(key, dict) else key, value)


LOG = [
    logged(1, "INSERT", None, row(1, 1)),
    logged(2, "UPDATE", row(1, 1), row(1, 2)),
    logged(3, "UPDATE", row(1, 2), row(2, 3)),  # Its key changes.
    logged(4, "INSERT", None, row(4, 4)),
    logged(5, "DELETE", row(2, 3)),
    logged(6, "UPDATE", row(4, 4), row(4, 6), joined=False),
]
MESSAGES = [
    message(1, "c", row(1, 1), row(1, 1)),
    message(2, "u", row(1, 2), row(1, 2)),
    message(3, "d", row(1, 2), None),
    message(3, "u", row(2, 3), row(2, 3)),
    message(4, "c", row(4, 4), row(4, 4)),
    message(5, "d", row(2, 3), None),
    message(90, "r", row(4, 6), row(4, 6)),  # Read again: the update before it had no message.
]
TABLE = KeyedTable(7, "public.d_1", ID, (row(4, 6),))


def evidence(log=LOG, messages=MESSAGES, tables=(TABLE,), **more) -> DriftEvidence:
    more.setdefault("there", {7})
    transactions = [Published("drift_tx", (entry.xid, 0), "c", None, {"xid": str(entry.xid)}) for entry in log]
    return DriftEvidence(list(log), list(messages), more.pop("transactions", transactions), list(tables), **more)


def found(*arguments, **more) -> set[str]:
    return {said.split(":")[0] for said in drift_violations(evidence(*arguments, **more))}


def test_nothing_is_wrong_with_what_is_right():
    assert drift_violations(evidence()) == []


@pytest.mark.parametrize("number", range(6))
def test_a_lost_message_is_found(number: int):
    assert "message is the row" in found(LOG, MESSAGES[:number] + MESSAGES[number + 1:])


@pytest.mark.parametrize("number", range(7))
def test_a_repeated_message_is_found(number: int):
    assert "message is the row" in found(LOG, [*MESSAGES, MESSAGES[number]])


@pytest.mark.parametrize("value", [row(1, 2, note="other"), row(1, 2, x_1="more"), {"id": "1", "change": "2"}])
def test_a_row_that_is_not_the_table_s_is_found(value: dict):
    assert "message is the row" in found(LOG, [*MESSAGES[:1], message(2, "u", row(1, 2), value), *MESSAGES[2:]])


def test_a_key_that_is_not_the_table_s_is_found():
    assert "message is the row" in found(LOG, [message(1, "c", None, row(1, 1)), *MESSAGES[1:]])
    assert "message is the row" in found(LOG, [message(1, "c", (("alt", "1"),), row(1, 1)), *MESSAGES[1:]])


def test_another_operation_is_found():
    assert "message is the row" in found(LOG, [message(1, "u", row(1, 1), row(1, 1)), *MESSAGES[1:]])


def test_a_message_in_the_wrong_topic_is_found():
    assert "message is the row" in found(LOG, [message(1, "c", row(1, 1), row(1, 1), topic="d_2"), *MESSAGES[1:]])


def test_a_message_at_another_commit_is_found():
    assert "message is the row" in found(LOG, [*MESSAGES[:1], message(1, "u", row(1, 2), row(1, 2), index=1), *MESSAGES[2:]])
    assert "message is the row" in found(LOG, [*MESSAGES, message(50, "u", row(4, 4), row(4, 4))])


def test_messages_of_one_transaction_in_the_wrong_order_are_found():
    log = [logged(1, "INSERT", None, row(1, 1), xid=1), logged(2, "INSERT", None, row(2, 2), xid=1)]
    messages = [message(1, "c", row(1, 1), row(1, 1), index=0), message(1, "c", row(2, 2), row(2, 2), index=1)]
    swapped = [message(1, "c", row(1, 1), row(1, 1), index=1), message(1, "c", row(2, 2), row(2, 2), index=0)]
    assert found(log, messages, ()) == set()
    assert found(log, swapped, ()) == {"message is the row"}


def test_a_transaction_that_was_never_published_is_found():
    assert "message is the row" in found(transactions=[])


def test_updates_before_the_joining_may_have_their_message_or_not_and_inserts_must():
    log = [logged(1, "INSERT", None, row(1, 1), joined=False), logged(2, "UPDATE", row(1, 1), row(1, 2), joined=False)]
    inserted, updated = message(1, "c", row(1, 1), row(1, 1)), message(2, "u", row(1, 2), row(1, 2))
    assert found(log, [inserted, updated], ()) == set()
    assert found(log, [inserted], ()) == set()
    assert found(log, [], ()) == {"message is the row"}


def test_an_update_may_be_missed_when_the_publication_loses_its_table_before_it_commits():
    log = [logged(1, "INSERT", None, row(1, 1)), logged(2, "UPDATE", row(1, 1), row(1, 2), xid=20)]
    transactions = [Published("drift_tx", (xid, 0), "c", None, {"xid": str(xid)}) for xid in (1, 10, 20, 30)]
    inserted = message(1, "c", row(1, 1), row(1, 1))
    out, back = set(), {7}
    for members, missed in (([(3, 10, out)], True), ([(3, 30, out)], False), ([(1, 10, out)], True),
                            ([(0, 1, out), (1, 10, back)], False), ([(3, 1, out), (4, 10, back)], True)):
        wrong = found(log, [inserted], (), transactions=transactions, members=members)
        assert wrong == (set() if missed else {"message is the row"}), members


def test_a_partition_s_row_may_come_to_the_topic_of_an_earlier_name_of_its_root():
    log = [logged(1, "INSERT", None, row(1, 1), leaf=8)]
    there = [message(1, "c", row(1, 1), row(1, 1), topic="d_0")]
    assert found(log, there, (), names={7: {"public.d_0", "public.d_1"}}) == set()
    assert found(log, there, (), names={7: {"public.d_1"}}) == {"message is the row"}
    assert found([logged(1, "INSERT", None, row(1, 1))], there, (), names={7: {"public.d_0"}}) == {"message is the row"}


def test_what_was_missed_before_the_joining_must_be_healed():
    assert found(LOG, MESSAGES[:-1]) == {"last value"}
    log = [logged(1, "INSERT", None, row(1, 1)), logged(2, "DELETE", row(1, 1), joined=False)]
    table = KeyedTable(7, "public.d_1", ID, ())
    inserted = message(1, "c", row(1, 1), row(1, 1))
    assert found(log, [inserted], [table]) == {"last value"}
    assert found(log, [inserted, message(80, "d", row(1, 1), None)], [table]) == set()


def test_of_a_table_without_a_key_inserts_have_a_null_key_and_deletes_nothing():
    log = [logged(1, "INSERT", None, row(1, 1), key_columns=(), identity="f"),
           logged(2, "UPDATE", row(1, 1), row(1, 2), key_columns=(), identity="f"),
           logged(3, "DELETE", row(1, 2), key_columns=(), identity="f")]
    messages = [message(1, "c", None, row(1, 1)), message(2, "u", None, row(1, 2))]
    assert found(log, messages, ()) == set()
    assert found(log, messages[:1], ()) == {"message is the row"}


def test_a_partition_whose_identity_lacks_the_key_may_lose_updates_until_it_is_read_again():
    log = [logged(1, "INSERT", None, row(1, 1)), logged(2, "UPDATE", row(1, 1), row(1, 2), leaf=8, leaf_gives_key=False)]
    inserted = message(1, "c", row(1, 1), row(1, 1))
    assert found(log, [inserted], ()) == set()
    assert found(log, [inserted], [KeyedTable(7, "public.d_1", ID, (row(1, 2),))]) == {"last value"}


@pytest.mark.parametrize("wrong", [
    message(3, "r", row(4, 6), row(4, 6)),  # Not yet made.
    message(90, "r", row(2, 3), row(2, 3)),  # No more there.
    message(90, "r", row(4, 6), row(4, 6, note="other")),
    message(90, "r", row(9, 99), row(9, 99)),
])
def test_a_re_reading_of_another_moment_is_found(wrong: Published):
    assert "message is the row" in found(LOG, [*MESSAGES[:-1], wrong])


def test_a_last_message_that_is_not_the_row_is_found():
    assert "last value" in found(tables=[KeyedTable(7, "public.d_1", ID, (row(4, 4),))])
    assert "last value" in found(tables=[KeyedTable(7, "public.d_1", ID, (row(4, 6), row(1, 2)))])


def test_rows_that_came_by_ddl_are_no_claim():
    """The table had another name, was another table, or had another key, when the row was changed last."""
    for more in ({"table": "public.d_2"}, {"root": 8}, {"key_columns": ("alt",)}):
        log = [logged(1, "INSERT", None, row(1, 1), **more)]
        key = (("alt", "1"),) if "key_columns" in more else row(1, 1)
        messages = [message(1, "c", key, row(1, 1), topic="d_2" if "table" in more else "d_1")]
        assert found(log, messages if "root" not in more else [message(1, "c", row(1, 1), row(1, 1))],
                     [KeyedTable(7, "public.d_1", ID, (row(1, 1),))]) == set()


def test_with_the_first_change_under_a_new_key_all_rows_must_be_there():
    log = [logged(1, "INSERT", None, row(1, 1), key_columns=("alt",)), logged(2, "INSERT", None, row(2, 2))]
    messages = [message(1, "c", (("alt", "1"),), row(1, 1)), message(2, "c", row(2, 2), row(2, 2))]
    table = KeyedTable(7, "public.d_1", ID, (row(1, 1), row(2, 2)))
    assert found(log, messages, [table]) == {"last value"}
    read_again = [message(90, "r", row(1, 1), row(1, 1)), message(90, "r", row(2, 2), row(2, 2), index=1)]
    assert found(log, [*messages, *read_again], [table]) == set()


def test_with_full_identity_the_key_is_certain_while_there_was_only_one():
    log = [logged(1, "INSERT", None, row(1, 1), identity="f"), logged(2, "DELETE", row(1, 1), identity="f")]
    right = [message(1, "c", row(1, 1), row(1, 1)), message(2, "d", row(1, 1), None)]
    guessed = [message(1, "c", None, row(1, 1))]
    earlier = [message(1, "c", (("alt", "1"),), row(1, 1)), message(2, "d", (("alt", "1"),), None)]
    for messages, is_sure, is_not in ((right, set(), set()), (guessed, {"message is the row"}, set()),
                                      (earlier, {"message is the row"}, set())):
        assert found(log, messages, (), keys={7: {ID}}, there={7}) == is_sure
        assert found(log, messages, (), keys={7: {ID, ("alt",)}}, there={7}) == is_not
        assert found(log, messages, (), keys={7: {ID, ("alt",)}}, there=set()) == is_not
    unkeyed = [logged(1, "DELETE", row(1, 1), identity="f", key_columns=())]
    assert found(unkeyed, [message(1, "d", row(1, 1), None)], (), keys={7: {ID, ()}}) == set()
    assert found(unkeyed, [message(1, "d", row(1, 1), None)], (), keys={7: {()}}) == {"message is the row"}
    assert found(log, [message(1, "c", (("part", "0"),), row(1, 1))], (), keys={7: {ID, ("alt",)}}) == {"message is the row"}


def test_keys_whose_rows_left_by_ddl_are_no_claim():
    log = [logged(1, "INSERT", None, row(1, 1)), logged(2, "TRUNCATE")]
    assert found(log, [message(1, "c", row(1, 1), row(1, 1))], [KeyedTable(7, "public.d_1", ID, ())]) == set()


def test_waiting_for_the_relay_is_found():
    assert found(waits=[Wait("ALTER", "COPY", "active", 0.09)]) == set()
    assert found(waits=[Wait("ALTER", "COPY", "active", 0.11)]) == {"statements"}
    assert found(waits=[Wait("ALTER", "CREATE_REPLICATION_SLOT s EXPORT_SNAPSHOT", "idle", 0.11)]) == {"statements"}
    assert found(waits=[Wait("CREATE INDEX CONCURRENTLY ON t", "CREATE_REPLICATION_SLOT s EXPORT_SNAPSHOT", "idle", 1)]) == {"statements"}


def refused(at: float, **diary) -> set[str]:
    failure = Failure(at, "55000", f'cannot update table "d_1" because it {NO_IDENTITY}', "UPDATE d_1")
    return found(diary=Diary(failures=[failure], **diary))


def test_an_update_that_the_publication_refuses_is_found():
    lost = [(100.0, frozenset({"d_1"}))]
    assert refused(100.5) == {"statements"}
    assert refused(100.5, identity_lost=lost) == set()
    assert refused(106.0, identity_lost=lost) == {"statements"}
    assert refused(106.0, identity_lost=[(100.0, frozenset({"d_2"}))]) == {"statements"}
    assert refused(106.0, identity_lost=lost, relay_away=[(99.0, 105.0)]) == set()
    assert refused(112.0, identity_lost=lost, relay_away=[(99.0, 105.0), (107.0, 110.0)]) == set()
    assert refused(120.0, identity_lost=lost, relay_away=[(99.0, 105.0), (107.0, 110.0)]) == {"statements"}


def test_what_was_noted_of_a_table_follows_its_name():
    diary = Diary(identity_lost=[(100.0, frozenset({"d_2"}))])
    diary.renamed({"d_2": "d_1"})
    assert refused(100.5, identity_lost=diary.identity_lost) == set()


def test_other_failures_are_found_unless_the_workload_makes_them():
    def failing(code: str, said: str = "") -> set[str]:
        return found(diary=Diary(failures=[Failure(1.0, code, said or "text", "ALTER")]))

    assert failing("23505") == set()
    assert failing("XX000", "tuple concurrently updated") == set()
    assert failing("XX000", "something else") == {"statements"}
    assert failing("55000", "logical decoding requires wal_level >= logical") == {"statements"}


def test_a_deadlock_with_the_relay_is_found():
    detail = "Process 12 waits for ShareLock on transaction 56; blocked by process 34."
    diary = Diary(failures=[Failure(1.0, "40P01", "deadlock detected", "ALTER", detail)])
    assert found(diary=diary, relay_pids={78}) == set()
    assert found(diary=diary, relay_pids={34, 78}) == {"statements"}


def test_values_are_compared_as_text():
    assert [text(value) for value in (None, True, 7, "7.50")] == [None, "true", "7", "7.50"]


def test_each_checker_has_been_shown_something():
    assert len(DRIFT) == 3
