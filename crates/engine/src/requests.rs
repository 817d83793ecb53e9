//! Administration and money. See "Requests" in `docs/rules.md`.

use domain::command::create_api_key::{CreateApiKey, Credential};
use domain::command::create_asset::CreateAsset;
use domain::command::create_symbol::CreateSymbol;
use domain::command::deposit::Deposit;
use domain::command::set_credit_limit::SetCreditLimit;
use domain::command::set_fees::{SetSymbolFees, SetUserFees};
use domain::command::set_kill_switch::{KillScope, SetKillSwitch};
use domain::command::withdrawal::RequestWithdrawal;
use domain::command::{Request, RequestContent};
use domain::event::{
    ApiKeyCreated, ApiKeyRevoked, Created, CreditLimitChanged, Deposited, Event, ReferenceEvent, RequestRepeated,
    SymbolCreated, SymbolFeesChanged, SymbolLimitsChanged, SymbolStatusChanged, UserCreated, UserFeesChanged,
    UserKillSwitchChanged, VenueKillSwitchChanged, WithdrawalEnded, WithdrawalRequested,
};
use domain::ids::{AssetId, KeyId, SymbolId, UserId, WithdrawalId};
use domain::instrument::{Asset, Instrument, SymbolStatus};
use domain::limits::{ASSETS_MAX, SCALE_MAX, SYMBOLS_MAX, USERS_MAX};
use domain::order::CloseReason;
use domain::reject::RejectReason;
use domain::state::{AssetState, KeyState, RequestState, WithdrawalState};
use domain::text::RequestId;
use domain::units::Amount;
use hashbrown::HashTable;

use crate::apply::{Engine, Symbol, id_of, index_of};
use crate::hash::{hash32, spread};

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u32,
    place: usize,
}

/// Requests carried out, for ever, and where to find them.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    list: Vec<RequestState>,
    table: HashTable<Entry>,
}

impl Requests {
    pub(crate) fn list(&self) -> &[RequestState] {
        &self.list
    }

    pub(crate) fn remember(&mut self, request: RequestState) {
        let hash = request_hash(request.user, &request.request.id);
        let place = self.list.len();
        self.list.push(request);
        self.table.insert_unique(spread(hash), Entry { hash, place }, |entry| spread(entry.hash));
    }

    fn find(&self, user: UserId, id: &RequestId) -> Option<&RequestState> {
        let hash = request_hash(user, id);
        let get = |entry: &Entry| &self.list[entry.place];
        let is_it = |entry: &Entry| entry.hash == hash && get(entry).user == user && get(entry).request.id == *id;
        self.table.find(spread(hash), is_it).map(get)
    }
}

fn request_hash(user: UserId, id: &RequestId) -> u32 {
    hash32(&(user.0, id.as_bytes()))
}

impl Engine {
    pub(crate) fn request(
        &mut self,
        user: UserId,
        request: &Request,
        events: &mut Vec<Event>,
    ) -> Result<(), RejectReason> {
        if let Some(first) = self.requests.find(user, &request.id) {
            if first.request.content != request.content {
                return Err(RejectReason::RequestIdReused);
            }
            events.push(Event::RequestRepeated(RequestRepeated {
                first: first.seq,
                first_time: first.time,
                created: first.created,
            }));
            return Ok(());
        }
        let created = self.carry_out(&request.content, events)?;
        let (seq, time) = (self.seq, self.time);
        self.requests.remember(RequestState { user, request: request.clone(), seq, time, created });
        Ok(())
    }

