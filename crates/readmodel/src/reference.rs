//! What rarely changes: assets and symbols, and the shard map (each one snapshot, replaced as a whole), users and keys (looked up one
//! by one).

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use domain::command::create_api_key::{Credential, Roles};
use domain::event::{ReferenceEvent, ShardMapEvent};
use domain::ids::{AssetId, KeyId, SymbolId, UserId};
use domain::instrument::{Asset, Fees, Instrument, SymbolLimits, SymbolStatus};
use domain::shard_map::ShardMap;
use domain::state::State;
use domain::text::{ApiKeyText, AssetCode, SymbolCode};
use domain::units::Seq;
use foldhash::fast::RandomState;

use crate::sync::{read, write};

/// A symbol and what its orders may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbol {
    /// Base, quote, tick and lot.
    pub instrument: Instrument,
    /// Whether it takes orders.
    pub status: SymbolStatus,
    /// What its orders may be.
    pub limits: SymbolLimits,
    /// Its fees.
    pub fees: Fees,
}

/// Assets, symbols and the venue's kill switch at one moment.
#[derive(Debug, Clone, Default)]
pub struct Reference {
    assets: Vec<Asset>,
    symbols: Vec<Arc<Symbol>>,
    asset_codes: HashMap<AssetCode, AssetId, RandomState>,
    symbol_codes: HashMap<SymbolCode, SymbolId, RandomState>,
    killed: bool,
}

impl Reference {
    /// All assets, by id.
    pub fn assets(&self) -> &[Asset] {
        &self.assets
    }

    /// All symbols, by id.
    pub fn symbols(&self) -> &[Arc<Symbol>] {
        &self.symbols
    }

    /// The asset with this id.
    pub fn asset(&self, id: AssetId) -> Option<&Asset> {
        self.assets.get(usize::try_from(id.0).ok()?)
    }

    /// The symbol with this id.
    pub fn symbol(&self, id: SymbolId) -> Option<&Arc<Symbol>> {
        self.symbols.get(usize::try_from(id.0).ok()?)
    }

    /// The asset with this code.
    pub fn asset_by_code(&self, code: &str) -> Option<&Asset> {
        self.asset(*self.asset_codes.get(&AssetCode::new(code).ok()?)?)
    }

    /// The symbol with this code.
    pub fn symbol_by_code(&self, code: &str) -> Option<&Arc<Symbol>> {
        self.symbol(*self.symbol_codes.get(&SymbolCode::new(code).ok()?)?)
    }

    /// Whether the venue's kill switch is engaged.
    pub fn is_killed(&self) -> bool {
        self.killed
    }

    pub(crate) fn new(state: &State) -> Self {
        let mut reference = Self { killed: state.killed, ..Self::default() };
        for asset in &state.assets {
            reference.add_asset(asset.asset);
        }
        for symbol in &state.symbols {
            let &domain::state::SymbolState { instrument, status, limits, fees, last_price: _, last_trade: _ } = symbol;
            reference.add_symbol(Symbol { instrument, status, limits, fees });
        }
        reference
    }

    fn add_asset(&mut self, asset: Asset) {
        self.asset_codes.insert(asset.code, asset.id);
        self.assets.push(asset);
    }

    fn add_symbol(&mut self, symbol: Symbol) {
        self.symbol_codes.insert(symbol.instrument.code(), symbol.instrument.id());
        self.symbols.push(Arc::new(symbol));
    }
}

/// A user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct User {
    /// Their own fees, if any.
    pub fees: Option<Fees>,
    /// Whether their kill switch is engaged.
    pub killed: bool,
}

/// An API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its id.
    pub id: KeyId,
    /// Whose.
    pub user: UserId,
    /// What it may do.
    pub roles: Roles,
    /// Its public part.
    pub api_key: ApiKeyText,
    /// What its signatures are checked with.
    pub credential: Credential,
    /// Whether it is no longer valid.
    pub revoked: bool,
}

/// Everything that is looked up by id or code, behind locks held for one look-up.
#[derive(Debug)]
pub(crate) struct Directory {
    reference: RwLock<Arc<Reference>>,
    shard_map: RwLock<Arc<ShardMap>>,
    users: RwLock<Vec<User>>,
    keys: RwLock<Keys>,
}

#[derive(Debug, Default)]
struct Keys {
    by_text: HashMap<ApiKeyText, Arc<Key>, RandomState>,
    texts: HashMap<KeyId, ApiKeyText, RandomState>,
}

impl Keys {
    fn put(&mut self, key: Key) {
        self.texts.insert(key.id, key.api_key);
        self.by_text.insert(key.api_key, Arc::new(key));
    }
}

