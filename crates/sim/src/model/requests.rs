//! Requests: looked up by (acting user, request id), then the listing of assets, symbols, users and keys.

use domain::command::create_api_key::{CreateApiKey, Credential};
use domain::command::create_asset::CreateAsset;
use domain::command::create_symbol::CreateSymbol;
use domain::command::revoke_api_key::RevokeApiKey;
use domain::command::set_fees::{SetSymbolFees, SetUserFees};
use domain::command::set_symbol_limits::SetSymbolLimits;
use domain::command::set_symbol_status::SetSymbolStatus;
use domain::command::{Request, RequestContent};
use domain::event::{
    ApiKeyCreated, ApiKeyRevoked, Created, Event, ReferenceEvent, RequestRepeated, SymbolCreated, SymbolFeesChanged,
    SymbolLimitsChanged, SymbolStatusChanged, UserCreated, UserFeesChanged,
};
use domain::ids::{AssetId, ExecutionNumber, KeyId, SymbolId, TradeId, UserId};
use domain::instrument::{Asset, Instrument, SymbolStatus};
use domain::limits::{ASSETS_MAX, SCALE_MAX, SYMBOLS_MAX, USERS_MAX};
use domain::reject::RejectReason;
use domain::state::{AssetState, KeyState, RequestState, SymbolState, UserState};
use domain::units::Amount;

use super::{Model, Outcome};

impl Model {
    pub(super) fn request(
        &mut self,
        caller: UserId,
        request: &Request,
        outcome: &mut Outcome,
    ) -> Result<(), RejectReason> {
        let mut carried_out = self.state.requests.iter();
        if let Some(earlier) = carried_out.find(|earlier| earlier.user == caller && earlier.request.id == request.id) {
            if earlier.request.content != request.content {
                return Err(RejectReason::RequestIdReused);
            }
            outcome.facts.push(Event::RequestRepeated(RequestRepeated {
                first: earlier.seq,
                first_time: earlier.time,
                created: earlier.created,
            }));
            return Ok(());
        }
        let created = self.carry_out_request(&request.content, outcome)?;
        let (seq, time) = (self.state.seq, self.state.time);
        self.state.requests.push(RequestState { user: caller, request: request.clone(), seq, time, created });
        Ok(())
    }

    fn carry_out_request(&mut self, content: &RequestContent, outcome: &mut Outcome) -> Result<Created, RejectReason> {
        match content {
            RequestContent::CreateAsset(create) => self.create_asset(create, outcome),
            RequestContent::CreateSymbol(create) => self.create_symbol(create, outcome),
            RequestContent::SetSymbolStatus(set) => self.set_symbol_status(*set, outcome),
            RequestContent::SetSymbolLimits(set) => self.set_symbol_limits(set, outcome),
            RequestContent::SetSymbolFees(set) => self.set_symbol_fees(set, outcome),
            RequestContent::SetUserFees(set) => self.set_user_fees(set, outcome),
            RequestContent::CreateUser(_) => self.create_user(outcome),
            RequestContent::CreateApiKey(create) => self.create_api_key(create, outcome),
            RequestContent::RevokeApiKey(revoke) => self.revoke_api_key(*revoke, outcome),
            RequestContent::Deposit(deposit) => self.deposit(deposit, outcome),
            RequestContent::RequestWithdrawal(withdrawal) => self.request_withdrawal(withdrawal, outcome),
            RequestContent::SettleWithdrawal(settle) => self.settle_withdrawal(*settle, outcome),
            RequestContent::CancelWithdrawal(cancel) => self.cancel_withdrawal(*cancel, outcome),
            RequestContent::SetCreditLimit(set) => self.set_credit_limit(set, outcome),
            RequestContent::SetKillSwitch(set) => self.set_kill_switch(set, outcome),
            RequestContent::OpenPosition(open) => self.open_position(*open, outcome),
            RequestContent::OpenOrder(open) => self.open_order(open, outcome),
            RequestContent::AddShard(add) => self.add_shard(*add, outcome),
            RequestContent::SetShard(set) => self.set_shard(*set, outcome),
            RequestContent::BeginMove(begin) => self.begin_move(*begin, outcome),
            RequestContent::CommitMove(commit) => self.commit_move(*commit, outcome),
            RequestContent::AbortMove(abort) => self.abort_move(*abort, outcome),
        }
    }

    fn create_asset(&mut self, create: &CreateAsset, outcome: &mut Outcome) -> Result<Created, RejectReason> {
        if self.state.assets.iter().any(|listed| listed.asset.code == create.code) {
            return Err(RejectReason::CodeInUse);
        }
        if create.scale > SCALE_MAX {
            return Err(RejectReason::ScaleTooLarge);
        }
        let id = AssetId(next_index(self.state.assets.len(), ASSETS_MAX)?);
        let asset = Asset { id, code: create.code, scale: create.scale };
        self.state.assets.push(AssetState { asset, total: Amount::ZERO, credit: Amount::ZERO });
        outcome.facts.push(ReferenceEvent::AssetCreated(asset).into());
        Ok(Created::Asset(id))
    }

