//! Our verdicts beside the two others, and the class of each difference.
//!
//! ANSWERS has what the two said, `sigstore-verify.KIND` and `sigstore-go.KIND`. DIFFERENCES has two
//! kinds of lines: `class NAME text`, and `NAME verifier pattern`, where a `*` in the pattern of a
//! case's name stands for anything; the first line that fits says the class. A difference that no line
//! explains, a line that explains nothing and a class without lines are errors; and so is a case of
//! UPSTREAM, in the first column of its tables, about which nobody differs.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fmt::Write,
    fs,
    path::Path,
};

const KINDS: [&str; 4] = ["happy", "twin", "fault", "conformance"];
const VERIFIERS: [&str; 2] = ["sigstore-verify", "sigstore-go"];

type Outcome<T> = Result<T, Box<dyn Error>>;

struct Row {
    case: String,
    ours: String,
    /// `accept`, `refuse`, `blind` for what it refuses without the fault as well, `none`.
    theirs: [String; 2],
    classes: [Option<String>; 2],
}

struct Line {
    class: String,
    verifier: String,
    pattern: String,
    used: bool,
}

struct Differences {
    /// In the order of the file.
    legend: Vec<(String, String)>,
    lines: Vec<Line>,
}

pub fn all(
    cases: &Path,
    answers: &Path,
    differences: &Path,
    upstream: &Path,
    verdicts: &Path,
    summary: &Path,
) -> Outcome<()> {
    let mut differences = Differences::read(&fs::read_to_string(differences)?)?;
    let mut rows = rows(cases, answers)?;
    let mut wrong = Vec::new();
    for row in &mut rows {
        for (n, verifier) in VERIFIERS.iter().enumerate() {
            if !row.differs(n) {
                continue;
            }
            row.classes[n] = differences.class(verifier, &row.case);
            if row.classes[n].is_none() {
                let Row { case, ours, theirs, .. } = &*row;
                wrong.push(format!("not explained: {case}: {ours}, {verifier} {}", theirs[n]));
            }
        }
    }
    let complete = KINDS.iter().all(|kind| cases.join(kind).is_dir());
    let stale = differences.lines.iter().filter(|line| !line.used);
    let stale = stale.filter(|line| complete || !line.pattern.starts_with("conformance/"));
    wrong.extend(
        stale.map(|l| format!("explains nothing: {} {} {}", l.class, l.verifier, l.pattern)),
    );
    let empty = differences
        .legend
        .iter()
        .filter(|(class, _)| !differences.lines.iter().any(|line| line.class == *class));
    wrong.extend(empty.map(|(class, _)| format!("a class without lines: {class}")));
    wrong.extend(stale_findings(&fs::read_to_string(upstream)?, &rows));
    fs::write(verdicts, table(&rows))?;
    fs::write(summary, summarised(&rows, &differences))?;
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

fn stale_findings(upstream: &str, rows: &[Row]) -> Vec<String> {
    let lines = upstream.lines().filter(|line| line.starts_with("| `"));
    let cells = lines.filter_map(|line| line.split('|').nth(1));
    let names = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    names
        .filter(|name| {
            let fault = format!("fault/{name}");
            let pattern = if name.contains('/') { name } else { fault.as_str() };
            let mut named = rows.iter().filter(|row| matches(pattern, &row.case));
            !named.any(|row| row.differs(0) || row.differs(1))
        })
        .map(|name| format!("nobody differs: {name}"))
        .collect()
}

impl Row {
    fn differs(&self, n: usize) -> bool {
        match self.theirs[n].as_str() {
            "accept" => self.ours != "accept",
            "refuse" => self.ours == "accept",
            _ => false,
        }
    }
}

impl Differences {
    fn read(text: &str) -> Outcome<Self> {
        let mut all = Self { legend: Vec::new(), lines: Vec::new() };
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let words: Vec<_> = line.splitn(3, char::is_whitespace).collect();
            match words.as_slice() {
                ["class", class, text] => all.legend.push((class.to_string(), text.to_string())),
                [class, verifier, pattern] if VERIFIERS.contains(verifier) => {
                    if !all.legend.iter().any(|(name, _)| name == class) {
                        return Err(format!("no such class: {line}").into());
                    }
                    all.lines.push(Line {
                        class: class.to_string(),
                        verifier: verifier.to_string(),
                        pattern: pattern.trim().to_owned(),
                        used: false,
                    });
                }
                _ => return Err(format!("no difference: {line}").into()),
            }
        }
        Ok(all)
    }

    fn class(&mut self, verifier: &str, case: &str) -> Option<String> {
        let fits = |line: &&mut Line| line.verifier == verifier && matches(&line.pattern, case);
        let line = self.lines.iter_mut().find(fits)?;
        line.used = true;
        Some(line.class.clone())
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len())
                .filter(|n| rest.is_char_boundary(*n))
                .any(|n| matches(after, &rest[n..]))
        }),
    }
}

