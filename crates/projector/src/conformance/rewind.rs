//! Back to a fork: what remains is what was true there, and the other branch can be followed from it.

use domain::command::{Action, Command, Request, RequestContent, Sequenced};
use domain::ids::{Checkpoint, Hash256, VenueId};
use domain::state::State;
use domain::units::{Seq, UnixNanos};

use super::{BLOCK_MAX, Subject, WRITER, batch, part, rows};
use crate::batch::{Rows, Stream};
use crate::block::CommittedBlock;
use crate::share::Share;
use crate::store::{Outcome, StoredRow};

/// A store that can be taken back.
pub trait Rewinds: Subject {
    /// Back to a checkpoint with this state; returns the streams that were past it.
    fn rewind(&mut self, to: &Checkpoint, state: &State) -> Result<Vec<Stream>, String>;
}

/// Makes an empty store.
pub type Fresh<'a> = &'a dyn Fn() -> Box<dyn Rewinds>;

/// Makes blocks of commands, and the state they lead to.
pub type Feed<'a> = &'a dyn Fn(&[Sequenced<Command>]) -> (Vec<CommittedBlock>, State);

/// From early, middle and late forks, and from one before the first listing.
pub fn what_remains_is_what_was_true_at_the_fork(fresh: Fresh<'_>, feed: Feed<'_>, commands: &[Sequenced<Command>]) {
    let blocks = feed(commands).0.len();
    for fork in [1, blocks / 3, blocks / 2, blocks - 2] {
        what_remains_of_a_share(fresh, feed, commands, &Share::whole(), fork);
    }
    what_was_listed_after_the_fork_goes(fresh, feed, commands);
}

/// Symbols that are listed after the fork, and trade: nothing of them remains, and the branch lists others under their numbers.
fn what_was_listed_after_the_fork_goes(fresh: Fresh<'_>, feed: Feed<'_>, commands: &[Sequenced<Command>]) {
    let listed = commands.iter().position(lists_a_symbol).expect("a symbol is listed");
    // Enough of something harmless before it for a block to end there: what was done already is refused.
    let repeated = std::iter::repeat_n(&commands[0], 2 * BLOCK_MAX);
    let mut later: Vec<_> = commands[..listed].iter().chain(repeated).chain(&commands[listed..]).cloned().collect();
    for (seq, command) in (1..).map(Seq).zip(&mut later) {
        command.seq = seq;
    }
    for index in 1..later.len() {
        later[index].time = later[index].time.max(later[index - 1].time);
    }
    let (blocks, _) = feed(&later);
    let listing = later[listed + 2 * BLOCK_MAX].seq;
    let fork = blocks.partition_point(|block| block.info().last < listing);
    assert!(fork > 0, "there is something to go back to");
    let trades = batch(Stream::Trades, &blocks, fork, blocks.len()).rows;
    assert!(matches!(trades, Rows::Trades(rows) if !rows.is_empty()), "what was listed trades");
    what_remains_of_a_share(fresh, feed, &later, &Share::whole(), fork);
}

fn lists_a_symbol(command: &Sequenced<Command>) -> bool {
    matches!(&command.content.action, Action::Request(Request { content: RequestContent::CreateSymbol(_), .. }))
}

/// The same of a store that has a share of the rows, from one fork.
pub fn what_remains_of_a_share(
    fresh: Fresh<'_>,
    feed: Feed<'_>,
    commands: &[Sequenced<Command>],
    share: &Share,
    fork: usize,
) {
    let (blocks, _) = feed(commands);
    let to = at(&blocks[fork - 1]);
    let (_, state) = feed(&commands[..index(to.seq)]);
    let (mut store, mut expected) = (fresh(), fresh());
    fill(store.as_mut(), &blocks, share);
    fill(expected.as_mut(), &blocks[..fork], share);
    assert_eq!(store.rewind(&to, &state), Ok(store.streams()));
    for stream in store.streams() {
        // What sums were at the fork is not in them: they are emptied, and made again from the first command on.
        let at = if stream.is_derived() { None } else { Some(to) };
        assert_eq!(store.checkpoint(stream), Ok(at));
        if stream.is_derived() {
            assert_eq!(store.commit(&batch(stream, &blocks, 0, fork)), Outcome::Committed, "{stream:?}");
        }
    }
    assert_eq!(untimed_rows(store.as_mut()), untimed_rows(expected.as_mut()), "fork {fork}");
    assert_eq!(store.rewind(&to, &state), Ok(vec![]), "nothing is past the fork any more");
    // Another branch grows from the fork: the same commands, later.
    let late = |command: &Sequenced<Command>| {
        let late_ns = if command.seq > to.seq { 777 } else { 0 };
        Sequenced { time: command.time.plus(late_ns), ..command.clone() }
    };
    let (branch, _) = feed(&commands.iter().map(late).collect::<Vec<_>>());
    // Whoever rewinds does so while the venue is down: what its writers knew of symbols is gone with it.
    store.reopen();
    for stream in store.streams() {
        let batch = part(stream, &branch, fork, branch.len(), share.clone());
        assert_eq!(store.commit(&batch), Outcome::Committed, "{stream:?} follows the branch");
        assert_eq!(expected.commit(&batch), Outcome::Committed);
    }
    assert_eq!(untimed_rows(store.as_mut()), untimed_rows(expected.as_mut()), "the branch from fork {fork}");
}

