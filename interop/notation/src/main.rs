//! notation-go's verdicts on generated signatures, policies and evidence, beside ours.

use std::{collections::BTreeMap, env, error::Error, fs, process::ExitCode};

mod case;
mod compare;
mod differences;
mod host;
mod ours;

use case::Case;

const USAGE: &str = "usage: countersign-notation-oracle CASES DIFFERENCES VERDICTS SUMMARY";

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [cases, differences, verdicts, summary] = arguments.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    match run(cases, differences, verdicts, summary) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(
    cases: &str,
    differences: &str,
    verdicts: &str,
    summary: &str,
) -> Result<(), Box<dyn Error>> {
    let cases: Vec<Case> = serde_json::from_slice(&fs::read(cases)?)?;
    let mut names = BTreeMap::new();
    for case in &cases {
        if names.insert(case.name(), ()).is_some() {
            return Err(format!("two cases have the name `{}`", case.name()).into());
        }
    }
    let comparison = compare::all(&cases, &fs::read_to_string(differences)?)?;
    fs::write(verdicts, comparison.table())?;
    fs::write(summary, comparison.summary())?;
    if comparison.wrong.is_empty() { Ok(()) } else { Err(comparison.wrong.join("\n").into()) }
}
