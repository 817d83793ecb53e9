//! The words of the actions.

use domain::command::{Action, Note, Request, RequestContent};

macro_rules! asked {
    ($content:ident) => {
        Action::Request(Request { content: RequestContent::$content(_), .. })
    };
}

named! {
    /// Every action that an audit row can have.
    ACTIONS,
    Action {
        Action::PlaceOrder(_) => "place_order",
        Action::CancelOrder(_) => "cancel_order",
        Action::AmendOrder(_) => "amend_order",
        Action::ReplaceOrder(_) => "replace_order",
        Action::CancelAll(_) => "cancel_all",
        Action::Note(Note::Access(_)) => "note_access",
        Action::Note(Note::Head(_)) => "note_head",
        asked!(CreateAsset) => "create_asset",
        asked!(CreateSymbol) => "create_symbol",
        asked!(SetSymbolStatus) => "set_symbol_status",
        asked!(SetSymbolLimits) => "set_symbol_limits",
        asked!(SetSymbolFees) => "set_symbol_fees",
        asked!(SetUserFees) => "set_user_fees",
        asked!(CreateUser) => "create_user",
        asked!(CreateApiKey) => "create_api_key",
        asked!(RevokeApiKey) => "revoke_api_key",
        asked!(SetKillSwitch) => "set_kill_switch",
        asked!(Deposit) => "deposit",
        asked!(RequestWithdrawal) => "request_withdrawal",
        asked!(SettleWithdrawal) => "settle_withdrawal",
        asked!(CancelWithdrawal) => "cancel_withdrawal",
        asked!(SetCreditLimit) => "set_credit_limit",
        asked!(OpenPosition) => "open_position",
        asked!(OpenOrder) => "open_order",
        asked!(AddShard) => "add_shard",
        asked!(SetShard) => "set_shard",
        asked!(BeginMove) => "begin_move",
        asked!(CommitMove) => "commit_move",
        asked!(AbortMove) => "abort_move",
    }
}