    fn carry_out(&mut self, content: &RequestContent, events: &mut Vec<Event>) -> Result<Created, RejectReason> {
        match content {
            RequestContent::CreateAsset(request) => self.create_asset(request, events),
            RequestContent::CreateSymbol(request) => self.create_symbol(request, events),
            RequestContent::SetSymbolStatus(request) => {
                let index = self.symbol_index(request.symbol)?;
                self.symbols[index].status = request.status;
                let (symbol, status) = (request.symbol, request.status);
                done(events, ReferenceEvent::SymbolStatusChanged(SymbolStatusChanged { symbol, status }))
            }
            RequestContent::SetSymbolLimits(request) => {
                let index = self.symbol_index(request.symbol)?;
                check(request.limits.is_valid(), RejectReason::InvalidLimits)?;
                self.symbols[index].limits = request.limits;
                let (symbol, limits) = (request.symbol, request.limits);
                done(events, ReferenceEvent::SymbolLimitsChanged(Box::new(SymbolLimitsChanged { symbol, limits })))
            }
            RequestContent::SetSymbolFees(request) => self.set_symbol_fees(*request, events),
            RequestContent::SetUserFees(request) => self.set_user_fees(*request, events),
            RequestContent::CreateUser(_) => self.create_user(events),
            RequestContent::CreateApiKey(request) => self.create_api_key(request, events),
            RequestContent::RevokeApiKey(request) => self.revoke_api_key(request.key, events),
            RequestContent::Deposit(request) => self.deposit(request, events),
            RequestContent::RequestWithdrawal(request) => self.request_withdrawal(request, events),
            RequestContent::SettleWithdrawal(request) => self.settle_withdrawal(request.withdrawal, events),
            RequestContent::CancelWithdrawal(request) => self.cancel_withdrawal(request.withdrawal, events),
            RequestContent::SetCreditLimit(request) => self.set_credit_limit(request, events),
            RequestContent::SetKillSwitch(request) => self.set_kill_switch(*request, events),
            RequestContent::OpenPosition(request) => self.open_position(*request),
            RequestContent::OpenOrder(request) => self.open_order(request, events),
            RequestContent::AddShard(request) => self.add_shard(*request, events),
            RequestContent::SetShard(request) => self.set_shard(*request, events),
            RequestContent::BeginMove(request) => self.begin_move(*request, events),
            RequestContent::CommitMove(request) => self.commit_move(*request, events),
            RequestContent::AbortMove(request) => self.abort_move(*request, events),
        }
    }

    fn create_asset(&mut self, request: &CreateAsset, events: &mut Vec<Event>) -> Result<Created, RejectReason> {
        check(!self.asset_codes.contains_key(&request.code), RejectReason::CodeInUse)?;
        check(request.scale <= SCALE_MAX, RejectReason::ScaleTooLarge)?;
        check(self.assets.len() < index_of(ASSETS_MAX), RejectReason::CapacityReached)?;
        let asset = Asset { id: AssetId(id_of(self.assets.len())), code: request.code, scale: request.scale };
        self.assets.push(AssetState { asset, total: Amount::ZERO, credit: Amount::ZERO });
        self.accounts.open_asset();
        self.asset_codes.insert(asset.code, asset.id);
        events.push(ReferenceEvent::AssetCreated(asset).into());
        Ok(Created::Asset(asset.id))
    }

    fn create_symbol(&mut self, request: &CreateSymbol, events: &mut Vec<Event>) -> Result<Created, RejectReason> {
        let base = self.assets[self.asset_index(request.base)?].asset;
        let quote = self.assets[self.asset_index(request.quote)?].asset;
        check(!self.symbol_codes.contains_key(&request.code), RejectReason::CodeInUse)?;
        let id = SymbolId(id_of(self.symbols.len()));
        let instrument = Instrument::new(id, request.code, &base, &quote, request.tick_size, request.lot_size)
            .map_err(RejectReason::InvalidInstrument)?;
        check(request.limits.is_valid(), RejectReason::InvalidLimits)?;
        check(request.fees.is_valid(), RejectReason::FeeTooHigh)?;
        check(self.symbols.len() < index_of(SYMBOLS_MAX), RejectReason::CapacityReached)?;
        let (limits, fees) = (request.limits, request.fees);
        self.symbols.push(Symbol {
            instrument,
            status: SymbolStatus::Trading,
            limits,
            fees,
            last_price: None,
            last_trade: 0,
        });
        self.orders.books.open_symbol();
        self.symbol_codes.insert(request.code, id);
        events.push(ReferenceEvent::SymbolCreated(Box::new(SymbolCreated { instrument, limits, fees })).into());
        self.place_symbol(id, events);
        Ok(Created::Symbol(id))
    }

    fn set_symbol_fees(&mut self, request: SetSymbolFees, events: &mut Vec<Event>) -> Result<Created, RejectReason> {
        let SetSymbolFees { symbol, fees } = request;
        let index = self.symbol_index(symbol)?;
        check(fees.is_valid(), RejectReason::FeeTooHigh)?;
        self.symbols[index].fees = fees;
        done(events, ReferenceEvent::SymbolFeesChanged(SymbolFeesChanged { symbol, fees }))
    }

