//! Who goes first where threads outnumber cores.

/// Nice value of the threads that work behind the acknowledgement: a tenth of the weight of the others.
const BEHIND: i32 = 10;

/// What a thread on the path of an order computes in one go, more or less: each of them wakes, works on a block and sleeps again.
/// Woken, it does not wait for a thread with a longer slice to end its own.
const ORDER_PATH_SLICE_NS: u64 = 100_000;

/// The kernel's own choice.
const DEFAULT_SLICE_NS: u64 = 0;

/// Puts the calling thread, and those it starts from now on, on the path of an order. An order passes three threads, and without this
/// each may wait for the end of somebody's slice of some milliseconds. Linux before 6.12 has no such slices and ignores it.
pub(crate) fn go_first() {
    if let Err(error) = set_slice(ORDER_PATH_SLICE_NS) {
        tracing::debug!(%error, "threads on the path of an order keep the slices of the others");
    }
}

/// Takes the calling thread off the path of an order that it has inherited.
pub(crate) fn take_turns() {
    if let Err(error) = set_slice(DEFAULT_SLICE_NS) {
        tracing::debug!(%error, "a thread beside the path of an order keeps the slices of that");
    }
}

/// Lets the threads on the path of an order go before the calling one. A batch of rows is milliseconds of computing, and an
/// order that arrives meanwhile would wait for a core as long as that.
pub(crate) fn give_way() {
    take_turns();
    if let Err(error) = rustix::process::setpriority_process(None, BEHIND) {
        tracing::warn!(%error, "a background thread keeps the priority of the others");
    }
}

/// Gives the calling thread a slice of its own, at the weight it has.
#[expect(unsafe_code, reason = "no crate of safe functions has sched_setattr")]
fn set_slice(slice_ns: u64) -> std::io::Result<()> {
    let attributes = libc::sched_attr {
        size: u32::try_from(size_of::<libc::sched_attr>()).unwrap_or_default(),
        sched_policy: libc::SCHED_OTHER.cast_unsigned(),
        sched_flags: 0,
        sched_nice: rustix::process::getpriority_process(None)?,
        sched_priority: 0,
        sched_runtime: slice_ns,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the attributes outlive the call, which reads as many bytes of them as they say.
    let result = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::{go_first, take_turns};

    /// The slice in force; some kernels keep none.
    #[expect(unsafe_code, reason = "no crate of safe functions has sched_getattr")]
    fn slice_ns() -> u64 {
        // SAFETY: all bytes zero are attributes; the call writes no more than their size.
        let mut attributes: libc::sched_attr = unsafe { std::mem::zeroed() };
        let size = u32::try_from(size_of::<libc::sched_attr>()).unwrap();
        // SAFETY: as above.
        let result = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size, 0) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
        attributes.sched_runtime
    }

    #[test]
    fn threads_inherit_the_slice_and_may_give_it_back() {
        let before = slice_ns();
        let (first, turns) = std::thread::spawn(|| {
            go_first();
            std::thread::spawn(|| {
                let first = slice_ns();
                take_turns();
                (first, slice_ns())
            })
            .join()
            .unwrap()
        })
        .join()
        .unwrap();
        if before != 0 {
            assert_eq!((first, turns), (100_000, before));
        }
    }
}
