//! The commands must reach every rule, else their agreement says little.

use std::collections::BTreeSet;

use domain::event::Event;
use sim::commands::{CELL, Profile, generate, sequenced};
use sim::model::Model;

/// What came of the commands, by name: each kind of event, each reason of a refusal or of a closing.
fn reached(profile: Profile, seeds: u64) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut events = Vec::new();
    for seed in 0..seeds {
        let mut model = Model::new(CELL);
        for command in sequenced(&generate(profile, seed, 2_000)) {
            events.clear();
            model.apply(&command, &mut events);
            reached.extend(events.iter().map(name));
        }
    }
    reached
}

fn name(event: &Event) -> String {
    if let Event::Refused(refused) = event {
        return format!("{:?} {:?}", refused.part, refused.reason);
    }
    if let Event::OrderClosed(closed) = event {
        return format!("Closed {:?}", closed.reason);
    }
    let shown = format!("{event:?}");
    let of_group = shown.strip_prefix("Reference(").or_else(|| shown.strip_prefix("ShardMap(")).unwrap_or(&shown);
    of_group.split('(').next().unwrap_or_default().to_owned()
}

#[test]
fn adversarial_commands_reach_what_few_commands_can() {
    let reached = reached(Profile::Small, 48);
    let expected = "
        OrderPlaced OrderRepeated OrderAmended Trade OrderFilled BalanceChanged PositionChanged RequestRepeated
        AssetCreated SymbolCreated SymbolStatusChanged SymbolLimitsChanged SymbolFeesChanged UserFeesChanged
        UserCreated ApiKeyCreated ApiKeyRevoked Deposited WithdrawalRequested WithdrawalSettled WithdrawalCanceled
        CreditLimitChanged VenueKillSwitchChanged UserKillSwitchChanged";
    let closed = "Canceled Replaced KillSwitch NoLiquidity NoFunds";
    let whole = "
        DeadlinePassed UnknownUser RequestIdReused UnknownTargetUser UnknownAsset UnknownSymbol CodeInUse ScaleTooLarge
        InvalidInstrument(SameAsset) InvalidLimits FeeTooHigh ApiKeyInUse InvalidCredential UnknownKey
        UnknownWithdrawal AmountNotPositive TotalTooLarge ClientOrderIdInUse VenueKilled UserKilled SymbolHalted
        UnknownOrder NothingToCancel QuantityTooSmall QuantityTooLarge QuantityNotReduced QuantityAlreadyFilled
        PriceTooLow PriceTooHigh NotionalOverflow NotionalTooSmall NotionalTooLarge PriceOutsideBand WouldTrade
        InsufficientFunds";
    let cancel = "UnknownOrder OrderStateMismatch";
    let place = "
        ClientOrderIdInUse QuantityTooSmall QuantityTooLarge PriceTooLow PriceTooHigh NotionalTooSmall
        NotionalTooLarge PriceOutsideBand WouldTrade InsufficientFunds";
    let parts =
        [("", expected), ("Closed ", closed), ("Whole ", whole), ("ReplaceCancel ", cancel), ("ReplacePlace ", place)];
    for (part, names) in parts {
        for name in names.split_whitespace() {
            assert!(reached.contains(&format!("{part}{name}")), "never reached: {part}{name}");
        }
    }
}

#[test]
fn moves_meet() {
    let reached = reached(Profile::Shards, 16);
    let expected =
        "ShardAdded ShardChanged SymbolPlaced UserPlaced MoveBegun MoveCommitted MoveAborted Trade Deposited";
    let whole = "
        InvalidPosition PositionExists UnknownShard SameShard ShardDraining AlreadyMoving NotMoving ShardNameInUse WeightOutOfRange LastActiveShard";
    for (part, names) in [("", expected), ("Whole ", whole)] {
        for name in names.split_whitespace() {
            assert!(reached.contains(&format!("{part}{name}")), "never reached: {part}{name}");
        }
    }
}

#[test]
fn a_day_has_trades_cancels_and_few_refusals() {
    let reached = reached(Profile::Flow, 4);
    for name in ["Trade", "OrderFilled", "OrderAmended", "Closed Canceled", "Closed Replaced", "Closed NoLiquidity"] {
        assert!(reached.contains(name), "never reached: {name}");
    }
}
