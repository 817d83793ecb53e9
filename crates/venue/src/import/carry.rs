//! Brings everything along, kind by kind: what comes later needs the ids of what came before.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use domain::command::create_asset::CreateAsset;
use domain::command::create_symbol::CreateSymbol;
use domain::command::create_user::CreateUser;
use domain::command::{Action, Request, RequestContent};
use domain::event::{Created, Event};
use domain::ids::UserId;
use domain::instrument::{Asset, Instrument, SymbolLimits};
use domain::reject::RejectReason;
use domain::state::State;
use domain::text::RequestId;
use indicatif::{ProgressBar, ProgressStyle};

use super::mapping::{Mapping, SymbolMapping};
use super::number;
use super::plan::{Names, Unusable, Users, request_id};
use super::report::{Kind, Report};
use super::source::SourceRows;
use super::target::Target;
use crate::console::created_by;

/// A row as a request.
#[derive(Debug)]
struct Item {
    key: String,
    id: RequestId,
    content: RequestContent,
}

pub(crate) struct Carrier<'a, T> {
    target: &'a mut T,
    mapping: &'a Mapping,
    before: &'a State,
    report: &'a mut Report,
    names: Names,
    /// What was brought along earlier, to say what has changed since.
    earlier: BTreeMap<RequestId, &'a RequestContent>,
}

impl<'a, T: Target> Carrier<'a, T> {
    pub(crate) fn new(target: &'a mut T, mapping: &'a Mapping, before: &'a State, report: &'a mut Report) -> Self {
        let requests = before.requests.iter().filter(|request| request.user == UserId::VENUE);
        let earlier = requests.map(|request| (request.request.id, &request.request.content)).collect();
        Self { target, mapping, before, report, names: Names::default(), earlier }
    }

    pub(crate) fn carry(mut self, source: &SourceRows) -> anyhow::Result<Users> {
        self.list_assets()?;
        self.list_symbols()?;
        self.open_accounts(&source.users)?;
        let mapping = self.mapping;
        let name = |kind, key: &[&str]| request_id(&mapping.source, kind, key);

        let rows = source.balances.iter().map(|row| {
            let id = name(Kind::Balance, &[&row.user, &row.asset]);
            (format!("{}/{}", row.user, row.asset), id, self.names.deposit(row))
        });
        let items = gather(Kind::Balance, rows, self.report);
        self.ask(Kind::Balance, &items)?;

        let rows = source.positions.iter().map(|row| {
            let id = name(Kind::Position, &[&row.user, &row.symbol]);
            (format!("{}/{}", row.user, row.symbol), id, self.names.position(row))
        });
        let items = gather(Kind::Position, rows, self.report);
        self.ask(Kind::Position, &items)?;

        if let Some(of) = &mapping.orders {
            let rows = source.orders.iter().map(|row| {
                let id = name(Kind::Order, &[&row.key]);
                (row.key.clone(), id, self.names.order(row, of, &id).map(Some))
            });
            let items = gather(Kind::Order, rows, self.report);
            self.ask(Kind::Order, &items)?;
        }
        Ok(self.names.users)
    }

    fn list_assets(&mut self) -> anyhow::Result<()> {
        let mapping = self.mapping;
        for (name, asset) in &mapping.assets {
            let (code, scale) = (asset.code(name)?, asset.scale);
            let listed = self.before.assets.iter().map(|listed| listed.asset).find(|listed| listed.code == code);
            let id = request_id(&mapping.source, Kind::Asset, &[name]);
            if let Some(listed) = listed {
                anyhow::ensure!(
                    listed.scale == scale,
                    "asset {code} has {} decimals at the venue, {scale} in the mapping",
                    listed.scale
                );
                self.count_listed(Kind::Asset, id);
                self.names.assets.insert(name.clone(), listed);
                continue;
            }
            let content = RequestContent::CreateAsset(CreateAsset { code, scale });
            let Created::Asset(id) = self.create(Kind::Asset, name, id, content)? else {
                anyhow::bail!("asset {code}: something else was made");
            };
            self.names.assets.insert(name.clone(), Asset { id, code, scale });
        }
        Ok(())
    }

    fn list_symbols(&mut self) -> anyhow::Result<()> {
        let mapping = self.mapping;
        for (name, symbol) in &mapping.symbols {
            let SymbolMapping { base, quote, tick_size, lot_size, .. } = symbol;
            let code = symbol.code(name)?;
            let asset = |name: &String| self.names.assets.get(name).copied().context("the mapping was checked");
            let (base, quote) = (asset(base)?, asset(quote)?);
            let step = |text: &str| number::step(text).context("the mapping was checked");
            let (tick_size, lot_size) = (step(tick_size)?, step(lot_size)?);
            let mut listed = self.before.symbols.iter().map(|listed| listed.instrument);
            let id = request_id(&mapping.source, Kind::Symbol, &[name]);
            let wanted = |id| Instrument::new(id, code, &base, &quote, tick_size, lot_size);
            let instrument = if let Some(listed) = listed.find(|listed| listed.code() == code) {
                let same = wanted(listed.id()).is_ok_and(|wanted| wanted == listed);
                anyhow::ensure!(same, "symbol {code} has other assets or steps at the venue than in the mapping");
                self.count_listed(Kind::Symbol, id);
                listed
            } else {
                let (limits, fees) = (SymbolLimits::WIDEST, symbol.fees()?);
                let (base, quote) = (base.id, quote.id);
                let create = CreateSymbol { code, base, quote, tick_size, lot_size, limits, fees };
                let content = RequestContent::CreateSymbol(Box::new(create));
                let Created::Symbol(id) = self.create(Kind::Symbol, name, id, content)? else {
                    anyhow::bail!("symbol {code}: something else was made");
                };
                wanted(id).map_err(|error| anyhow::anyhow!("symbol {code}: {error:?}"))?
            };
            self.names.symbols.insert(name.clone(), instrument);
        }
        Ok(())
    }

