//! Command: set kill switch.

use crate::ids::UserId;

/// Engage or release a kill switch. While engaged, new orders, replacements and amendments in its scope are refused and
/// cancels go through. Engaging a user's also cancels all of the user's open orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetKillSwitch {
    /// For whom.
    pub scope: KillScope,
    /// Engaged from now on, or not.
    pub engaged: bool,
}

/// Whom a kill switch stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KillScope {
    /// Everybody.
    Venue,
    /// One user.
    User(UserId),
}
