//! Reads the lines that trade: placing, canceling, amending, replacing.

use domain::command::amend_order::AmendOrder;
use domain::command::cancel_all::CancelAll;
use domain::command::cancel_order::CancelOrder;
use domain::command::place_order::PlaceOrder;
use domain::command::replace_order::{ReplaceMode, ReplaceOnlyIf, ReplaceOrder};
use domain::command::{Action, Command, Envelope, Note, Request, RequestContent};
use domain::ids::{SessionId, UserId};
use domain::instrument::Instrument;
use domain::order::{MarketSize, OrderKind, Side, TimeInForce};
use domain::text::{ClientOrderId, RequestId};
use domain::units::UnixNanos;

use super::names::{Names, amount, order_ref, price, quantity};
use super::read_request::{is_request, read_request};
use super::words::{Unreadable, Words, duration, number, text};

/// The words a line may end with, each followed by what it says.
#[derive(Default)]
struct Ending<'a> {
    symbol: Option<&'a str>,
    name: Option<ClientOrderId>,
    time_in_force: Option<TimeInForce>,
    only_if: Option<ReplaceOnlyIf>,
    anyway: bool,
    request: Option<RequestId>,
    caller: Option<&'a str>,
    deadline: Option<UnixNanos>,
    session: SessionId,
}

/// Reads a command. `fresh` is the id of a request that names none.
pub(super) fn read_command(
    names: &Names<'_>,
    line: &str,
    now: UnixNanos,
    fresh: RequestId,
) -> Result<Command, Unreadable> {
    let mut words = Words::of(line);
    let first = words.word()?;
    let (caller, action) = if is_request(first) {
        (UserId::VENUE, Head::Request(read_request(names, first, &mut words)?))
    } else if first == "note" {
        (UserId::VENUE, Head::Note(super::notes::read(&mut words, now)?))
    } else {
        read_head(names, first, &mut words)?
    };
    let ending = read_ending(&mut words, now)?;
    let envelope = Envelope {
        user: ending.caller.map_or(Ok(caller), |word| names.user(word))?,
        session: ending.session,
        deadline: ending.deadline,
        ..Envelope::VENUE
    };
    let action = match action {
        Head::Request(content) => Action::Request(Request { id: ending.request.unwrap_or(fresh), content }),
        Head::Note(note) => Action::Note(note),
        Head::Place(place) => Action::PlaceOrder(finish_place(names, place, &ending)?),
        Head::Cancel(word) => Action::CancelOrder(CancelOrder {
            symbol: names.symbol_or_last(ending.symbol)?,
            order: order_ref(word, names.state.cell)?,
        }),
        Head::CancelAll => {
            Action::CancelAll(CancelAll { symbol: ending.symbol.map(|word| names.symbol(word)).transpose()? })
        }
        Head::Amend(word, size) => {
            let symbol = names.symbol_or_last(ending.symbol)?;
            Action::AmendOrder(AmendOrder {
                symbol,
                order: order_ref(word, names.state.cell)?,
                quantity: quantity(size, names.instrument(symbol).map(Instrument::lot_size))?,
                new_client_order_id: ending.name,
            })
        }
        Head::Replace(word, place) => Action::ReplaceOrder(Box::new(ReplaceOrder {
            cancel: order_ref(word, names.state.cell)?,
            only_if: ending.only_if.unwrap_or(ReplaceOnlyIf::Open),
            mode: if ending.anyway { ReplaceMode::AllowFailure } else { ReplaceMode::StopOnFailure },
            place: finish_place(names, place, &ending)?,
        })),
    };
    Ok(Command { envelope, action })
}

/// A line without its ending; the symbol that gives prices and quantities their meaning stands there.
enum Head<'a> {
    Request(RequestContent),
    Note(Note),
    Place(Placing<'a>),
    Cancel(&'a str),
    CancelAll,
    Amend(&'a str, &'a str),
    Replace(&'a str, Placing<'a>),
}

#[derive(Clone, Copy)]
struct Placing<'a> {
    side: Side,
    size: &'a str,
    by_quote: bool,
    price: &'a str,
}

