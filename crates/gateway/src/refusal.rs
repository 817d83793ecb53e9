//! The engine's refusals, and what the venue did not take, in Binance's words.

use axum::http::StatusCode;
use domain::command::NotTaken;
use domain::reject::RejectReason;
use projector::history::ReadError;
use readmodel::merged::HistoryError;

use crate::door::NoExecutions;
use crate::error::Error;

/// What a refused command had asked: Binance has a code for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Place,
    Cancel,
    Amend,
    Request,
}

impl Asked {
    /// Binance's code where the matching engine says no.
    fn code(self) -> i32 {
        match self {
            Self::Place => -2010,
            Self::Cancel => -2011,
            Self::Amend => -2038,
            Self::Request => -5000,
        }
    }
}

pub(crate) fn refused(reason: RejectReason, asked: Asked) -> Error {
    let by_engine = |message: &'static str| Error::bad(asked.code(), message);
    let request = |code: i32, message: &'static str| Error::bad(code, message);
    match reason {
        RejectReason::DeadlinePassed => Error::bad(-1021, "Timestamp for this request is outside of the recvWindow."),
        RejectReason::UnknownUser => Error::unauthorized(-2015, "Invalid API-key, IP, or permissions for action."),
        RejectReason::RequestIdReused => {
            Error::new(StatusCode::CONFLICT, -5001, "This requestId was used for another request; nothing was done.")
        }
        RejectReason::UnknownTargetUser => request(-5002, "There is no such user."),
        RejectReason::UnknownAsset => request(-5003, "There is no such asset."),
        RejectReason::UnknownSymbol => Error::bad(-1121, "Invalid symbol."),
        RejectReason::CodeInUse => request(-5004, "This code is in use."),
        RejectReason::ScaleTooLarge => request(-5005, "The scale is too large."),
        RejectReason::InvalidInstrument(why) => Error::bad(-5006, format!("There can be no such symbol: {why:?}.")),
        RejectReason::InvalidLimits => request(-5007, "A limit is out of range."),
        RejectReason::FeeTooHigh => request(-5008, "A fee is too high."),
        RejectReason::CapacityReached => request(-5009, "The venue cannot have more of these."),
        RejectReason::ApiKeyInUse => request(-5011, "This API key is in use."),
        RejectReason::InvalidCredential => request(-5012, "The credential is invalid."),
        RejectReason::UnknownKey => request(-5013, "There is no such API key, or it is revoked."),
        RejectReason::UnknownWithdrawal => request(-5014, "There is no such pending withdrawal."),
        RejectReason::AmountNotPositive => request(-5015, "The amount must be positive."),
        RejectReason::TotalTooLarge => request(-5016, "There would be too much of this asset."),
        RejectReason::InvalidPosition => request(-5018, "A cost without a quantity, or of the other sign."),
        RejectReason::PositionExists => request(-5019, "The user has a position in this symbol."),
        RejectReason::UnknownShard => request(-5030, "There is no such shard."),
        RejectReason::SameShard => request(-5031, "It lives on that shard."),
        RejectReason::ShardDraining => request(-5032, "That shard is draining and gets nothing new."),
        RejectReason::AlreadyMoving => request(-5033, "It is moving already."),
        RejectReason::TooManyMoves => request(-5034, "Too many moves are open, or it has moved too often."),
        RejectReason::NotMoving => request(-5035, "It is not moving."),
        RejectReason::ShardNameInUse => request(-5036, "Another shard has this name."),
        RejectReason::WeightOutOfRange => request(-5037, "The weight is out of range."),
        RejectReason::LastActiveShard => request(-5038, "There would be no shard that takes what is new."),
        RejectReason::ClientOrderIdInUse => by_engine("Duplicate order sent."),
        RejectReason::VenueKilled | RejectReason::SymbolHalted => by_engine("Market is closed."),
        RejectReason::UserKilled => by_engine("This action is disabled on this account."),
        RejectReason::OrderIdsExhausted => by_engine("This venue has no more order ids."),
        RejectReason::UnknownOrder | RejectReason::NothingToCancel => by_engine("Unknown order sent."),
        RejectReason::OrderStateMismatch => by_engine("Order was not canceled due to cancel restrictions."),
        RejectReason::QuantityTooSmall | RejectReason::QuantityTooLarge => Error::filter("LOT_SIZE"),
        RejectReason::QuantityNotReduced => by_engine("Order amend (quantity increase) is not supported."),
        RejectReason::QuantityAlreadyFilled => {
            by_engine("Order amend (quantity not more than what is filled) is not supported.")
        }
        RejectReason::PriceTooLow | RejectReason::PriceTooHigh => Error::filter("PRICE_FILTER"),
        RejectReason::NotionalOverflow | RejectReason::NotionalTooSmall | RejectReason::NotionalTooLarge => {
            Error::filter("NOTIONAL")
        }
        RejectReason::PriceOutsideBand => Error::filter("PERCENT_PRICE_BY_SIDE"),
        RejectReason::TooManyOpenOrders => Error::filter("EXCHANGE_MAX_NUM_ORDERS"),
        RejectReason::WouldTrade => by_engine("Order would immediately match and take."),
        RejectReason::InsufficientFunds => match asked {
            Asked::Request => request(-5017, "The free balance is less than the amount."),
            Asked::Place | Asked::Cancel | Asked::Amend => {
                by_engine("Account has insufficient balance for requested action.")
            }
        },
    }
}

impl From<NotTaken> for Error {
    fn from(not_taken: NotTaken) -> Self {
        match not_taken {
            NotTaken::Overloaded => Self::unavailable(
                -1008,
                "Server is currently overloaded with other requests. Please try again in a few minutes.",
            ),
            NotTaken::NoSpace => {
                Self::unavailable(-1008, "Server has no room to record more requests. Please try again later.")
            }
            NotTaken::EventLogBehind | NotTaken::FollowerBehind => {
                Self::unavailable(-1008, "Server is catching up with its records. Please try again in a few minutes.")
            }
            NotTaken::ShuttingDown => Self::unavailable(-1016, "This service is no longer available."),
        }
    }
}

impl From<HistoryError> for Error {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Gap { from, to } => {
                Self::unavailable(-5020, format!("The store is behind: sequences {} to {} are missing.", from.0, to.0))
                    .with_detail("missingFrom", &from.0.to_string())
                    .with_detail("missingTo", &to.0.to_string())
            }
            HistoryError::Store(error) => error.into(),
        }
    }
}

impl From<NoExecutions> for Error {
    fn from(why: NoExecutions) -> Self {
        match why {
            NoExecutions::Failed(what) => ReadError::Failed(what).into(),
            NoExecutions::Purged { oldest: Some(oldest) } => {
                let message = format!("Executions before number {} are no longer kept.", oldest.0);
                Self::new(StatusCode::GONE, -5024, message).with_detail("oldest", &oldest.0.to_string())
            }
            NoExecutions::Purged { oldest: None } => {
                Self::new(StatusCode::GONE, -5024, "Executions of this user are no longer kept.")
            }
        }
    }
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        tracing::warn!(error = %error, "a store did not answer");
        match error {
            ReadError::Failed(_) => Self::unavailable(-5021, "The store did not answer. Please try again."),
            ReadError::Foreign(why) => {
                Self::unavailable(-5023, "The store does not hold this venue's history.").with_detail("reason", &why)
            }
            ReadError::Damaged(what) => {
                Self::unavailable(-5025, "The store has lost rows.").with_detail("reason", &what)
            }
        }
    }
}
