//! Five rounds of the torture.

use std::process::Command;

use outside::process::said;

#[test]
fn nothing_acknowledged_is_lost_in_five_rounds() {
    let mut torture = Command::new(env!("CARGO_BIN_EXE_torture"));
    torture.args(["--rounds", "5", "--verify-every", "3", "--buttonwood", env!("CARGO_BIN_EXE_buttonwood")]);
    let output = torture.output().unwrap();
    println!("{}", said(&output));
    assert!(output.status.success());
    assert!(said(&output).contains("none lost, none twice"));
}