/// Where the last stream alone is past the fork, the others stay as they are.
pub fn streams_before_the_fork_stay(fresh: Fresh<'_>, feed: Feed<'_>, commands: &[Sequenced<Command>]) {
    let (blocks, _) = feed(commands);
    let half = blocks.len() / 2;
    let mut store = fresh();
    fill(store.as_mut(), &blocks[..half], &Share::whole());
    let streams = store.streams();
    let (past, stay) = streams.split_last().expect("a store has streams");
    assert_eq!(store.commit(&batch(*past, &blocks, half, blocks.len())), Outcome::Committed);
    let before: Vec<_> = stay.iter().map(|stream| rows(store.as_mut(), *stream)).collect();
    let to = at(&blocks[half + 2]);
    let (_, state) = feed(&commands[..index(to.seq)]);
    assert_eq!(store.rewind(&to, &state), Ok(vec![*past]));
    let after: Vec<_> = stay.iter().map(|stream| rows(store.as_mut(), *stream)).collect();
    assert_eq!(before, after, "they were not past it");
}

/// Another sequence's state, a state without its orders, another journal.
pub fn a_state_that_does_not_fit_changes_nothing(fresh: Fresh<'_>, feed: Feed<'_>, commands: &[Sequenced<Command>]) {
    let (blocks, state) = feed(commands);
    let mut store = fresh();
    fill(store.as_mut(), &blocks, &Share::whole());
    let before = all_rows(store.as_mut());
    let to = at(&blocks[blocks.len() / 2]);
    assert!(store.rewind(&to, &state).is_err(), "the state of another sequence");
    let state = State { seq: to.seq, ..state };
    let without_orders = State { orders: Vec::new(), ..state.clone() };
    assert!(store.rewind(&to, &without_orders).is_err(), "a state without the orders that were open");
    let foreign = Checkpoint { venue: VenueId([1; 16]), hash: Hash256::default(), ..to };
    assert!(store.rewind(&foreign, &state).is_err(), "another journal");
    assert_eq!(all_rows(store.as_mut()), before);
}

fn at(block: &CommittedBlock) -> Checkpoint {
    Checkpoint { epoch: WRITER, ..block.info().checkpoint() }
}

fn index(seq: Seq) -> usize {
    usize::try_from(seq.0).expect("a list is shorter than memory")
}

fn fill(store: &mut dyn Rewinds, blocks: &[CommittedBlock], share: &Share) {
    for stream in store.streams() {
        let batch = part(stream, blocks, 0, blocks.len(), share.clone());
        assert_eq!(store.commit(&batch), Outcome::Committed, "{stream:?}");
    }
}

fn all_rows(store: &mut dyn Rewinds) -> Vec<StoredRow> {
    store.streams().into_iter().flat_map(|stream| rows(store, stream)).collect()
}

/// All rows, but those that say nothing: a state need not have a balance of nothing that the rows have, nor the other way round.
fn untimed_rows(store: &mut dyn Rewinds) -> Vec<StoredRow> {
    let says_something = |row: &StoredRow| match row {
        StoredRow::Balance(row) => !(row.free.is_zero() && row.locked.is_zero()),
        StoredRow::CreditLimit(row) => !row.limit.is_zero(),
        StoredRow::Venue(_)
        | StoredRow::Asset(_)
        | StoredRow::Symbol(_)
        | StoredRow::User(_)
        | StoredRow::Key(_)
        | StoredRow::Order(_)
        | StoredRow::OpenOrder(_)
        | StoredRow::Fill(_)
        | StoredRow::Position(_)
        | StoredRow::Ledger(_)
        | StoredRow::Withdrawal(_)
        | StoredRow::Trade(_)
        | StoredRow::Audit(_)
        | StoredRow::SymbolTenure(_)
        | StoredRow::UserTenure(_)
        | StoredRow::Kline(_)
        | StoredRow::PositionHistory(_)
        | StoredRow::MarketSnapshot(_)
        | StoredRow::Leaderboard(_)
        | StoredRow::Analytics(_)
        | StoredRow::ActiveUser(_) => true,
    };
    let mut rows: Vec<_> = all_rows(store).into_iter().filter(says_something).map(untimed).collect();
    rows.sort_by_cached_key(|row| format!("{row:?}"));
    rows
}

/// A row without what is not known any more of rows that were rewritten: when they were last changed.
fn untimed(mut row: StoredRow) -> StoredRow {
    match &mut row {
        StoredRow::Venue(row) => row.last_seq = Seq::ZERO,
        StoredRow::Symbol(row) => row.last_seq = Seq::ZERO,
        StoredRow::User(row) => row.last_seq = Seq::ZERO,
        StoredRow::Key(row) => row.last_seq = Seq::ZERO,
        StoredRow::Order(row) => (row.last_seq, row.updated_time) = (Seq::ZERO, UnixNanos(0)),
        StoredRow::Position(row) => row.last_seq = Seq::ZERO,
        StoredRow::Balance(row) => row.last_seq = Seq::ZERO,
        StoredRow::CreditLimit(row) => row.last_seq = Seq::ZERO,
        StoredRow::Withdrawal(row) => (row.last_seq, row.updated_time) = (Seq::ZERO, UnixNanos(0)),
        StoredRow::Asset(_)
        | StoredRow::OpenOrder(_)
        | StoredRow::Fill(_)
        | StoredRow::Ledger(_)
        | StoredRow::Trade(_)
        | StoredRow::Audit(_)
        | StoredRow::SymbolTenure(_)
        | StoredRow::UserTenure(_)
        | StoredRow::Kline(_)
        | StoredRow::PositionHistory(_)
        | StoredRow::MarketSnapshot(_)
        | StoredRow::Leaderboard(_)
        | StoredRow::Analytics(_)
        | StoredRow::ActiveUser(_) => {}
    }
    row
}
