//! How many tests passed, read from what the runners print.

use std::fmt;

/// One line at the end of all tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
}

impl Counts {
    pub(super) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// From `Summary [   0.1s] 9 tests run: 7 passed (1 slow), 1 failed, 1 timed out, 2 skipped`.
    pub(super) fn of_nextest(text: &str) -> Option<Self> {
        let plain = without_colour(text);
        let line = plain.lines().rev().find(|line| line.trim_start().starts_with("Summary ["))?;
        let (_, counts) = line.split_once(" run: ")?;
        Some(Self::of_list(&without_parentheses(counts)))
    }

    /// From each `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.1s`.
    pub(super) fn of_libtest(text: &str) -> Option<Self> {
        let plain = without_colour(text);
        let mut sum = None;
        for line in plain.lines() {
            if let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|line| line.split_once(". ")) {
                sum.get_or_insert_with(Self::default).add(Self::of_list(&counts.replace(';', ",")));
            }
        }
        sum
    }

    /// From the last line of `pytest -q`: `1 failed, 5 passed, 1 skipped, 1 error in 0.5s`.
    pub(super) fn of_pytest(text: &str) -> Option<Self> {
        let plain = without_colour(text);
        let line = plain.lines().rev().find(|line| !line.trim().is_empty())?;
        let (counts, _) = line.trim_matches(['=', ' ']).rsplit_once(" in ")?;
        Some(Self::of_list(counts))
    }

    fn of_list(list: &str) -> Self {
        let mut counts = Self::default();
        for item in list.split(',') {
            let Some((number, what)) = item.trim().split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match what.trim() {
                "passed" => counts.passed += number,
                "failed" | "exec failed" | "timed out" | "error" | "errors" => counts.failed += number,
                "skipped" | "ignored" | "filtered out" => counts.skipped += number,
                _ => {}
            }
        }
        counts
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

fn without_parentheses(text: &str) -> String {
    let mut depth = 0_u32;
    let mut kept = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => kept.push(letter),
            _ => {}
        }
    }
    kept
}

/// The text without the terminal's colour sequences, `ESC [ … m`.
fn without_colour(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        kept.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::Counts;

    fn check(read: fn(&str) -> Option<Counts>, text: &str, expected: Option<(u64, u64, u64)>) {
        let expected = expected.map(|(passed, failed, skipped)| Counts { passed, failed, skipped });
        assert_eq!(read(text), expected, "{text:?}");
    }

    #[test]
    fn nextest_is_understood() {
        let nextest = Counts::of_nextest;
        check(nextest, "PASS x\n     Summary [   0.004s] 3 tests run: 3 passed, 0 skipped\n", Some((3, 0, 0)));
        check(
            nextest,
            "Summary [ 1s] 9 tests run: 6 passed (1 slow, 1 leaky), 1 failed, 1 timed out, 1 exec failed, 2 skipped",
            Some((6, 3, 2)),
        );
        check(
            nextest,
            "Summary [ 1s] 4/9 tests run: 3 passed, 1 failed, 0 skipped\nerror: test run failed",
            Some((3, 1, 0)),
        );
        check(
            nextest,
            "\u{1b}[32;1m Summary\u{1b}[0m [ 0.0s] \u{1b}[1m1\u{1b}[0m tests run: \u{1b}[1m1\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m0\u{1b}[0m skipped",
            Some((1, 0, 0)),
        );
        check(nextest, "error: could not compile", None);
    }

    #[test]
    fn libtest_is_understood() {
        let line =
            "test result: FAILED. 3 passed; 1 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s\n";
        check(Counts::of_libtest, line, Some((3, 1, 3)));
        check(Counts::of_libtest, &format!("running\n{line}\n{line}"), Some((6, 2, 6)));
        check(Counts::of_libtest, "error: could not compile", None);
    }

    #[test]
    fn pytest_is_understood() {
        check(Counts::of_pytest, "....\n4 passed in 0.51s\n", Some((4, 0, 0)));
        check(
            Counts::of_pytest,
            "== 1 failed, 2 passed, 1 skipped, 2 warnings, 1 error in 12.00s (0:00:12) ==\n",
            Some((2, 2, 1)),
        );
        check(Counts::of_pytest, "ERROR: not found\n\n", None);
    }

    #[test]
    fn the_sum_is_one_plain_line() {
        let mut sum = Counts { passed: 2, failed: 1, skipped: 0 };
        assert_eq!(sum.to_string(), "2 passed, 1 failed");
        sum.add(Counts { passed: 1, failed: 0, skipped: 4 });
        assert_eq!(sum.to_string(), "3 passed, 1 failed, 4 skipped");
    }
}
