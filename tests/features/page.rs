//! The page of features is written from a table, and every test that the table names is there. A
//! second test, which `make test` runs last, asks whether each of them has run.

use std::{
    collections::BTreeSet,
    env,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

/// Features, answers, and the tests that show them.
const TABLE: &str = "tests/features.tsv";
const PAGE: &str = "docs/features.md";

const HEAD: &str = "\
# Features

Written by `tests/features/page.rs` from `tests/features.tsv`: do not edit. After a change run
`UPDATE=1 cargo test --release -p countersign --test features`.

104 features of fourteen systems that verify signatures of container images, and whether this build
has them. *Yes* stands only beside a test that shows it; *partial* says what is there and what is not;
everything else is *no*. A test is named by its file and function. `make test` fails if one of them is
not there or did not run.

The fourteen were read, not run, on 2026-11-21; so compare with care. KCP and KIV: Kyverno's
ClusterPolicy and ImageValidatingPolicy (1.19). PC: sigstore policy-controller 0.15.1. R1, R2: Ratify
1.4.4, 2.0.0-beta.1. CN: Connaisseur 3.10.0. PO: Portieris 0.14.2. KW: Kubewarden's
verify-image-signatures. PJ: `policy.json` of containers/image. CS: cosign 3.1.2. NO: notation. EC:
Conforma. AM: AMPEL 1.3.6. LIB: the libraries sigstore-go, -python, -js and -rust.
";

/// Yes and partial of the others.
const OTHERS: [(&str, usize, usize); 14] = [
    ("KCP", 51, 19),
    ("KIV", 51, 23),
    ("PC", 38, 18),
    ("R1", 40, 17),
    ("R2", 31, 12),
    ("CN", 38, 11),
    ("PO", 16, 7),
    ("KW", 23, 10),
    ("PJ", 17, 7),
    ("CS", 29, 7),
    ("NO", 22, 8),
    ("EC", 27, 16),
    ("AM", 20, 14),
    ("LIB", 17, 8),
];
const FEATURES: usize = 104;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    No,
    Partial,
    Yes,
}

struct Feature {
    section: String,
    name: String,
    answer: Answer,
    /// `file::function`
    tests: Vec<String>,
    note: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The table, or every line of it that says too little.
fn parse(table: &str) -> Result<Vec<Feature>, Vec<String>> {
    let mut section = String::new();
    let mut features: Vec<Feature> = Vec::new();
    let mut wrong = Vec::new();
    for line in table.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            name.clone_into(&mut section);
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        let cells: Vec<_> = line.split('\t').collect();
        let [name, answer, tests, note] = cells[..] else {
            wrong.push(format!("not four cells: {line}"));
            continue;
        };
        let tests: Vec<_> =
            tests.split(", ").filter(|t| !t.is_empty()).map(str::to_owned).collect();
        let answer = match (answer, tests.is_empty(), note.is_empty()) {
            ("yes", false, _) => Answer::Yes,
            ("partial", false, false) => Answer::Partial,
            ("no", true, _) => Answer::No,
            _ => {
                wrong.push(format!(
                    "{name}: yes with a test, partial with a test and a note, no without a test"
                ));
                continue;
            }
        };
        if features.iter().any(|f| f.name == name) {
            wrong.push(format!("{name}: twice"));
        }
        let (section, name) = (section.clone(), name.to_owned());
        features.push(Feature { section, name, answer, tests, note: note.to_owned() });
    }
    if wrong.is_empty() { Ok(features) } else { Err(wrong) }
}

fn features() -> Vec<Feature> {
    let table = fs::read_to_string(root().join(TABLE)).unwrap();
    parse(&table).unwrap_or_else(|wrong| panic!("{}", wrong.join("\n")))
}

fn count(features: &[Feature], answer: Answer) -> usize {
    features.iter().filter(|f| f.answer == answer).count()
}

fn document(features: &[Feature]) -> String {
    let mut text = HEAD.to_owned();
    let (yes, partial) = (count(features, Answer::Yes), count(features, Answer::Partial));
    let row = |first: String, cell: &dyn Fn(usize, usize) -> usize| {
        OTHERS.iter().fold(first, |row, (_, y, p)| format!("{row} {} |", cell(*y, *p)))
    };
    let names = OTHERS.iter().fold(String::new(), |row, (name, ..)| format!("{row} {name} |"));
    let _ = writeln!(text, "\n| of {FEATURES} | Countersign |{names}");
    let _ = writeln!(text, "|---|--:|{}", "--:|".repeat(OTHERS.len()));
    let _ = writeln!(text, "{}", row(format!("| yes | **{yes}** |"), &|y, _| y));
    let _ = writeln!(text, "{}", row(format!("| partial | {partial} |"), &|_, p| p));
    let mut section = "";
    for feature in features {
        if feature.section != section {
            section = &feature.section;
            let _ =
                writeln!(text, "\n## {section}\n\n| feature | | note | tests |\n|---|---|---|---|");
        }
        let answer = match feature.answer {
            Answer::No => "no",
            Answer::Partial => "partial",
            Answer::Yes => "**yes**",
        };
        let tests: Vec<_> = feature.tests.iter().map(|t| format!("`{t}`")).collect();
        let line =
            format!("| {} | {answer} | {} | {} |", feature.name, feature.note, tests.join(", "));
        let _ = writeln!(text, "{}", line.replace("  ", " "));
    }
    text
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

/// Every test of the workspace by its file and by its file's directory.
fn tests() -> BTreeSet<String> {
    let mut files = Vec::new();
    for directory in [
        "src",
        "tests",
        "cel/src",
        "cel/tests",
        "fronts",
        "host-shim/src",
        "host-shim/tests",
        "examples",
    ] {
        collect(&root().join(directory), &mut files);
    }
    let mut tests = BTreeSet::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let stem = path.file_stem().and_then(|s| s.to_str());
        let parent = path.parent().and_then(Path::file_name).and_then(|s| s.to_str());
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        for (i, _) in lines.iter().enumerate().filter(|(_, line)| **line == "#[test]") {
            let function = lines[i..].iter().find_map(|line| line.strip_prefix("fn "));
            let Some((function, _)) = function.and_then(|rest| rest.split_once('(')) else {
                continue;
            };
            tests.extend(stem.iter().chain(&parent).map(|file| format!("{file}::{function}")));
        }
    }
    tests
}

