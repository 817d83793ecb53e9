//! Users, keys, assets, symbols, switches.

use domain::event::{
    ApiKeyCreated, ApiKeyRevoked, Created, Noted, RequestRepeated, SymbolCreated, SymbolFeesChanged,
    SymbolLimitsChanged, SymbolStatusChanged, UserCreated, UserFeesChanged, UserKillSwitchChanged,
    VenueKillSwitchChanged,
};

use crate::field::{fields, tagged};

fields!(RequestRepeated { first, first_time, created });
fields!(Noted {});
fields!(SymbolCreated { instrument, limits, fees });
fields!(SymbolStatusChanged { symbol, status });
fields!(SymbolLimitsChanged { symbol, limits });
fields!(SymbolFeesChanged { symbol, fees });
fields!(UserFeesChanged { user, fees });
fields!(UserCreated { user });
fields!(ApiKeyCreated { key, user, roles, api_key, credential });
fields!(ApiKeyRevoked { key, user });
fields!(VenueKillSwitchChanged { engaged });
fields!(UserKillSwitchChanged { user, engaged });

tagged!(Created {
    Nothing = 1,
    Asset(id) = 2,
    Symbol(id) = 3,
    User(id) = 4,
    Key(id) = 5,
    Withdrawal(id) = 6,
    Shard(id) = 7,
});
