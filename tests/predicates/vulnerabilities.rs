//! `vulnerabilities`: reports of scanners held against a policy.

mod cost;
mod decisions;
mod exceptions;
mod limits;
mod mutation;
mod policy;
mod reports;
mod setup;
mod vex;
mod vex_cyclonedx;
