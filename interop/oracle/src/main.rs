//! A second opinion on Sigstore bundles: sigstore-verify's, and how both verifiers differ from us.

use std::{env, process::ExitCode};

mod ask;
mod compare;

const USAGE: &str = "usage: countersign-oracle ask DIRECTORY
       countersign-oracle compare CASES ANSWERS DIFFERENCES UPSTREAM VERDICTS SUMMARY";

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["ask", directory] => ask::all(directory.as_ref()),
        ["compare", cases, answers, differences, upstream, verdicts, summary] => compare::all(
            cases.as_ref(),
            answers.as_ref(),
            differences.as_ref(),
            upstream.as_ref(),
            verdicts.as_ref(),
            summary.as_ref(),
        ),
        _ => Err(USAGE.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
