//! A recorded day through the real path. The test's name is how it is left out where the day is not at hand.

use outside::process::said;

use crate::desk::Desk;

const REAL_DAY: &str = "BUTTONWOOD_REAL_DAY";

#[test]
fn real_day_is_replayed_without_a_difference_and_verified() {
    let Ok(orders) = std::env::var(REAL_DAY) else {
        println!("skipped: {REAL_DAY} is not set");
        return;
    };
    let desk = Desk::new();
    let output = desk.binary.run(&["replay", "--orders", &orders], &desk.data).unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains(" 0 differences"), "{}", said(&output));
    desk.verify();
}