    fn create_symbol(&mut self, create: &CreateSymbol, outcome: &mut Outcome) -> Result<Created, RejectReason> {
        let base = self.asset(create.base)?.asset;
        let quote = self.asset(create.quote)?.asset;
        if self.state.symbols.iter().any(|listed| listed.instrument.code() == create.code) {
            return Err(RejectReason::CodeInUse);
        }
        let next = next_index(self.state.symbols.len(), SYMBOLS_MAX);
        let id = SymbolId(next.unwrap_or(SYMBOLS_MAX));
        let instrument = Instrument::new(id, create.code, &base, &quote, create.tick_size, create.lot_size)
            .map_err(RejectReason::InvalidInstrument)?;
        if !create.limits.is_valid() {
            return Err(RejectReason::InvalidLimits);
        }
        if !create.fees.is_valid() {
            return Err(RejectReason::FeeTooHigh);
        }
        next?;
        let (limits, fees) = (create.limits, create.fees);
        self.state.symbols.push(SymbolState {
            instrument,
            status: SymbolStatus::Trading,
            limits,
            fees,
            last_price: None,
            last_trade: TradeId(0),
        });
        outcome.facts.push(ReferenceEvent::SymbolCreated(Box::new(SymbolCreated { instrument, limits, fees })).into());
        self.place_symbol(id, outcome);
        Ok(Created::Symbol(id))
    }

    fn set_symbol_status(&mut self, set: SetSymbolStatus, outcome: &mut Outcome) -> Result<Created, RejectReason> {
        self.symbol(set.symbol)?;
        self.state.symbols[set.symbol.0 as usize].status = set.status;
        let changed = SymbolStatusChanged { symbol: set.symbol, status: set.status };
        outcome.facts.push(ReferenceEvent::SymbolStatusChanged(changed).into());
        Ok(Created::Nothing)
    }

    fn set_symbol_limits(&mut self, set: &SetSymbolLimits, outcome: &mut Outcome) -> Result<Created, RejectReason> {
        self.symbol(set.symbol)?;
        if !set.limits.is_valid() {
            return Err(RejectReason::InvalidLimits);
        }
        self.state.symbols[set.symbol.0 as usize].limits = set.limits;
        let changed = SymbolLimitsChanged { symbol: set.symbol, limits: set.limits };
        outcome.facts.push(ReferenceEvent::SymbolLimitsChanged(Box::new(changed)).into());
        Ok(Created::Nothing)
    }

    fn set_symbol_fees(&mut self, set: &SetSymbolFees, outcome: &mut Outcome) -> Result<Created, RejectReason> {
        self.symbol(set.symbol)?;
        if !set.fees.is_valid() {
            return Err(RejectReason::FeeTooHigh);
        }
        self.state.symbols[set.symbol.0 as usize].fees = set.fees;
        outcome
            .facts
            .push(ReferenceEvent::SymbolFeesChanged(SymbolFeesChanged { symbol: set.symbol, fees: set.fees }).into());
        Ok(Created::Nothing)
    }

    fn set_user_fees(&mut self, set: &SetUserFees, outcome: &mut Outcome) -> Result<Created, RejectReason> {
        self.target_user(set.user)?;
        if set.fees.is_some_and(|fees| !fees.is_valid()) {
            return Err(RejectReason::FeeTooHigh);
        }
        self.user(set.user).fees = set.fees;
        outcome.facts.push(ReferenceEvent::UserFeesChanged(UserFeesChanged { user: set.user, fees: set.fees }).into());
        Ok(Created::Nothing)
    }

    fn create_user(&mut self, outcome: &mut Outcome) -> Result<Created, RejectReason> {
        let user = UserId(next_index(self.state.users.len(), USERS_MAX)?);
        self.state.users.push(UserState { fees: None, killed: false, last_execution: ExecutionNumber(0) });
        outcome.facts.push(ReferenceEvent::UserCreated(UserCreated { user }).into());
        self.place_user(user, outcome);
        Ok(Created::User(user))
    }

    fn create_api_key(&mut self, create: &CreateApiKey, outcome: &mut Outcome) -> Result<Created, RejectReason> {
        self.target_user(create.user)?;
        // The first key is key 1.
        let key = KeyId(next_index(self.state.keys.len() + 1, u32::MAX)?);
        if self.state.keys.iter().any(|issued| issued.api_key == create.api_key) {
            return Err(RejectReason::ApiKeyInUse);
        }
        match &create.credential {
            Credential::HmacSha256 { sealed_secret } if sealed_secret.is_empty() || sealed_secret.len() > 255 => {
                return Err(RejectReason::InvalidCredential);
            }
            Credential::HmacSha256 { .. } | Credential::Ed25519 { .. } => {}
        }
        let CreateApiKey { user, roles, api_key, credential } = create.clone();
        self.state.keys.push(KeyState { key, user, roles, api_key, credential: credential.clone(), revoked: false });
        outcome.facts.push(
            ReferenceEvent::ApiKeyCreated(Box::new(ApiKeyCreated { key, user, roles, api_key, credential })).into(),
        );
        Ok(Created::Key(key))
    }

    fn revoke_api_key(&mut self, revoke: RevokeApiKey, outcome: &mut Outcome) -> Result<Created, RejectReason> {
        let mut keys = self.state.keys.iter_mut();
        let valid = keys.find(|issued| issued.key == revoke.key && !issued.revoked);
        let issued = valid.ok_or(RejectReason::UnknownKey)?;
        issued.revoked = true;
        outcome.facts.push(ReferenceEvent::ApiKeyRevoked(ApiKeyRevoked { key: issued.key, user: issued.user }).into());
        Ok(Created::Nothing)
    }

    /// The user a request names, as opposed to the one who makes it.
    pub(super) fn target_user(&self, user: UserId) -> Result<(), RejectReason> {
        if self.user_exists(user) { Ok(()) } else { Err(RejectReason::UnknownTargetUser) }
    }

    pub(super) fn asset(&self, asset: AssetId) -> Result<AssetState, RejectReason> {
        self.state.assets.get(asset.0 as usize).copied().ok_or(RejectReason::UnknownAsset)
    }
}

/// The id of the next in a list that may have `max`.
fn next_index(len: usize, max: u32) -> Result<u32, RejectReason> {
    match u32::try_from(len) {
        Ok(next) if next < max => Ok(next),
        Ok(_) | Err(_) => Err(RejectReason::CapacityReached),
    }
}
