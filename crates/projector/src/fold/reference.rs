//! Assets, symbols, users, API keys, the venue's switch.

use std::collections::BTreeMap;

use domain::event::{ApiKeyCreated, Event, ReferenceEvent, SymbolCreated};
use domain::ids::{SymbolId, UserId};
use domain::instrument::SymbolStatus;
use domain::units::Seq;

use super::Stamp;
use crate::batch::ReferenceRows;
use crate::block::CommittedCommand;
use crate::changes::{KeyRevoked, SymbolChange, UserChange};
use crate::rows::{AssetRow, KeyRow, SymbolRow, UserRow, VenueRow};

/// Collects the stream's rows. New ones come in the order of their ids.
#[derive(Debug, Default)]
pub(super) struct ReferenceFold {
    rows: ReferenceRows,
    symbols: BTreeMap<SymbolId, SymbolChange>,
    users: BTreeMap<UserId, UserChange>,
}

impl ReferenceFold {
    /// The venue has its own account before the first command.
    pub(super) fn begin(&mut self) {
        self.rows.venue = Some(VenueRow { killed: false, last_seq: Seq::ZERO });
        let (user, last_seq) = (UserId::VENUE, Seq::ZERO);
        self.rows.users.push(UserRow { user, fees: None, killed: false, created_time: None, last_seq });
    }

    pub(super) fn apply(&mut self, committed: CommittedCommand<'_>) {
        for event in committed.events {
            if let Event::Reference(event) = event {
                self.event(Stamp::of(committed), event);
            }
        }
    }

    pub(super) fn has_rows(&self) -> bool {
        self.rows.count() + self.symbols.len() + self.users.len() > 0
    }

    pub(super) fn take(&mut self) -> ReferenceRows {
        let mut rows = std::mem::take(&mut self.rows);
        rows.symbols_changed = std::mem::take(&mut self.symbols).into_values().collect();
        rows.users_changed = std::mem::take(&mut self.users).into_values().collect();
        rows.keys_revoked.sort_unstable_by_key(|revoked| revoked.key);
        rows
    }

    fn event(&mut self, stamp: Stamp, event: &ReferenceEvent) {
        let last_seq = stamp.seq;
        let (of_symbol, of_user) = (SymbolChange::none(SymbolId(0), last_seq), UserChange::none(UserId(0), last_seq));
        match event {
            ReferenceEvent::AssetCreated(asset) => self.rows.assets.push(AssetRow { asset: *asset, last_seq }),
            ReferenceEvent::SymbolCreated(created) => self.symbol_created(stamp, created),
            ReferenceEvent::SymbolStatusChanged(event) => {
                self.symbol(SymbolChange { symbol: event.symbol, status: Some(event.status), ..of_symbol });
            }
            ReferenceEvent::SymbolLimitsChanged(event) => {
                self.symbol(SymbolChange { symbol: event.symbol, limits: Some(event.limits), ..of_symbol });
            }
            ReferenceEvent::SymbolFeesChanged(event) => {
                self.symbol(SymbolChange { symbol: event.symbol, fees: Some(event.fees), ..of_symbol });
            }
            ReferenceEvent::UserCreated(event) => {
                let (user, created_time) = (event.user, Some(stamp.time));
                self.rows.users.push(UserRow { user, fees: None, killed: false, created_time, last_seq });
            }
            ReferenceEvent::UserFeesChanged(event) => {
                self.user(UserChange { user: event.user, fees: Some(event.fees), ..of_user });
            }
            ReferenceEvent::UserKillSwitchChanged(event) => {
                self.user(UserChange { user: event.user, killed: Some(event.engaged), ..of_user });
            }
            ReferenceEvent::ApiKeyCreated(created) => self.key_created(stamp, created),
            ReferenceEvent::ApiKeyRevoked(event) => self.key_revoked(KeyRevoked { key: event.key, last_seq }),
            ReferenceEvent::VenueKillSwitchChanged(event) => {
                self.rows.venue = Some(VenueRow { killed: event.engaged, last_seq });
            }
        }
    }

    fn symbol_created(&mut self, stamp: Stamp, created: &SymbolCreated) {
        self.rows.symbols.push(SymbolRow {
            instrument: created.instrument,
            status: SymbolStatus::Trading,
            limits: created.limits,
            fees: created.fees,
            last_seq: stamp.seq,
        });
    }

    fn key_created(&mut self, stamp: Stamp, created: &ApiKeyCreated) {
        self.rows.keys.push(KeyRow {
            key: created.key,
            user: created.user,
            roles: created.roles,
            api_key: created.api_key,
            credential: created.credential.clone(),
            revoked: false,
            last_seq: stamp.seq,
        });
    }

    fn symbol(&mut self, change: SymbolChange) {
        let rows = &mut self.rows.symbols;
        if let Ok(index) = rows.binary_search_by_key(&change.symbol, |row| row.instrument.id()) {
            rows[index].change(&change);
        } else {
            self.symbols.entry(change.symbol).and_modify(|earlier| earlier.and_then(&change)).or_insert(change);
        }
    }

    fn user(&mut self, change: UserChange) {
        let rows = &mut self.rows.users;
        if let Ok(index) = rows.binary_search_by_key(&change.user, |row| row.user) {
            rows[index].change(&change);
        } else {
            self.users.entry(change.user).and_modify(|earlier| earlier.and_then(&change)).or_insert(change);
        }
    }

    fn key_revoked(&mut self, revoked: KeyRevoked) {
        if let Ok(index) = self.rows.keys.binary_search_by_key(&revoked.key, |row| row.key) {
            self.rows.keys[index].revoke(&revoked);
        } else {
            self.rows.keys_revoked.push(revoked);
        }
    }
}