fn rows(cases: &Path, answers: &Path) -> Outcome<Vec<Row>> {
    let mut said = BTreeMap::new();
    let mut names = BTreeSet::new();
    for kind in KINDS.into_iter().filter(|kind| cases.join(kind).is_dir()) {
        for verifier in VERIFIERS {
            for line in fs::read_to_string(answers.join(format!("{verifier}.{kind}")))?.lines() {
                let mut words = line.split('\t');
                let (Some(case), Some(answer)) = (words.next(), words.next()) else {
                    return Err(format!("{verifier}: {line}").into());
                };
                let case = format!("{kind}/{case}");
                let bodies = words.next().unwrap_or("bodies as written");
                if kind == "happy" && bodies != "bodies as written" {
                    return Err(format!("{case}: {bodies}").into());
                }
                let answer = answer.split(':').next().unwrap_or_default().to_owned();
                said.insert((verifier, case.clone()), answer);
                names.insert((kind, case));
            }
        }
    }
    let answer = |verifier, case: &str| {
        let answer = said.get(&(verifier, case.to_owned()));
        answer.cloned().ok_or_else(|| format!("{verifier} says nothing to {case}"))
    };
    let mut rows = Vec::new();
    for kind in KINDS {
        for (_, case) in names.iter().filter(|(of, _)| *of == kind) {
            let ours = fs::read_to_string(cases.join(case).join("ours"))?;
            let twin = fs::read_to_string(cases.join(case).join("twin")).ok();
            let mut theirs = [const { String::new() }; 2];
            for (n, verifier) in VERIFIERS.into_iter().enumerate() {
                theirs[n] = answer(verifier, case)?;
                if let (Some(twin), "refuse") = (&twin, theirs[n].as_str())
                    && answer(verifier, twin)? == "refuse"
                {
                    theirs[n] = "blind".to_owned();
                }
            }
            rows.push(Row { case: case.clone(), ours, theirs, classes: [None, None] });
        }
    }
    Ok(rows)
}

fn table(rows: &[Row]) -> String {
    let mut table = format!("case\tours\t{}\t{}\tclasses\n", VERIFIERS[0], VERIFIERS[1]);
    for Row { case, ours, theirs: [verify, go], classes } in rows {
        let named = classes.iter().zip(VERIFIERS);
        let named = named.filter_map(|(class, of)| Some(format!("{of}: {}", class.as_ref()?)));
        let named = named.collect::<Vec<_>>().join(", ");
        _ = writeln!(table, "{case}\t{ours}\t{verify}\t{go}\t{named}");
    }
    table
}

/// Markdown.
fn summarised(rows: &[Row], differences: &Differences) -> String {
    let mut text = format!(
        "| cases | how many | {0}: the same | blind | different | {1}: the same | blind | different |\n|---|--:|--:|--:|--:|--:|--:|--:|\n",
        VERIFIERS[0], VERIFIERS[1]
    );
    for kind in KINDS {
        let of: Vec<_> =
            rows.iter().filter(|row| row.case.starts_with(&format!("{kind}/"))).collect();
        _ = write!(text, "| {kind} | {} |", of.len());
        for n in 0..2 {
            let other = of.iter().filter(|row| row.differs(n)).count();
            let silent = |row: &&&Row| matches!(row.theirs[n].as_str(), "blind" | "none");
            let blind = of.iter().filter(silent).count();
            _ = write!(text, " {} | {blind} | {other} |", of.len() - blind - other);
        }
        text.push('\n');
    }
    text.push_str(
        "\n| class | what it is | sigstore-verify accepts | refuses | sigstore-go accepts | refuses |\n|---|---|--:|--:|--:|--:|\n",
    );
    for (class, what) in &differences.legend {
        _ = write!(text, "| `{class}` | {what} |");
        for n in 0..2 {
            let of = rows.iter().filter(|row| row.classes[n].as_ref() == Some(class));
            let (accepted, refused): (Vec<_>, Vec<_>) =
                of.partition(|row| row.theirs[n] == "accept");
            _ = write!(text, " {} | {} |", accepted.len(), refused.len());
        }
        text.push('\n');
    }
    text
}
