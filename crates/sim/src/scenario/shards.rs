//! Lines about shards: what is asked of the venue, what is asked about it, and how it is told.

use domain::command::RequestContent;
use domain::command::abort_move::AbortMove;
use domain::command::add_shard::AddShard;
use domain::command::begin_move::BeginMove;
use domain::command::commit_move::CommitMove;
use domain::command::set_shard::SetShard;
use domain::event::{Moving, ShardAdded, ShardMapEvent};
use domain::ids::ShardId;
use domain::shard_map::ShardMap;
use domain::shards::{Shard, ShardStatus, Subject};
use domain::state::{MovedState, State};
use domain::units::{Seq, Weight};

use super::names::{Names, show_symbol, show_user};
use super::words::{Unreadable, Words, number, spaced, text};

/// `shard east weight 1`
pub(super) fn read_add(words: &mut Words<'_>) -> Result<RequestContent, Unreadable> {
    let name = text(words.word()?)?;
    words.expect("weight")?;
    Ok(RequestContent::AddShard(AddShard { name, weight: Weight(number(words.word()?)?) }))
}

/// `set east weight 2 draining`, or `active`
pub(super) fn read_set(names: &Names<'_>, words: &mut Words<'_>) -> Result<RequestContent, Unreadable> {
    let shard = read_shard(names, words.word()?)?;
    words.expect("weight")?;
    let weight = Weight(number(words.word()?)?);
    let status = match words.word()? {
        "active" => ShardStatus::Active,
        "draining" => ShardStatus::Draining,
        word => return Err(format!("`active` or `draining` instead of `{word}`?")),
    };
    Ok(RequestContent::SetShard(SetShard { shard, weight, status }))
}

/// `begin move BTCUSDT to east`, `commit move BTCUSDT`, `abort move BTCUSDT`; users likewise
pub(super) fn read_move(names: &Names<'_>, first: &str, words: &mut Words<'_>) -> Result<RequestContent, Unreadable> {
    words.expect("move")?;
    let subject = read_subject(names, words.word()?)?;
    Ok(match first {
        "begin" => {
            words.expect("to")?;
            RequestContent::BeginMove(BeginMove { subject, to: read_shard(names, words.word()?)? })
        }
        "commit" => RequestContent::CommitMove(CommitMove { subject }),
        _ => RequestContent::AbortMove(AbortMove { subject }),
    })
}

pub(super) fn write_add(add: &AddShard) -> String {
    format!("shard {} weight {}", add.name, add.weight.0)
}

pub(super) fn write_set(state: &State, set: SetShard) -> String {
    format!("set {} weight {} {}", show_shard(state, set.shard), set.weight.0, spaced(&format!("{:?}", set.status)))
}

pub(super) fn write_begin(state: &State, begin: &BeginMove) -> String {
    format!("begin move {} to {}", show_subject(state, begin.subject), show_shard(state, begin.to))
}

pub(super) fn write_end(state: &State, verb: &str, subject: Subject) -> String {
    format!("{verb} move {}", show_subject(state, subject))
}

pub(super) fn tell(state: &State, event: &ShardMapEvent) -> String {
    match event {
        ShardMapEvent::ShardAdded(added) => tell_added(added),
        ShardMapEvent::ShardChanged(shard) => tell_changed(shard),
        ShardMapEvent::SymbolPlaced(placed) => format!("on {}", show_shard(state, placed.shard)),
        ShardMapEvent::UserPlaced(placed) => format!("on {}", show_shard(state, placed.shard)),
        ShardMapEvent::MoveBegun(moving) => tell_move(state, "begins to move", moving),
        ShardMapEvent::MoveCommitted(moving) => tell_move(state, "has moved", moving),
        ShardMapEvent::MoveAborted(moving) => tell_move(state, "does not move", moving),
    }
}

fn tell_added(added: &ShardAdded) -> String {
    let (id, symbols, users) = (added.shard.id.0, added.symbols_placed, added.users_placed);
    let all = format!(" takes {symbols} symbols and {users} users");
    format!("shard {id}{}", if users == 0 { "" } else { &all })
}

fn tell_changed(shard: &Shard) -> String {
    format!("{} weight {} {}", shard.name, shard.weight.0, spaced(&format!("{:?}", shard.status)))
}

