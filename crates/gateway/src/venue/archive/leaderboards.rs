//! `GET /v1/leaderboards`.

use std::sync::Arc;

use domain::units::Amount;
use projector::archive::ArchiveHistory;
use projector::buckets::{Interval, Scope};
use projector::rows::derived::LeaderboardRow;

use super::{ROWS_DEFAULT, ROWS_MAX, amount, least_of, reply, scales_of, scope_of, times};
use crate::error::Error;
use crate::json::Json;
use crate::reply::Reply;
use crate::request::Call;
use crate::venue::limit_of;

/// What a board is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Volume,
    Realised,
}

pub(crate) async fn leaderboard(call: &Call<'_>) -> Result<Reply, Error> {
    let user = call.caller()?.user;
    let scope = scope_of(call)?;
    let scales = scales_of(call, scope).filter(|_| scope != Scope::Venue);
    let (_, scale) = scales.ok_or(Error::bad(-1102, "Mandatory parameter 'symbol' or 'asset' was not sent."))?;
    let interval = match call.params.optional("period")? {
        None | Some("day") => Interval::DAY,
        Some("week") => Interval::Week,
        Some("all") => Interval::Ever,
        Some(_) => return Err(Error::illegal("period", "day, week, all")),
    };
    let by = match call.params.optional("by")? {
        None | Some("volume") => By::Volume,
        Some("realised") => By::Realised,
        Some(_) => return Err(Error::illegal("by", "volume, realised")),
    };
    let time = call.params.time("time")?.unwrap_or_else(|| call.model().time());
    let first = match call.params.integer("fromRank")? {
        None => 1,
        Some(0) => return Err(Error::illegal("fromRank", "from 1 on")),
        Some(rank) => rank,
    };
    let limit = limit_of(call, ROWS_DEFAULT, ROWS_MAX)?;
    call.params.all_read()?;
    let (bucket, cache) = (interval.bucket(time), Arc::clone(&call.gateway.cache));
    let least = least_of(call)?;
    let read =
        move |archive: &dyn ArchiveHistory| cache.board(scope, bucket, least, || archive.leaderboard(scope, bucket));
    let board = call.read_archive(read).await?;
    reply(call, board.through, |json| {
        json.object(|json| {
            json.number("sequence", board.through.0);
            times(json, bucket);
            let users = u64::try_from(board.len()).unwrap_or(u64::MAX);
            json.number("users", users);
            json.name("rows").array(|json| {
                // In this order: without a row the number is not counted on, which may be the last there is.
                for (row, rank) in board.from(by, first, limit).zip(first..) {
                    write_row(json, rank, row, scale);
                }
            });
            match first.checked_add(u64::try_from(limit).unwrap_or(u64::MAX)).filter(|next| *next <= users) {
                Some(next) => json.number("nextRank", next),
                None => json.raw("nextRank", b"null"),
            }
            match board.rank(by, user) {
                Some((rank, row)) => write_row(json.name("own"), rank, row, scale),
                None => json.raw("own", b"null"),
            }
        });
    })
}

/// The number a board is ordered by.
pub(crate) fn measure(row: &LeaderboardRow, by: By) -> Amount {
    match by {
        By::Volume => row.volume,
        By::Realised => row.realised,
    }
}

fn write_row(json: &mut Json, rank: u64, row: &LeaderboardRow, scale: u8) {
    json.object(|json| {
        json.number("rank", rank);
        json.number("userId", u64::from(row.user.0));
        amount(json, "volume", row.volume.0, scale);
        amount(json, "realisedPnl", row.realised.0, scale);
        json.number("fills", row.fills);
    });
}