fn read_head<'a>(names: &Names<'_>, first: &'a str, words: &mut Words<'a>) -> Result<(UserId, Head<'a>), Unreadable> {
    let user = names.user(first)?;
    let verb = words.word()?;
    let head = match verb {
        "buys" => Head::Place(read_placing(Side::Buy, words)?),
        "sells" => Head::Place(read_placing(Side::Sell, words)?),
        "cancels" => match words.word()? {
            "all" => Head::CancelAll,
            order => Head::Cancel(order),
        },
        "amends" => {
            let order = words.word()?;
            words.expect("to")?;
            Head::Amend(order, words.word()?)
        }
        "replaces" => {
            let order = words.word()?;
            words.expect("by")?;
            match words.word()? {
                "buying" => Head::Replace(order, read_placing(Side::Buy, words)?),
                "selling" => Head::Replace(order, read_placing(Side::Sell, words)?),
                word => return Err(format!("`buying` or `selling` instead of `{word}`?")),
            }
        }
        "deposits" | "withdraws" | "may" => {
            let content = super::read_request::read_money(names, user, verb, words)?;
            return Ok((UserId::VENUE, Head::Request(content)));
        }
        "brings" => return Ok((UserId::VENUE, Head::Request(super::brought::read(names, user, words)?))),
        verb => return Err(format!("`{verb}` is nothing a user can do")),
    };
    Ok((user, head))
}

fn read_placing<'a>(side: Side, words: &mut Words<'a>) -> Result<Placing<'a>, Unreadable> {
    let by_quote = words.take_if("for");
    let size = words.word()?;
    words.expect("at")?;
    Ok(Placing { side, size, by_quote, price: words.word()? })
}

fn finish_place(names: &Names<'_>, placing: Placing<'_>, ending: &Ending<'_>) -> Result<PlaceOrder, Unreadable> {
    let symbol = names.symbol_or_last(ending.symbol)?;
    let instrument = names.instrument(symbol);
    let lots = |word| quantity(word, instrument.map(Instrument::lot_size));
    let kind = match (placing.price, placing.by_quote) {
        ("market", false) => OrderKind::Market { size: MarketSize::Quantity(lots(placing.size)?) },
        ("market", true) => {
            let scale = instrument.map(|instrument| instrument.quote_leg().scale);
            OrderKind::Market { size: MarketSize::Quote(amount(placing.size, scale)?) }
        }
        (_, true) => return Err("only a market order is for an amount".to_owned()),
        (word, false) => OrderKind::Limit {
            price: price(word, instrument.map(Instrument::tick_size))?,
            quantity: lots(placing.size)?,
            time_in_force: ending.time_in_force.unwrap_or(TimeInForce::GoodTilCanceled),
        },
    };
    let client_order_id = ending.name.ok_or("an order needs a name: `as` …")?;
    Ok(PlaceOrder { symbol, side: placing.side, kind, client_order_id })
}

fn read_ending<'a>(words: &mut Words<'a>, now: UnixNanos) -> Result<Ending<'a>, Unreadable> {
    let mut ending = Ending::default();
    while let Some(word) = words.maybe() {
        match word {
            "on" => ending.symbol = Some(words.word()?),
            "as" => ending.name = Some(text(words.word()?)?),
            "post-only" => ending.time_in_force = Some(TimeInForce::PostOnly),
            "ioc" => ending.time_in_force = Some(TimeInForce::ImmediateOrCancel),
            "fok" => ending.time_in_force = Some(TimeInForce::FillOrKill),
            "if-new" => ending.only_if = Some(ReplaceOnlyIf::New),
            "if-partly-filled" => ending.only_if = Some(ReplaceOnlyIf::PartiallyFilled),
            "anyway" => ending.anyway = true,
            "request" => ending.request = Some(text(words.word()?)?),
            "by" => ending.caller = Some(words.word()?),
            "session" => ending.session = SessionId(number(words.word()?)?),
            "within" => ending.deadline = Some(now.plus(duration(words.word()?)?)),
            "late" => ending.deadline = Some(UnixNanos(now.0.saturating_sub(duration(words.word()?)?))),
            word => return Err(format!("what is `{word}` here?")),
        }
    }
    Ok(ending)
}
