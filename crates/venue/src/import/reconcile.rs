//! Compares the source with the state of the venue, as it is read back afterwards.

use std::collections::BTreeMap;

use domain::command::RequestContent;
use domain::ids::{AssetId, UserId};
use domain::state::State;
use domain::text::RequestId;
use domain::units::Amount;
use projector::decimal;

use super::mapping::Mapping;
use super::number;
use super::plan::{Names, Users, request_id};
use super::report::{AssetSum, Kind, Report};
use super::source::SourceRows;

/// Adds sums, differences and notes to the report.
pub(crate) fn reconcile(source: &SourceRows, mapping: &Mapping, users: &Users, after: &State, report: &mut Report) {
    let check = Check { mapping, names: names(mapping, users, after), requests: requests(after), after };
    check.sums(source, report);
    check.rows(source, report);
    if after.symbols.iter().any(|symbol| symbol.last_trade.0 > 0) || after.last_withdrawal > 0 {
        report.notes.push(
            "the venue has traded since, or money was withdrawn: what users have now is not compared, only what was brought along".into(),
        );
    } else {
        check.balances(source, report);
    }
}

struct Check<'a> {
    mapping: &'a Mapping,
    names: Names,
    requests: BTreeMap<RequestId, &'a RequestContent>,
    after: &'a State,
}

/// What the names of the source mean, read off the state.
fn names(mapping: &Mapping, users: &Users, after: &State) -> Names {
    let mut names = Names { users: users.clone(), ..Names::default() };
    for (name, asset) in &mapping.assets {
        let code = asset.code(name).ok();
        let listed = after.assets.iter().find(|listed| Some(listed.asset.code) == code);
        names.assets.extend(listed.map(|listed| (name.clone(), listed.asset)));
    }
    for (name, symbol) in &mapping.symbols {
        let code = symbol.code(name).ok();
        let listed = after.symbols.iter().find(|listed| Some(listed.instrument.code()) == code);
        names.symbols.extend(listed.map(|listed| (name.clone(), listed.instrument)));
    }
    names
}

fn requests(state: &State) -> BTreeMap<RequestId, &RequestContent> {
    let own = state.requests.iter().filter(|request| request.user == UserId::VENUE);
    own.map(|request| (request.request.id, &request.request.content)).collect()
}

impl Check<'_> {
    fn id(&self, kind: Kind, key: &[&str]) -> RequestId {
        request_id(&self.mapping.source, kind, key)
    }

    /// Of each asset: everything in the source that is a number, and everything deposited for it.
    fn sums(&self, source: &SourceRows, report: &mut Report) {
        for (name, asset) in &self.names.assets {
            let (mut theirs, mut ours) = (0_i128, 0_i128);
            for row in source.balances.iter().filter(|row| row.asset == *name) {
                let amount = |text: &str| number::amount(text, asset.scale).unwrap_or(Amount::ZERO).0;
                theirs = theirs.saturating_add(amount(&row.free)).saturating_add(amount(&row.locked));
                if let Some(RequestContent::Deposit(deposit)) =
                    self.requests.get(&self.id(Kind::Balance, &[&row.user, &row.asset]))
                {
                    ours = ours.saturating_add(deposit.amount.0);
                }
            }
            let text = |sum: i128| decimal::text(Amount(sum), asset.scale);
            if theirs != ours {
                report.differences.push(format!(
                    "all {name} together: the source has {}, brought along were {}",
                    text(theirs),
                    text(ours)
                ));
            }
            report.sums.push(AssetSum { name: name.clone(), source: text(theirs), venue: text(ours) });
        }
    }

    /// Each row that could be brought along was.
    fn rows(&self, source: &SourceRows, report: &mut Report) {
        let mut check = |what: String, id: RequestId, wanted: Option<RequestContent>| {
            if let Some(wanted) = wanted
                && self.requests.get(&id).is_none_or(|there| **there != wanted)
            {
                report.differences.push(format!("{what} is not at the venue"));
            }
        };
        for row in &source.balances {
            let id = self.id(Kind::Balance, &[&row.user, &row.asset]);
            check(format!("balance {}/{}", row.user, row.asset), id, self.names.deposit(row).ok().flatten());
        }
        for row in &source.positions {
            let id = self.id(Kind::Position, &[&row.user, &row.symbol]);
            check(format!("position {}/{}", row.user, row.symbol), id, self.names.position(row).ok().flatten());
        }
        for (row, of) in source.orders.iter().filter_map(|row| Some((row, self.mapping.orders.as_ref()?))) {
            let id = self.id(Kind::Order, &[&row.key]);
            check(format!("order {}", row.key), id, self.names.order(row, of, &id).ok());
        }
    }

    /// What each user has free and locked: where the source had locked something without an order, this shows it.
    fn balances(&self, source: &SourceRows, report: &mut Report) {
        let there: BTreeMap<(UserId, AssetId), (Amount, Amount)> = self
            .after
            .balances
            .iter()
            .map(|balance| ((balance.user, balance.asset), (balance.free, balance.locked)))
            .collect();
        for row in &source.balances {
            let Ok((user, asset, free, locked)) = self.names.balance(row) else { continue };
            let ours = there.get(&(user, asset.id)).copied().unwrap_or_default();
            if ours != (free, locked) {
                let text = |amount| decimal::text(amount, asset.scale);
                report.differences.push(format!(
                    "user {} has {} free {} and locked {} in the source, free {} and locked {} at the venue",
                    row.user,
                    row.asset,
                    text(free),
                    text(locked),
                    text(ours.0),
                    text(ours.1)
                ));
            }
        }
    }
}