    /// It is at the venue: through an earlier import, or anyway.
    fn count_listed(&mut self, kind: Kind, id: RequestId) {
        let counts = self.report.counts.entry(kind).or_default();
        if self.earlier.contains_key(&id) { counts.earlier += 1 } else { counts.nothing += 1 }
    }

    /// What everything else needs: a refusal ends the import.
    fn create(&mut self, kind: Kind, name: &str, id: RequestId, content: RequestContent) -> anyhow::Result<Created> {
        let created = self.ask(kind, &[Item { key: name.to_owned(), id, content }])?;
        let why = self.report.refused.last().cloned().unwrap_or_default();
        created.into_iter().next().map(|(_, created)| created).ok_or_else(|| anyhow::anyhow!("refused: {why}"))
    }

    fn open_accounts(&mut self, users: &[String]) -> anyhow::Result<()> {
        let mapping = self.mapping;
        let rows = users.iter().map(|key| {
            let content = if key.is_empty() { Err("no key".to_owned()) } else { Ok(Some(create_user())) };
            (key.clone(), request_id(&mapping.source, Kind::User, &[key]), content)
        });
        let items = gather(Kind::User, rows, self.report);
        for (key, created) in self.ask(Kind::User, &items)? {
            if let Created::User(user) = created {
                self.names.users.insert(key, user);
            }
        }
        Ok(())
    }

    /// Makes the requests; what each that was carried out, now or earlier, has created.
    fn ask(&mut self, kind: Kind, items: &[Item]) -> anyhow::Result<Vec<(String, Created)>> {
        let bar = ProgressBar::new(u64::try_from(items.len())?)
            .with_style(ProgressStyle::with_template("{msg:9} {bar:40} {pos}/{len}, {per_sec}, {eta} left")?)
            .with_message(kind.word());
        let action = |item: &Item| Action::Request(Request { id: item.id, content: item.content.clone() });
        let actions = items.iter().map(action).collect();
        let mut created = BTreeMap::new();
        let Self { target, report, earlier, .. } = self;
        target.carry_out(actions, &mut |place, events| {
            bar.inc(1);
            let Some(item) = items.get(place) else { return };
            match outcome(events) {
                Outcome::Refused(reason) => report.refuse(kind, &item.key, &reason_text(reason, item, earlier)),
                Outcome::Earlier(found) => {
                    report.counts.entry(kind).or_default().earlier += 1;
                    created.insert(place, found);
                }
                Outcome::New(found) => {
                    report.counts.entry(kind).or_default().new += 1;
                    created.insert(place, found);
                }
            }
        })?;
        bar.finish_and_clear();
        let with_key = |(place, created): (usize, Created)| items.get(place).map(|item| (item.key.clone(), created));
        Ok(created.into_iter().filter_map(with_key).collect())
    }
}

fn create_user() -> RequestContent {
    RequestContent::CreateUser(CreateUser)
}

/// The rows that can be asked for; the others are told, and so is one that comes twice.
fn gather(
    kind: Kind,
    rows: impl Iterator<Item = (String, RequestId, Result<Option<RequestContent>, Unusable>)>,
    report: &mut Report,
) -> Vec<Item> {
    let mut items = Vec::new();
    let mut seen = BTreeSet::new();
    for (key, id, content) in rows {
        if !seen.insert(id) {
            report.refuse(kind, &key, "comes twice in the source");
            continue;
        }
        match content {
            Ok(Some(content)) => items.push(Item { key, id, content }),
            Ok(None) => report.counts.entry(kind).or_default().nothing += 1,
            Err(why) => report.refuse(kind, &key, &why),
        }
    }
    items
}

enum Outcome {
    New(Created),
    Earlier(Created),
    Refused(RejectReason),
}

fn outcome(events: &[Event]) -> Outcome {
    for event in events {
        if let Event::Refused(refused) = event {
            return Outcome::Refused(refused.reason);
        }
        if let Event::RequestRepeated(repeated) = event {
            return Outcome::Earlier(repeated.created);
        }
    }
    Outcome::New(events.iter().find_map(created_by).unwrap_or(Created::Nothing))
}

fn reason_text(reason: RejectReason, item: &Item, earlier: &BTreeMap<RequestId, &RequestContent>) -> String {
    match earlier.get(&item.id) {
        Some(before) if reason == RejectReason::RequestIdReused => {
            format!("has changed since it was brought along: then {before:?}, now {:?}", item.content)
        }
        Some(_) | None => format!("the venue refuses it: {reason:?}"),
    }
}
