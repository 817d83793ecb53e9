//! Who goes first where threads outnumber cores.

/// Nice value of the threads that work behind the acknowledgement: a tenth of the weight of the others.
const BEHIND: i32 = 10;

/// Lets the threads on the path of an order go before the calling one. A batch of rows is milliseconds of computing, and an
/// order that arrives meanwhile would wait for a core as long as that.
pub(crate) fn give_way() {
    if let Err(error) = rustix::process::setpriority_process(None, BEHIND) {
        tracing::warn!(%error, "a background thread keeps the priority of the others");
    }
}
