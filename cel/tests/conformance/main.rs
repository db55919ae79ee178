//! The specification's own tests, from
//! [cel-spec](https://github.com/google/cel-spec/tree/master/tests/simple/testdata).
//!
//! Every test of every section passes, or [`exceptions`] says why not. An exception that is not
//! needed any more is an error.

mod exceptions;
mod textproto;
mod values;

use std::{
    collections::BTreeMap,
    env,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use countersign_cel::{CompileCause, CompileError, Cost, Limits, Program, Scope};

use exceptions::FILES;
use textproto::Message;

/// A directory of the public vectors.
fn vectors() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = env::var_os("COUNTERSIGN_SHARED").map_or(beside, PathBuf::from);
    Some(shared.join("vectors/cel-spec")).filter(|path| path.is_dir())
}

/// Says that data is not there; an error where nothing may be left out.
fn not_run(what: &str) {
    println!("NOT RUN: {what}");
    if let Some(directory) = env::var_os("NOT_RUN_DIR") {
        let path = Path::new(&directory).join(format!("{}-cel", std::process::id()));
        fs::write(path, format!("conformance: {what}\n")).unwrap();
    }
    assert!(env::var_os("CI").is_none(), "{what}");
}

/// Said of a test that expects a type.
const NO_CHECKER: &str = "the test is of the type checker";

/// What came of a test.
enum Came {
    Passed,
    /// With what is different.
    Failed(String),
}

#[test]
fn sections_that_are_advertised_pass_and_the_others_are_listed() {
    let Some(directory) = vectors() else { return not_run("vectors/cel-spec") };
    let mut faults = Vec::new();
    let (mut passed, mut excepted) = (0, 0);
    let mut table = String::from("| tests of | passed | excepted | because |\n|---|--:|--:|---|\n");
    println!("| section | passed | excepted | because |\n|---|--:|--:|---|");
    for (file, exceptions) in FILES {
        let text = fs::read_to_string(directory.join(format!("{file}.textproto"))).unwrap();
        let mut unused: BTreeMap<_, _> =
            exceptions.iter().map(|exception| ((exception.section, exception.test), ())).collect();
        let mut of_file = (0, 0);
        let mut reasons: Vec<&str> = Vec::new();
        for section in textproto::parse(&text).messages("section") {
            let section_name = section.text("name").unwrap();
            let mut counts = (0, 0);
            let mut reason = "";
            for test in section.messages("test") {
                let name = test.text("name").unwrap();
                let exception = exceptions.iter().find(|exception| {
                    let of_section = exception.section == section_name || exception.section == "*";
                    of_section && (exception.test == name || exception.test == "*")
                });
                if let Some(exception) = exception {
                    reason = exception.why.reason();
                    unused.remove(&(exception.section, exception.test));
                }
                let path = format!("{file}/{section_name}/{name}");
                match (run(test), exception) {
                    (Came::Passed, None) => counts.0 += 1,
                    (Came::Passed, Some(exception)) if exception.test == "*" => counts.1 += 1,
                    (Came::Passed, Some(_)) => faults.push(format!("{path}: excepted, but passes")),
                    (Came::Failed(why), None) => faults.push(format!("{path}: {why}")),
                    (Came::Failed(why), Some(exception)) => {
                        counts.1 += 1;
                        if !exception.why.explains(&why) {
                            faults.push(format!("{path}: fails for another reason: {why}"));
                        }
                    }
                }
            }
            println!("| {file}/{section_name} | {} | {} | {reason} |", counts.0, counts.1);
            of_file = (of_file.0 + counts.0, of_file.1 + counts.1);
            if !reason.is_empty() && !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        passed += of_file.0;
        excepted += of_file.1;
        let because = reasons.join("; ");
        writeln!(table, "| {file} | {} | {} | {because} |", of_file.0, of_file.1).unwrap();
        faults.extend(unused.keys().map(|(section, test)| {
            format!("{file}/{section}/{test}: excepted, but there is no such test")
        }));
    }
    println!("| all | {passed} | {excepted} | |");
    writeln!(table, "| all | {passed} | {excepted} | |").unwrap();
    let known: Vec<_> = FILES.iter().map(|(file, _)| format!("{file}.textproto")).collect();
    for entry in fs::read_dir(&directory).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let read = known.contains(&name) || !name.ends_with(".textproto");
        assert!(read, "{name} is not listed");
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
    document(&table);
}

/// The table is part of the documentation, and may not drift from it.
fn document(table: &str) {
    const MARK: &str = "<!-- conformance -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cel.md");
    let written = fs::read_to_string(&path).unwrap();
    let (head, _) = written.split_once(MARK).unwrap();
    let text = format!("{head}{MARK}\n{table}");
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap();
    assert!(written == text, "docs/cel.md is not what the tests say: run with UPDATE=1");
}

fn run(test: &Message) -> Came {
    let fails = test.message("eval_error").is_some() || test.message("any_eval_errors").is_some();
    let expected = match test.message("value").map(values::read) {
        _ if fails => None,
        None if test.get("typed_result").is_some() || test.is_true("check_only") => {
            return Came::Failed(NO_CHECKER.into());
        }
        None => Some(countersign_cel::Value::Bool(true)),
        Some(Ok(value)) => Some(value),
        Some(Err(why)) => return Came::Failed(why),
    };
    let mut names: Vec<String> =
        test.messages("type_env").map(|declared| declared.text("name").unwrap()).collect();
    let mut bound = Vec::new();
    for binding in test.messages("bindings") {
        let name = binding.text("key").unwrap();
        let value = binding.message("value").unwrap().message("value").unwrap();
        match values::read(value) {
            Ok(value) => bound.push((name.clone(), value)),
            Err(why) => return Came::Failed(why),
        }
        names.push(name);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let container = test.text("container").unwrap_or_default();
    let text = test.text("expr").unwrap();
    let program = match Program::compile_in(&container, &text, &names, Limits::default()) {
        Ok(program) => program,
        // What should fail may be refused earlier, but not because it is left out.
        Err(CompileError {
            cause: CompileCause::Arity { .. } | CompileCause::Undeclared { .. },
            ..
        }) if fails => {
            return Came::Passed;
        }
        Err(error) => return Came::Failed(format!("does not compile: {error}")),
    };
    let mut scope = Scope::new();
    for (name, value) in &bound {
        scope.set(name, value.clone());
    }
    match (program.evaluate(&scope, &mut Cost::new(1_000_000)), expected) {
        (Err(error), _) if error.is_limit() => Came::Failed(format!("limit: {error}")),
        (Err(_), None) => Came::Passed,
        (Err(error), Some(_)) => Came::Failed(format!("{text} is an error: {error}")),
        (Ok(value), None) => Came::Failed(format!("{text} is {value:?}, but should be an error")),
        (Ok(value), Some(expected)) => {
            if values::same(&value, &expected) {
                return Came::Passed;
            }
            Came::Failed(format!("{text} is {value:?}, but should be {expected:?}"))
        }
    }
}
