//! Requests: administration and money.

use domain::command::abort_move::AbortMove;
use domain::command::add_shard::AddShard;
use domain::command::begin_move::BeginMove;
use domain::command::commit_move::CommitMove;
use domain::command::create_api_key::CreateApiKey;
use domain::command::create_asset::CreateAsset;
use domain::command::create_symbol::CreateSymbol;
use domain::command::create_user::CreateUser;
use domain::command::deposit::Deposit;
use domain::command::open_order::OpenOrder;
use domain::command::open_position::OpenPosition;
use domain::command::revoke_api_key::RevokeApiKey;
use domain::command::set_credit_limit::SetCreditLimit;
use domain::command::set_fees::{SetSymbolFees, SetUserFees};
use domain::command::set_kill_switch::{KillScope, SetKillSwitch};
use domain::command::set_shard::SetShard;
use domain::command::set_symbol_limits::SetSymbolLimits;
use domain::command::set_symbol_status::SetSymbolStatus;
use domain::command::withdrawal::{CancelWithdrawal, RequestWithdrawal, SettleWithdrawal};
use domain::command::{Request, RequestContent};

use crate::error::{DecodeError, DecodeFault};
use crate::field::{Field, Kind, fields, kinds, tagged};
use crate::reader::Reader;

kinds!(RequestContent {
    CreateAsset = 16,
    CreateSymbol = 17,
    SetSymbolStatus = 18,
    SetSymbolLimits = 19,
    SetSymbolFees = 20,
    SetUserFees = 21,
    CreateUser = 22,
    CreateApiKey = 23,
    RevokeApiKey = 24,
    Deposit = 25,
    RequestWithdrawal = 26,
    SettleWithdrawal = 27,
    CancelWithdrawal = 28,
    SetCreditLimit = 29,
    SetKillSwitch = 30,
    AddShard = 31,
    SetShard = 32,
    BeginMove = 33,
    CommitMove = 34,
    AbortMove = 35,
    OpenPosition = 36,
    OpenOrder = 37,
});

fields!(CreateAsset { scale, code });
fields!(CreateSymbol { base, quote, tick_size, lot_size, limits, fees, code });
fields!(SetSymbolStatus { symbol, status });
fields!(SetSymbolLimits { symbol, limits });
fields!(SetSymbolFees { symbol, fees });
fields!(SetUserFees { user, fees });
fields!(CreateUser {});
fields!(CreateApiKey { user, roles, api_key, credential });
fields!(RevokeApiKey { key });
fields!(Deposit { user, asset, amount });
fields!(RequestWithdrawal { user, asset, amount });
fields!(SettleWithdrawal { withdrawal });
fields!(CancelWithdrawal { withdrawal });
fields!(SetCreditLimit { user, asset, limit });
fields!(SetKillSwitch { scope, engaged });
fields!(AddShard { weight, name });
fields!(SetShard { shard, weight, status });
fields!(BeginMove { subject, to });
fields!(CommitMove { subject });
fields!(AbortMove { subject });
fields!(OpenPosition { user, symbol, quantity, cost, realised });
fields!(OpenOrder { user, symbol, side, price, quantity, client_order_id });

tagged!(KillScope { Venue = 1, User(user) = 2 });

/// As the content of a record, the frame of which has the kind.
pub(super) fn write(request: &Request, out: &mut Vec<u8>) {
    request.id.write(out);
    request.content.write_content(out);
}

pub(super) fn read(kind: u8, reader: &mut Reader<'_>) -> Option<Result<Request, DecodeError>> {
    let id = Field::read(reader);
    RequestContent::read_content(kind, reader).map(|content| Ok(Request { id: id?, content: content? }))
}

/// As a field of a snapshot: kind first.
impl Field for Request {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.content.kind());
        write(self, out);
    }
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let before = *reader;
        let kind = reader.u8()?;
        read(kind, reader).unwrap_or_else(|| Err(before.fault(DecodeFault::UnknownKind(kind))))
    }
}