    fn set_user_fees(&mut self, request: SetUserFees, events: &mut Vec<Event>) -> Result<Created, RejectReason> {
        let SetUserFees { user, fees } = request;
        self.check_target(user)?;
        check(fees.is_none_or(domain::instrument::Fees::is_valid), RejectReason::FeeTooHigh)?;
        self.accounts.user_mut(user).set_fees(fees);
        done(events, ReferenceEvent::UserFeesChanged(UserFeesChanged { user, fees }))
    }

    fn create_user(&mut self, events: &mut Vec<Event>) -> Result<Created, RejectReason> {
        check(self.accounts.len() < index_of(USERS_MAX), RejectReason::CapacityReached)?;
        let user = self.accounts.open_user();
        events.push(ReferenceEvent::UserCreated(UserCreated { user }).into());
        self.place_user(user, events);
        Ok(Created::User(user))
    }

    fn create_api_key(&mut self, request: &CreateApiKey, events: &mut Vec<Event>) -> Result<Created, RejectReason> {
        self.check_target(request.user)?;
        check(self.keys.len() < index_of(USERS_MAX), RejectReason::CapacityReached)?;
        check(!self.key_texts.contains_key(&request.api_key), RejectReason::ApiKeyInUse)?;
        if let Credential::HmacSha256 { sealed_secret } = &request.credential {
            check((1..=255).contains(&sealed_secret.len()), RejectReason::InvalidCredential)?;
        }
        let key = KeyId(id_of(self.keys.len()).saturating_add(1));
        let CreateApiKey { user, roles, api_key, credential } = request.clone();
        self.key_texts.insert(api_key, key);
        self.keys.push(KeyState { key, user, roles, api_key, credential: credential.clone(), revoked: false });
        events.push(
            ReferenceEvent::ApiKeyCreated(Box::new(ApiKeyCreated { key, user, roles, api_key, credential })).into(),
        );
        Ok(Created::Key(key))
    }

    fn revoke_api_key(&mut self, key: KeyId, events: &mut Vec<Event>) -> Result<Created, RejectReason> {
        let index = key.0.checked_sub(1).map(index_of);
        let state = index.and_then(|index| self.keys.get_mut(index)).filter(|state| !state.revoked);
        let state = state.ok_or(RejectReason::UnknownKey)?;
        state.revoked = true;
        done(events, ReferenceEvent::ApiKeyRevoked(ApiKeyRevoked { key, user: state.user }))
    }

    fn deposit(&mut self, request: &Deposit, events: &mut Vec<Event>) -> Result<Created, RejectReason> {
        let Deposit { user, asset, amount } = *request;
        self.check_target(user)?;
        let index = self.asset_index(asset)?;
        check(amount.is_positive(), RejectReason::AmountNotPositive)?;
        let total = self.assets[index].total.checked_add(amount).ok_or(RejectReason::TotalTooLarge)?;
        let overdrawn = self.accounts.overdrawn_with(user, asset, |balance| {
            balance.free.0 = balance.free.0.saturating_add(amount.0);
        });
        check_range([total, self.assets[index].credit, overdrawn])?;
        self.assets[index].total = total;
        self.accounts.change_free(user, asset, amount);
        let execution = self.accounts.next_execution(user);
        done(events, Event::Deposited(Deposited { user, execution, asset, amount }))
    }

    fn request_withdrawal(
        &mut self,
        request: &RequestWithdrawal,
        events: &mut Vec<Event>,
    ) -> Result<Created, RejectReason> {
        let RequestWithdrawal { user, asset, amount } = *request;
        self.check_target(user)?;
        self.asset_index(asset)?;
        check(amount.is_positive(), RejectReason::AmountNotPositive)?;
        let free = self.accounts.user(user).balances.get(asset.0).map_or(Amount::ZERO, |balance| balance.free);
        check(free >= amount, RejectReason::InsufficientFunds)?;
        self.last_withdrawal =
            self.last_withdrawal.checked_add(1).expect("2^64 withdrawals take longer than the venue");
        let withdrawal = WithdrawalId(self.last_withdrawal);
        self.withdrawals.insert(withdrawal, WithdrawalState { withdrawal, user, asset, amount });
        self.accounts.lock(user, asset, amount);
        let execution = self.accounts.next_execution(user);
        events.push(Event::WithdrawalRequested(WithdrawalRequested { withdrawal, user, execution, asset, amount }));
        Ok(Created::Withdrawal(withdrawal))
    }

