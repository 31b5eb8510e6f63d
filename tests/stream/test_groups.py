"""The pure core of consumer groups: whatever the members see, their moves end in fair shares of living members."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from stream.sqlite_groups import Membership, Move, decide

NOW = 1_000.0
LEASE = 6.0
MEMBERS = st.sampled_from("abcdefg")
LEASES = st.sampled_from([NOW - LEASE, NOW, NOW + 0.001, NOW + LEASE])  # a lease ends at its last moment
OWNERS = st.tuples(st.none() | MEMBERS, st.integers(0, 9))


@dataclass
class Group:
    """A group as the file holds it; ``step`` does what one member decides."""

    partitions: int
    expires: dict[str, float]
    owners: dict[int, tuple[str | None, int]] = field(default_factory=dict)

    def seen(self) -> Membership:
        return Membership(dict(self.expires), dict(self.owners))

    def step(self, me: str, now: float = NOW) -> Move:
        move = decide(me, self.seen(), self.partitions, now)
        if move:
            self.expires = {m: e for m, e in self.expires.items() if e > now} | {me: now + LEASE}
        for partition in move.release:
            self.owners[partition] = (None, self.owners[partition][1])
        for partition in move.claim:
            self.owners[partition] = (me, self.owners.get(partition, (None, 0))[1] + 1)
        return move

    def of(self, member: str) -> set[int]:
        return {p for p in range(self.partitions) if self.owners.get(p, (None, 0))[0] == member}


@st.composite
def groups(draw: st.DrawFn) -> Group:
    """A group in any state, reachable or not: dead members, partitions of strangers, or of nobody."""
    partitions = draw(st.integers(1, 12))
    owners = draw(st.dictionaries(st.integers(0, partitions - 1), OWNERS))
    return Group(partitions, draw(st.dictionaries(MEMBERS, LEASES)), owners)


def settle(group: Group, order: list[str]) -> int:
    """Let the members move in turn until none wants to; after how many rounds that was."""
    for rounds in range(1, 6):
        if not sum(bool(group.step(member)) for member in order):
            return rounds
    raise AssertionError(f"no end: {group}")


@given(groups(), st.permutations("abcdefg"), st.integers(1, 7))
def test_all_partitions_end_with_living_members_in_fair_shares(group: Group, names: list[str], count: int) -> None:
    living = names[:count]
    group.expires = {m: e for m, e in group.expires.items() if e <= NOW or m in living}
    settle(group, living)
    shares = [len(group.of(m)) for m in living]
    assert sum(shares) == group.partitions
    assert max(shares) - min(shares) <= 1


@given(groups(), MEMBERS)
def test_nothing_is_taken_from_another_that_lives(group: Group, me: str) -> None:
    move = decide(me, group.seen(), group.partitions, NOW)
    for partition in move.claim:
        owner = group.owners.get(partition, (None, 0))[0]
        assert owner != me
        assert owner is None or group.expires.get(owner, 0.0) <= NOW


@given(groups(), MEMBERS)
def test_only_ones_own_is_given_up_and_never_below_the_share(group: Group, me: str) -> None:
    move = decide(me, group.seen(), group.partitions, NOW)
    living = {m for m, expires in group.expires.items() if expires > NOW} | {me}
    mine = group.of(me)
    assert set(move.release) <= mine
    assert not (move.claim and move.release)
    if move.release:
        left = len(mine) - len(move.release)
        assert group.partitions // len(living) <= left <= -(-group.partitions // len(living))


@given(groups(), MEMBERS)
def test_a_lease_is_renewed_just_when_it_has_run_out(group: Group, me: str) -> None:
    assert decide(me, group.seen(), group.partitions, NOW).renew == (group.expires.get(me, 0.0) <= NOW)


@given(groups(), st.permutations("abcdefg"), st.integers(1, 7))
def test_a_group_in_order_stays_as_it_is(group: Group, names: list[str], count: int) -> None:
    living = names[:count]
    group.expires = {}
    settle(group, living)
    before = group.seen()
    for member in living:
        assert not decide(member, before, group.partitions, NOW)


@given(groups(), st.permutations("abcdefg"), st.integers(2, 7))
def test_only_what_must_move_moves_when_one_joins(group: Group, names: list[str], count: int) -> None:
    *present, joiner = names[:count]
    group.expires = {}
    settle(group, present)
    before = {m: group.of(m) for m in present}
    settle(group, [joiner, *present])
    for member in present:
        kept, least = group.of(member) & before[member], group.partitions // count
        assert len(kept) >= min(len(before[member]), least)


@given(groups(), st.permutations("abcdefg"), st.integers(2, 7))
def test_the_others_keep_all_they_have_when_one_dies(group: Group, names: list[str], count: int) -> None:
    dead, *present = names[:count]
    group.expires = {}
    settle(group, [dead, *present])
    before = {m: group.of(m) for m in present}
    group.expires[dead] = NOW
    settle(group, present)
    lost = sum(len(before[m] - group.of(m)) for m in present)
    assert lost <= len(present)  # at most one each, where the odd partitions go to other names
    assert not group.of(dead)


@given(groups(), st.lists(MEMBERS, max_size=20))
def test_an_epoch_rises_with_every_change_of_owner(group: Group, order: list[str]) -> None:
    for member in order:
        before = dict(group.owners)
        group.step(member)
        for partition, (owner, epoch) in group.owners.items():
            old_owner, old_epoch = before.get(partition, (None, 0))
            assert epoch >= old_epoch
            if owner is not None and owner != old_owner:
                assert epoch > old_epoch


def test_a_move_that_changes_nothing_is_false() -> None:
    assert not Move(renew=False, claim=(), release=())
    assert Move(renew=True, claim=(), release=())
    assert Move(renew=False, claim=(0,), release=())
    assert Move(renew=False, claim=(), release=(0,))