fn tell_move(state: &State, verb: &str, moving: &Moving) -> String {
    let (from, to) = (show_shard(state, moving.from), show_shard(state, moving.to));
    format!("{} {verb} from {from} to {to}", show_subject(state, moving.subject))
}

/// `shards`: each with its weight and what lives on it.
pub(super) fn shards(state: &State) -> Result<String, Unreadable> {
    let map = map(state)?;
    let shown = map.shards().iter().map(|shard| {
        let load = map.load(shard.id);
        format!("{}: {} symbols, {} users", tell_changed(shard), load.symbols, load.users)
    });
    Ok(or_none(shown.collect::<Vec<_>>().join("; ")))
}

/// `moves`: open ones.
pub(super) fn moves(state: &State) -> Result<String, Unreadable> {
    let map = map(state)?;
    let shown = map.moves().map(|open| {
        let (what, to) = (show_subject(state, open.subject), show_shard(state, open.to));
        format!("{what} to {to} since {}", open.begun.0)
    });
    Ok(or_none(shown.collect::<Vec<_>>().join("; ")))
}

/// `home of BTCUSDT`: where it lives, and where it lived up to which command.
pub(super) fn home(names: &Names<'_>, word: &str) -> Result<String, Unreadable> {
    let tenures = map(names.state)?.tenures(read_subject(names, word)?);
    let ends = tenures.iter().skip(1).map(|tenure| format!(" until {}, then ", tenure.from.0));
    let shards = tenures.iter().map(|tenure| show_shard(names.state, tenure.shard));
    let shown: Vec<String> = shards.zip(ends.chain([String::new()])).map(|(shard, end)| shard + &end).collect();
    Ok(or_none(shown.concat()))
}

/// `given 256 shards`
pub(super) fn given_shards(state: &mut State, count: usize) -> Result<(), Unreadable> {
    for id in state.shards.shards.len()..count {
        let (name, id) = (text(&format!("shard{id}"))?, ShardId(number(&id.to_string())?));
        state.shards.shards.push(Shard { id, name, weight: Weight(1), status: ShardStatus::Active });
    }
    place_all(state);
    Ok(())
}

/// `given 255 tenures of BTCUSDT`: as though it had been moved to and fro between the first two shards.
pub(super) fn given_tenures(names: &Names<'_>, state: &mut State, count: usize, word: &str) -> Result<(), Unreadable> {
    let subject = read_subject(names, word)?;
    for place in map(state)?.tenures(subject).len()..count {
        state.seq = Seq(state.seq.0 + 1);
        let to = ShardId(number(&(place % 2).to_string())?);
        state.shards.moved.push(MovedState { subject, to, seq: state.seq });
    }
    Ok(())
}

/// What is given has a place on the first shard, if there is one.
pub(super) fn place_all(state: &mut State) {
    if !state.shards.shards.is_empty() {
        state.shards.symbols.resize(state.symbols.len(), ShardId::FIRST);
        state.shards.users.resize(state.users.len(), ShardId::FIRST);
    }
}

fn map(state: &State) -> Result<ShardMap, Unreadable> {
    ShardMap::from_state(&state.shards, state.seq).map_err(str::to_owned)
}

fn read_shard(names: &Names<'_>, word: &str) -> Result<ShardId, Unreadable> {
    if let Some(id) = word.strip_prefix("shard#") {
        return Ok(ShardId(number(id)?));
    }
    let shard = names.state.shards.shards.iter().find(|shard| shard.name.as_str() == word);
    shard.map(|shard| shard.id).ok_or_else(|| format!("`{word}` is no shard"))
}

fn read_subject(names: &Names<'_>, word: &str) -> Result<Subject, Unreadable> {
    names.symbol(word).map(Subject::Symbol).or_else(|_| names.user(word).map(Subject::User))
}

fn show_shard(state: &State, shard: ShardId) -> String {
    let known = state.shards.shards.get(usize::from(shard.0));
    known.map_or_else(|| format!("shard#{}", shard.0), |shard| shard.name.to_string())
}

fn show_subject(state: &State, subject: Subject) -> String {
    match subject {
        Subject::Symbol(symbol) => show_symbol(state, symbol),
        Subject::User(user) => show_user(user),
    }
}

fn or_none(shown: String) -> String {
    if shown.is_empty() { "none".to_owned() } else { shown }
}
