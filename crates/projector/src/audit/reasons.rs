//! The words of the reasons for refusal.

use domain::instrument::InstrumentError;
use domain::reject::RejectReason;

pub(super) fn word(reason: RejectReason) -> &'static str {
    match reason {
        RejectReason::DeadlinePassed => "deadline_passed",
        RejectReason::UnknownUser => "unknown_user",
        RejectReason::RequestIdReused => "request_id_reused",
        RejectReason::UnknownTargetUser => "unknown_target_user",
        RejectReason::UnknownAsset => "unknown_asset",
        RejectReason::UnknownSymbol => "unknown_symbol",
        RejectReason::CodeInUse => "code_in_use",
        RejectReason::ScaleTooLarge => "scale_too_large",
        RejectReason::InvalidInstrument(error) => instrument(error),
        RejectReason::InvalidLimits => "invalid_limits",
        RejectReason::FeeTooHigh => "fee_too_high",
        RejectReason::CapacityReached => "capacity_reached",
        RejectReason::ApiKeyInUse => "api_key_in_use",
        RejectReason::InvalidCredential => "invalid_credential",
        RejectReason::UnknownKey => "unknown_key",
        RejectReason::UnknownWithdrawal => "unknown_withdrawal",
        RejectReason::AmountNotPositive => "amount_not_positive",
        RejectReason::TotalTooLarge => "total_too_large",
        RejectReason::InvalidPosition => "invalid_position",
        RejectReason::PositionExists => "position_exists",
        RejectReason::UnknownShard => "unknown_shard",
        RejectReason::SameShard => "same_shard",
        RejectReason::ShardDraining => "shard_draining",
        RejectReason::AlreadyMoving => "already_moving",
        RejectReason::TooManyMoves => "too_many_moves",
        RejectReason::NotMoving => "not_moving",
        RejectReason::ShardNameInUse => "shard_name_in_use",
        RejectReason::WeightOutOfRange => "weight_out_of_range",
        RejectReason::LastActiveShard => "last_active_shard",
        RejectReason::ClientOrderIdInUse => "client_order_id_in_use",
        RejectReason::VenueKilled => "venue_killed",
        RejectReason::UserKilled => "user_killed",
        RejectReason::SymbolHalted => "symbol_halted",
        RejectReason::OrderIdsExhausted => "order_ids_exhausted",
        RejectReason::UnknownOrder => "unknown_order",
        RejectReason::OrderStateMismatch => "order_state_mismatch",
        RejectReason::NothingToCancel => "nothing_to_cancel",
        RejectReason::QuantityTooSmall => "quantity_too_small",
        RejectReason::QuantityTooLarge => "quantity_too_large",
        RejectReason::QuantityNotReduced => "quantity_not_reduced",
        RejectReason::QuantityAlreadyFilled => "quantity_already_filled",
        RejectReason::PriceTooLow => "price_too_low",
        RejectReason::PriceTooHigh => "price_too_high",
        RejectReason::NotionalOverflow => "notional_overflow",
        RejectReason::NotionalTooSmall => "notional_too_small",
        RejectReason::NotionalTooLarge => "notional_too_large",
        RejectReason::PriceOutsideBand => "price_outside_band",
        RejectReason::TooManyOpenOrders => "too_many_open_orders",
        RejectReason::WouldTrade => "would_trade",
        RejectReason::InsufficientFunds => "insufficient_funds",
    }
}

fn instrument(error: InstrumentError) -> &'static str {
    match error {
        InstrumentError::SameAsset => "invalid_instrument.same_asset",
        InstrumentError::StepOutOfRange => "invalid_instrument.step_out_of_range",
        InstrumentError::LotNotWhole => "invalid_instrument.lot_not_whole",
        InstrumentError::TickLotNotWhole => "invalid_instrument.tick_lot_not_whole",
        InstrumentError::TooLarge => "invalid_instrument.too_large",
    }
}
