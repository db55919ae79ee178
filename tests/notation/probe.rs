//! Requirements 15–82 as notation-go reads them: each row that was put to it, made here again with keys
//! and a clock of our own, in both profiles.
//!
//! A row is a whole decision: an image, its one signature, a trust policy document. It says what
//! notation-go answered, what `compat` and `spec` answer and for which reason, and where `spec` differs,
//! the deviation (D1 to D10) or the requirement that wants it so.

mod chains;
mod cose;
mod identities;
mod jws;
mod made;

use std::{collections::BTreeSet, fs};

use countersign::verdict::Code;

use crate::{
    draft::Format,
    layout::{not_run, vectors},
};

use made::Probe;

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Accept,
    Reject(Code),
    /// The policy is refused before there is a signature.
    Refuse(Code),
}

use Verdict::{Accept, Refuse, Reject};

/// One row of `probe.txt`.
struct Row {
    name: &'static str,
    format: Format,
    compat: Verdict,
    spec: Verdict,
    /// Why `spec` differs: `D4` or the number of a requirement, and a few words. Empty where it does not.
    why: &'static str,
    make: fn(&mut Probe),
}

/// The same in both profiles.
const fn both(format: Format, name: &'static str, verdict: Verdict, make: fn(&mut Probe)) -> Row {
    Row { name, format, compat: verdict, spec: verdict, why: "", make }
}

/// A word of `probe.txt`.
fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Accept => "ACCEPT",
        Reject(_) => "REJECT",
        Refuse(_) => "POLICY-ERR",
    }
}

/// Rows that come to something else than notation-go in `compat` too.
const NOT_AS_MEASURED: &[(&str, &str)] = &[
    ("COSE PSS salt=0", "D9: the salt of RSASSA-PSS has any length, in both formats and profiles"),
    ("COSE PSS salt=20", "D9"),
    ("COSE PSS salt=190", "D9"),
];

const ROWS: usize = 144;

fn rows() -> Vec<Row> {
    [jws::rows(), chains::rows(), identities::rows(), cose::rows()].into_iter().flatten().collect()
}

/// `D1` to `D10`, or the number of a requirement, and then words.
fn is_argued(why: &str) -> bool {
    let Some((number, words)) = why.split_once(": ") else {
        return false;
    };
    let within = |text: &str, most: u32| text.parse().is_ok_and(|n: u32| (1..=most).contains(&n));
    let is_named = match number.strip_prefix('D') {
        Some(deviation) => within(deviation, 10),
        None => within(number, 119),
    };
    is_named && !words.is_empty()
}

#[test]
fn every_row_has_its_verdict_and_its_reason_in_both_profiles() {
    let rows = rows();
    let mut wrong = Vec::new();
    for row in &rows {
        let mut probe = Probe::new(row.format);
        (row.make)(&mut probe);
        let envelope = probe.draft.build();
        for (profile, expected) in [("compat", row.compat), ("spec", row.spec)] {
            let (found, message) = probe.verdict(&envelope, profile);
            if found != expected {
                wrong.push(format!("{} in {profile}: {found:?} ({message})", row.name));
            }
        }
        let differs = word(row.compat) != word(row.spec);
        if differs != is_argued(row.why) || differs == row.why.is_empty() {
            wrong.push(format!("{}: `{}` does not say why", row.name, row.why));
        }
    }
    let names: BTreeSet<_> = rows.iter().map(|row| row.name).collect();
    assert_eq!((rows.len(), names.len()), (ROWS, ROWS), "each row once");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let count = |word_of: &str| rows.iter().filter(|row| word(row.compat) == word_of).count();
    println!(
        "probe: {ROWS} rows; in compat {} accepted, {} rejected, {} refused; in spec {} differ",
        count("ACCEPT"),
        count("REJECT"),
        count("POLICY-ERR"),
        rows.iter().filter(|row| !row.why.is_empty()).count()
    );
}

#[test]
fn rows_are_those_that_were_measured() {
    let Some(vectors) = vectors() else {
        return not_run("the public Notation vectors are not there");
    };
    /// Names are padded to this width.
    const NAME: usize = 62;
    let text = fs::read_to_string(vectors.join("verdicts/probe.txt")).unwrap();
    let rows = rows();
    let mut missing: BTreeSet<_> = rows.iter().map(|row| row.name).collect();
    let mut wrong = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with(' ')) {
        let name = line[..NAME].trim_end();
        let measured = line[NAME..].split_whitespace().next().unwrap();
        let Some(row) = rows.iter().find(|row| row.name == name) else {
            wrong.push(format!("no row for `{name}`"));
            continue;
        };
        assert!(missing.remove(name), "`{name}` is there twice");
        let excepted = NOT_AS_MEASURED.iter().any(|(known, _)| *known == name);
        if (word(row.compat) == measured) == excepted {
            wrong.push(format!("{name}: notation-go says {measured}, not {:?}", row.compat));
        }
    }
    wrong.extend(missing.iter().map(|name| format!("`{name}` was not measured")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("probe: {} rows as measured", rows.len() - NOT_AS_MEASURED.len());
    for (name, why) in NOT_AS_MEASURED {
        println!("  {name}: not as measured, {why}");
    }
}