/// What is named, as `file::function`, and not in `there`.
fn missing(features: &[Feature], there: &BTreeSet<String>) -> Vec<String> {
    let named = features.iter().flat_map(|f| f.tests.iter().map(move |test| (f, test)));
    let absent = named.filter(|(_, test)| !there.contains(*test));
    absent.map(|(feature, test)| format!("{}: {test}", feature.name)).collect()
}

#[test]
fn every_feature_has_its_answer_and_every_test_that_is_named_exists() {
    let features = features();
    assert_eq!(features.len(), FEATURES);
    let missing = missing(&features, &tests());
    assert!(missing.is_empty(), "no such tests:\n{}", missing.join("\n"));
    let most = OTHERS.iter().map(|(_, yes, _)| *yes).max().unwrap();
    assert!(count(&features, Answer::Yes) > most, "no more than {most}");
}

#[test]
fn the_page_says_what_the_table_says() {
    let path = root().join(PAGE);
    let text = document(&features());
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "{PAGE} is not what {TABLE} says: run with UPDATE=1");
}

/// The tests that cargo says are ok, under each name that a table may give them: the segments of
/// their path, and the file of their binary with its directory.
fn ran(output: &str) -> BTreeSet<String> {
    let mut binary: Vec<String> = Vec::new();
    let mut ran = BTreeSet::new();
    for line in plain(output).lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("Running ") {
            let path = rest.trim_start_matches("unittests ").split(' ').next().unwrap_or_default();
            let path = path.trim_end_matches(".rs");
            binary = path.rsplit('/').take(2).map(str::to_owned).collect();
        }
        let test = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... ok"));
        let Some(test) = test else {
            continue;
        };
        let mut segments: Vec<_> = test.split("::").collect();
        let Some(function) = segments.pop() else {
            continue;
        };
        let files = segments.into_iter().chain(binary.iter().map(String::as_str));
        ran.extend(files.map(|file| format!("{file}::{function}")));
    }
    ran
}

/// Without colours.
fn plain(output: &str) -> String {
    let mut parts = output.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
}

/// Those that said themselves that they did not run, by function.
fn left_out(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let texts = entries.filter_map(|entry| fs::read_to_string(entry.path()).ok());
    let name = |text: String| {
        let (test, _) = text.split_once(": ")?;
        Some(test.rsplit('.').next()?.to_owned())
    };
    texts.filter_map(name).collect()
}

/// Reads what `make test` has kept of cargo's output.
#[test]
#[ignore = "the last step of `make test`"]
fn every_test_that_is_named_has_run() {
    let directory = |name: &str| PathBuf::from(env::var_os(name).expect(name));
    let mut output = String::new();
    for entry in fs::read_dir(directory("RAN_DIR")).unwrap() {
        output += &fs::read_to_string(entry.unwrap().path()).unwrap();
    }
    let left_out = left_out(&directory("NOT_RUN_DIR"));
    let mut ran = ran(&output);
    ran.retain(|test| test.split_once("::").is_none_or(|(_, f)| !left_out.contains(f)));
    let missing = missing(&features(), &ran);
    assert!(missing.is_empty(), "did not run, or failed:\n{}", missing.join("\n"));
}

#[test]
fn what_cargo_says_is_read() {
    let output = "\
     Running unittests src/lib.rs (target/release/deps/countersign-1)
test policy::glob::tests::stars ... ok
test policy::glob::tests::later ... ignored
\u{1b}[1m\u{1b}[92m     Running\u{1b}[0m tests/host/main.rs (target/release/deps/host-1)
test notation::config::reads ... \u{1b}[32mok\u{1b}[0m
test top ... ok
test notation::config::fails ... FAILED
";
    let ran = ran(output);
    for name in ["glob::stars", "config::reads", "notation::reads", "host::top", "main::top"] {
        assert!(ran.contains(name), "{name}: {ran:?}");
    }
    for name in ["glob::later", "config::fails", "glob::reads"] {
        assert!(!ran.contains(name), "{name}: {ran:?}");
    }
}

#[test]
fn a_table_that_says_too_little_is_refused() {
    for line in [
        "a\tyes\t\t",
        "a\tpartial\tb::c\t",
        "a\tpartial\t\tnote",
        "a\tno\tb::c\t",
        "a\tmaybe\tb::c\t",
        "a\tyes\tb::c",
        "a\tyes\tb::c\t\na\tyes\tb::c\t",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
    let good = parse("## S\na\tyes\tb::c, b::d\t\nb\tno\t\t").unwrap_or_default();
    assert_eq!(missing(&good, &BTreeSet::from(["b::c".to_owned()])), ["a: b::d"]);
}