    fn settle_withdrawal(
        &mut self,
        withdrawal: WithdrawalId,
        events: &mut Vec<Event>,
    ) -> Result<Created, RejectReason> {
        let pending = self.withdrawals.remove(&withdrawal).ok_or(RejectReason::UnknownWithdrawal)?;
        let total = &mut self.assets[index_of(pending.asset.0)].total;
        *total = total.checked_sub(pending.amount).expect("what was locked is part of the total");
        self.accounts.change(pending.user, pending.asset, Amount::ZERO, pending.amount.negated());
        let ended = self.ended(&pending);
        done(events, Event::WithdrawalSettled(ended))
    }

    fn cancel_withdrawal(
        &mut self,
        withdrawal: WithdrawalId,
        events: &mut Vec<Event>,
    ) -> Result<Created, RejectReason> {
        let pending = self.withdrawals.remove(&withdrawal).ok_or(RejectReason::UnknownWithdrawal)?;
        self.accounts.lock(pending.user, pending.asset, pending.amount.negated());
        let ended = self.ended(&pending);
        done(events, Event::WithdrawalCanceled(ended))
    }

    fn ended(&mut self, pending: &WithdrawalState) -> WithdrawalEnded {
        let WithdrawalState { withdrawal, user, asset, amount } = *pending;
        WithdrawalEnded { withdrawal, user, execution: self.accounts.next_execution(user), asset, amount }
    }

    fn set_credit_limit(&mut self, request: &SetCreditLimit, events: &mut Vec<Event>) -> Result<Created, RejectReason> {
        let SetCreditLimit { user, asset, limit } = *request;
        self.check_target(user)?;
        let index = self.asset_index(asset)?;
        check(limit.0 >= 0, RejectReason::AmountNotPositive)?;
        let before =
            self.accounts.user(user).balances.get(asset.0).map_or(Amount::ZERO, |balance| balance.credit_limit);
        let others = self.assets[index].credit.checked_sub(before).expect("the sum has every limit in it");
        let credit = others.checked_add(limit).ok_or(RejectReason::TotalTooLarge)?;
        let overdrawn = self.accounts.overdrawn_with(user, asset, |balance| balance.credit_limit = limit);
        check_range([self.assets[index].total, credit, overdrawn])?;
        self.assets[index].credit = credit;
        self.accounts.set_credit_limit(user, asset, limit);
        done(events, Event::CreditLimitChanged(CreditLimitChanged { user, asset, limit }))
    }

    fn set_kill_switch(&mut self, request: SetKillSwitch, events: &mut Vec<Event>) -> Result<Created, RejectReason> {
        let engaged = request.engaged;
        match request.scope {
            KillScope::Venue => {
                self.killed = engaged;
                done(events, ReferenceEvent::VenueKillSwitchChanged(VenueKillSwitchChanged { engaged }))
            }
            KillScope::User(user) => {
                self.check_target(user)?;
                self.accounts.user_mut(user).killed = engaged;
                events.push(ReferenceEvent::UserKillSwitchChanged(UserKillSwitchChanged { user, engaged }).into());
                if engaged {
                    let orders = self.open_orders_of(user, None);
                    self.close_all(&orders, CloseReason::KillSwitch, events);
                }
                Ok(Created::Nothing)
            }
        }
    }

    pub(crate) fn check_target(&self, user: UserId) -> Result<(), RejectReason> {
        check(self.accounts.exists(user), RejectReason::UnknownTargetUser)
    }

    fn asset_index(&self, asset: AssetId) -> Result<usize, RejectReason> {
        let index = index_of(asset.0);
        if index < self.assets.len() { Ok(index) } else { Err(RejectReason::UnknownAsset) }
    }
}

/// Refuses what would let a balance leave the range. What a user has drawn counts as far as it passes the credit limit.
fn check_range(parts: [Amount; 3]) -> Result<(), RejectReason> {
    let sum = parts.iter().try_fold(Amount::ZERO, |sum, part| sum.checked_add(*part));
    sum.map(|_| ()).ok_or(RejectReason::TotalTooLarge)
}

pub(crate) fn check(holds: bool, otherwise: RejectReason) -> Result<(), RejectReason> {
    if holds { Ok(()) } else { Err(otherwise) }
}

#[expect(clippy::unnecessary_wraps, reason = "the last line of requests that can be refused")]
fn done(events: &mut Vec<Event>, event: impl Into<Event>) -> Result<Created, RejectReason> {
    events.push(event.into());
    Ok(Created::Nothing)
}