impl Directory {
    pub(crate) fn new(state: &State) -> Self {
        let user = |user: &domain::state::UserState| User { fees: user.fees, killed: user.killed };
        let mut keys = Keys::default();
        for key in &state.keys {
            let domain::state::KeyState { key: id, user, roles, api_key, credential, revoked } = key.clone();
            keys.put(Key { id, user, roles, api_key, credential, revoked });
        }
        let shard_map = ShardMap::from_state(&state.shards, state.seq).expect("the engine has checked its state");
        Self {
            reference: RwLock::new(Arc::new(Reference::new(state))),
            shard_map: RwLock::new(Arc::new(shard_map)),
            users: RwLock::new(state.users.iter().map(user).collect()),
            keys: RwLock::new(keys),
        }
    }

    pub(crate) fn reference(&self) -> Arc<Reference> {
        Arc::clone(&read(&self.reference))
    }

    pub(crate) fn shard_map(&self) -> Arc<ShardMap> {
        Arc::clone(&read(&self.shard_map))
    }

    pub(crate) fn user(&self, user: UserId) -> Option<User> {
        read(&self.users).get(usize::try_from(user.0).ok()?).copied()
    }

    pub(crate) fn users_count(&self) -> usize {
        read(&self.users).len()
    }

    pub(crate) fn key(&self, api_key: &ApiKeyText) -> Option<Arc<Key>> {
        read(&self.keys).by_text.get(api_key).cloned()
    }

    pub(crate) fn key_by_id(&self, id: KeyId) -> Option<Arc<Key>> {
        let keys = read(&self.keys);
        keys.by_text.get(keys.texts.get(&id)?).cloned()
    }

    /// Takes up an event that changes the shard map.
    pub(crate) fn apply_to_map(&self, seq: Seq, event: &ShardMapEvent) {
        Arc::make_mut(&mut write(&self.shard_map)).apply(seq, event);
    }

    /// Takes up an event.
    pub(crate) fn apply(&self, event: &ReferenceEvent) {
        match event {
            ReferenceEvent::AssetCreated(asset) => self.change(|reference| reference.add_asset(*asset)),
            ReferenceEvent::SymbolCreated(created) => {
                let domain::event::SymbolCreated { instrument, limits, fees } = **created;
                let symbol = Symbol { instrument, status: SymbolStatus::Trading, limits, fees };
                self.change(|reference| reference.add_symbol(symbol));
            }
            ReferenceEvent::SymbolStatusChanged(changed) => {
                self.change_symbol(changed.symbol, |symbol| symbol.status = changed.status);
            }
            ReferenceEvent::SymbolLimitsChanged(changed) => {
                self.change_symbol(changed.symbol, |symbol| symbol.limits = changed.limits);
            }
            ReferenceEvent::SymbolFeesChanged(changed) => {
                self.change_symbol(changed.symbol, |symbol| symbol.fees = changed.fees);
            }
            ReferenceEvent::VenueKillSwitchChanged(changed) => {
                self.change(|reference| reference.killed = changed.engaged);
            }
            ReferenceEvent::UserCreated(created) => {
                let mut users = write(&self.users);
                assert_eq!(users.len(), index(created.user.0), "user ids are dense");
                users.push(User::default());
            }
            ReferenceEvent::UserFeesChanged(changed) => write(&self.users)[index(changed.user.0)].fees = changed.fees,
            ReferenceEvent::UserKillSwitchChanged(changed) => {
                write(&self.users)[index(changed.user.0)].killed = changed.engaged;
            }
            ReferenceEvent::ApiKeyCreated(created) => {
                let domain::event::ApiKeyCreated { key: id, user, roles, api_key, credential } = (**created).clone();
                write(&self.keys).put(Key { id, user, roles, api_key, credential, revoked: false });
            }
            ReferenceEvent::ApiKeyRevoked(revoked) => {
                let mut keys = write(&self.keys);
                let text = keys.texts[&revoked.key];
                let key = Key { revoked: true, ..Key::clone(&keys.by_text[&text]) };
                keys.put(key);
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Reference)) {
        let mut reference = Reference::clone(&read(&self.reference));
        change(&mut reference);
        *write(&self.reference) = Arc::new(reference);
    }

    fn change_symbol(&self, id: SymbolId, change: impl FnOnce(&mut Symbol)) {
        self.change(|reference| change(Arc::make_mut(&mut reference.symbols[index(id.0)])));
    }
}

fn index(id: u32) -> usize {
    usize::try_from(id).expect("a dense id is an index")
}
