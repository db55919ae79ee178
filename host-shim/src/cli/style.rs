//! Colour, where somebody sees it.

use std::{
    env,
    io::{self, IsTerminal},
};

use clap::ValueEnum;
use countersign::wire::{Mark, Outcome};

use crate::doctor::Grade;

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    /// On a terminal, unless NO_COLOR or CLICOLOR_FORCE says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Colours or none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    coloured: bool,
}

const GREEN: &str = "32";
const RED: &str = "31";
const YELLOW: &str = "33";
const FAINT: &str = "2";

impl Style {
    pub(super) fn new(when: When) -> Self {
        let coloured = match when {
            When::Always => true,
            When::Never => false,
            When::Auto => automatic(
                |name| env::var(name).ok().filter(|v| !v.is_empty()),
                io::stdout().is_terminal(),
            ),
        };
        Self { coloured }
    }

    pub(super) fn outcome(self, outcome: Outcome) -> String {
        match outcome {
            Outcome::Allow => self.paint("1;32", "ALLOW"),
            Outcome::Deny => self.paint("1;31", "DENY"),
            Outcome::Undetermined => self.paint("1;33", "UNDETERMINED"),
        }
    }

    pub(super) fn passed(self, passed: bool) -> String {
        if passed { self.paint(GREEN, "ok  ") } else { self.paint(RED, "FAIL") }
    }

    pub(super) fn grade(self, grade: Grade) -> String {
        match grade {
            Grade::Ok => self.paint(GREEN, "ok  "),
            Grade::Skipped => self.paint(FAINT, "skip"),
            Grade::Warn => self.paint(YELLOW, "warn"),
            Grade::Fail => self.paint(RED, "FAIL"),
        }
    }

    pub(super) fn mark(self, mark: Mark) -> String {
        match mark {
            Mark::Pass => self.paint(GREEN, "✓"),
            Mark::Fail => self.paint(RED, "✗"),
            Mark::Unknown => self.paint(YELLOW, "?"),
            Mark::Logged => self.paint(YELLOW, "!"),
            Mark::Skipped => self.paint(FAINT, "−"),
        }
    }

    pub(super) fn faint(self, text: &str) -> String {
        self.paint(FAINT, text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// <https://no-color.org> wins over <https://bixense.com/clicolors>.
fn automatic(variable: impl Fn(&str) -> Option<String>, terminal: bool) -> bool {
    if variable("NO_COLOR").is_some() {
        return false;
    }
    if variable("CLICOLOR_FORCE").is_some_and(|v| v != "0") {
        return true;
    }
    terminal && variable("TERM").is_none_or(|t| t != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_color_wins_over_a_forced_one_and_both_over_the_terminal() {
        let with = |set: &'static [(&str, &str)], terminal| {
            let variable =
                |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
            automatic(variable, terminal)
        };
        assert!(with(&[], true) && !with(&[], false));
        assert!(!with(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], true));
        assert!(with(&[("CLICOLOR_FORCE", "1")], false));
        assert!(!with(&[("CLICOLOR_FORCE", "0")], false));
        assert!(!with(&[("TERM", "dumb")], true));
    }
}
