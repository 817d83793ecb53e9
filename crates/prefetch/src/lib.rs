//! Bringing memory near before it is needed.
//!
//! **Invariant:** changes nothing but the time a later access takes.
//!
//! There is one function: [`prefetch`].

/// Cache line of every machine this runs on.
const LINE_BYTES: usize = 64;

/// Asks the processor to fetch a value into its cache. Changes nothing but the time a later access takes.
#[inline]
#[cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "the prefetch instruction reads nothing and cannot fault; it has no safe form")
)]
pub fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    for offset in (0..size_of::<T>()).step_by(LINE_BYTES) {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let place = std::ptr::from_ref(value).wrapping_byte_add(offset);
        // SAFETY: a prefetch is a hint: it never faults, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (value, LINE_BYTES);
}
