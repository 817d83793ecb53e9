//! Every file in `scenarios/`, on the engine and on the model. `SIM_UPDATE=1` writes into the files what came of them.

use std::path::{Path, PathBuf};
use std::{fs, io};

use domain::instrument::InstrumentError;
use domain::reject::RejectReason;
use sim::commands::{CELL, Profile, generate};
use sim::model::Model;
use sim::scenario::{play, say_reason, transcribe};

fn files() -> io::Result<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    files.sort();
    Ok(files)
}

/// What went otherwise than written.
fn check(file: &Path) -> io::Result<Vec<String>> {
    let played = play(&fs::read_to_string(file)?);
    if std::env::var_os("SIM_UPDATE").is_some() {
        fs::write(file, &played.text)?;
    }
    let failures = played.failures.iter();
    Ok(failures.map(|failure| format!("{}:{}: {}", file.display(), failure.line, failure.what)).collect())
}

#[test]
fn scenarios_go_as_written() {
    let failures: Vec<String> = files().unwrap().iter().flat_map(|file| check(file).unwrap()).collect();
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

#[test]
fn commands_written_as_a_scenario_can_be_played() {
    let start = Model::new(CELL).state();
    for (profile, seed) in
        [(Profile::Small, 0), (Profile::Small, 1), (Profile::Small, 2), (Profile::Shards, 0), (Profile::Flow, 0)]
    {
        let text = transcribe(&start, &generate(profile, seed, 500));
        let played = play(&text);
        assert!(played.failures.is_empty(), "{profile:?} {seed}: {:#?}", played.failures);
        assert_eq!(played.text, text, "what can be read is written alike");
    }
}

/// The reason after this one: a new one does not compile until it has its place here, and its line in a scenario.
#[rustfmt::skip]
fn next(reason: RejectReason) -> Option<RejectReason> {
    use RejectReason as R;
    Some(match reason {
        R::DeadlinePassed => R::UnknownUser,
        R::UnknownUser => R::RequestIdReused,
        R::RequestIdReused => R::UnknownTargetUser,
        R::UnknownTargetUser => R::UnknownAsset,
        R::UnknownAsset => R::UnknownSymbol,
        R::UnknownSymbol => R::CodeInUse,
        R::CodeInUse => R::ScaleTooLarge,
        R::ScaleTooLarge => R::InvalidInstrument(InstrumentError::SameAsset),
        R::InvalidInstrument(InstrumentError::SameAsset) => R::InvalidInstrument(InstrumentError::StepOutOfRange),
        R::InvalidInstrument(InstrumentError::StepOutOfRange) => R::InvalidInstrument(InstrumentError::LotNotWhole),
        R::InvalidInstrument(InstrumentError::LotNotWhole) => R::InvalidInstrument(InstrumentError::TickLotNotWhole),
        R::InvalidInstrument(InstrumentError::TickLotNotWhole) => R::InvalidInstrument(InstrumentError::TooLarge),
        R::InvalidInstrument(InstrumentError::TooLarge) => R::InvalidLimits,
        R::InvalidLimits => R::FeeTooHigh,
        R::FeeTooHigh => R::CapacityReached,
        R::CapacityReached => R::ApiKeyInUse,
        R::ApiKeyInUse => R::InvalidCredential,
        R::InvalidCredential => R::UnknownKey,
        R::UnknownKey => R::UnknownWithdrawal,
        R::UnknownWithdrawal => R::AmountNotPositive,
        R::AmountNotPositive => R::TotalTooLarge,
        R::TotalTooLarge => R::InvalidPosition,
        R::InvalidPosition => R::PositionExists,
        R::PositionExists => R::UnknownShard,
        R::UnknownShard => R::SameShard,
        R::SameShard => R::ShardDraining,
        R::ShardDraining => R::AlreadyMoving,
        R::AlreadyMoving => R::TooManyMoves,
        R::TooManyMoves => R::NotMoving,
        R::NotMoving => R::ShardNameInUse,
        R::ShardNameInUse => R::WeightOutOfRange,
        R::WeightOutOfRange => R::LastActiveShard,
        R::LastActiveShard => R::ClientOrderIdInUse,
        R::ClientOrderIdInUse => R::VenueKilled,
        R::VenueKilled => R::UserKilled,
        R::UserKilled => R::SymbolHalted,
        R::SymbolHalted => R::OrderIdsExhausted,
        R::OrderIdsExhausted => R::UnknownOrder,
        R::UnknownOrder => R::OrderStateMismatch,
        R::OrderStateMismatch => R::NothingToCancel,
        R::NothingToCancel => R::QuantityTooSmall,
        R::QuantityTooSmall => R::QuantityTooLarge,
        R::QuantityTooLarge => R::QuantityNotReduced,
        R::QuantityNotReduced => R::QuantityAlreadyFilled,
        R::QuantityAlreadyFilled => R::PriceTooLow,
        R::PriceTooLow => R::PriceTooHigh,
        R::PriceTooHigh => R::NotionalOverflow,
        R::NotionalOverflow => R::NotionalTooSmall,
        R::NotionalTooSmall => R::NotionalTooLarge,
        R::NotionalTooLarge => R::PriceOutsideBand,
        R::PriceOutsideBand => R::TooManyOpenOrders,
        R::TooManyOpenOrders => R::WouldTrade,
        R::WouldTrade => R::InsufficientFunds,
        R::InsufficientFunds => return None,
    })
}

#[test]
fn every_refusal_has_a_line() {
    let texts: String = files().unwrap().iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let reasons = std::iter::successors(Some(RejectReason::DeadlinePassed), |reason| next(*reason));
    for reason in reasons {
        assert!(texts.contains(&format!("refused: {}\n", say_reason(reason))), "no line is refused for {reason:?}");
    }
}
