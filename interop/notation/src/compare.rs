//! Case by case: the verdict, each check that failed, whether it was only logged, and of revocation the
//! status and whose it is.

use std::{collections::BTreeMap, error::Error, fmt::Write};

use crate::{
    case::{Answer, Case},
    differences::Differences,
    ours,
};

pub struct Comparison<'a> {
    cases: &'a [Case],
    rows: Vec<Row<'a>>,
    differences: Differences,
    /// What must not be.
    pub wrong: Vec<String>,
}

struct Row<'a> {
    case: &'a Case,
    theirs: Answer,
    ours: Answer,
    code: String,
    class: Option<String>,
}

impl Row<'_> {
    fn differs(&self) -> bool {
        let key = |answer: &Answer| {
            let mut checks: Vec<_> = answer
                .failed
                .iter()
                .map(|f| (f.check.clone(), f.logged, f.status.clone(), f.subject.clone()))
                .collect();
            checks.sort();
            (answer.pass, checks)
        };
        key(&self.theirs) != key(&self.ours)
    }
}

pub fn all<'a>(cases: &'a [Case], differences: &str) -> Result<Comparison<'a>, Box<dyn Error>> {
    let mut differences = Differences::read(differences)?;
    let (mut rows, mut wrong) = (Vec::new(), Vec::new());
    for case in cases.iter().filter(|case| case.not_asked.is_none()) {
        let theirs = case.answer.clone().ok_or_else(|| format!("no answer: {}", case.name()))?;
        let (ours, code) =
            ours::judge(case).map_err(|error| format!("{}: {error}", case.name()))?;
        let mut row = Row { case, theirs, ours, code, class: None };
        if row.differs() {
            row.class = differences.class(&case.name());
            if row.class.is_none() {
                let words = |answer: &Answer| {
                    let words: Vec<_> = answer.failed.iter().map(|f| f.error.as_str()).collect();
                    format!("{answer}: {}", words.join(" | "))
                };
                wrong.push(format!(
                    "not explained: {}\n  notation-go: {}\n  ours: {}",
                    case.name(),
                    words(&row.theirs),
                    words(&row.ours)
                ));
            }
        }
        rows.push(row);
    }
    wrong.extend(differences.stale());
    Ok(Comparison { cases, rows, differences, wrong })
}

impl Comparison<'_> {
    /// One line a case.
    pub fn table(&self) -> String {
        let mut table = "case\tnotation-go\tours\treason\tclass\n".to_owned();
        for Row { case, theirs, ours, code, class } in &self.rows {
            let class = class.as_deref().unwrap_or_default();
            _ = writeln!(table, "{}\t{theirs}\t{ours}\t{code}\t{class}", case.name());
        }
        table
    }

    /// Markdown.
    pub fn summary(&self) -> String {
        let mut tables: Vec<&str> = self.cases.iter().map(|case| case.table.as_str()).collect();
        tables.dedup();
        let mut text = "| table | rows | of them asked | cases | the same | different |\n|---|--:|--:|--:|--:|--:|\n".to_owned();
        let mut sums = [0; 5];
        for table in tables {
            let of = |row: &&Row<'_>| row.case.table == table;
            let cases = self.rows.iter().filter(of).count();
            let differ = self.rows.iter().filter(of).filter(|row| row.differs()).count();
            let mut asked: Vec<_> = self.rows.iter().filter(of).map(|r| &r.case.row).collect();
            asked.sort();
            asked.dedup();
            let silent: usize = self.silent().filter(|c| c.table == table).map(|c| c.count).sum();
            let counts = [asked.len() + silent, asked.len(), cases, cases - differ, differ];
            _ = writeln!(
                text,
                "| {table} | {} | {} | {} | {} | {} |",
                counts[0], counts[1], counts[2], counts[3], counts[4]
            );
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        _ = writeln!(
            text,
            "| all | {} | {} | {} | {} | {} |",
            sums[0], sums[1], sums[2], sums[3], sums[4]
        );
        text.push_str("\n| class | what it is | we pass, it does not | it passes, we do not | another check |\n|---|---|--:|--:|--:|\n");
        for (class, what) in &self.differences.legend {
            let of: Vec<_> =
                self.rows.iter().filter(|row| row.class.as_ref() == Some(class)).collect();
            let count = |ours, theirs| {
                of.iter().filter(|row| row.ours.pass == ours && row.theirs.pass == theirs).count()
            };
            _ = writeln!(
                text,
                "| `{class}` | {what} | {} | {} | {} |",
                count(true, false),
                count(false, true),
                count(true, true) + count(false, false)
            );
        }
        text.push_str("\n| rows that are not asked | how many |\n|---|--:|\n");
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for case in self.silent() {
            let why = case.not_asked.as_deref().unwrap_or_default();
            *reasons.entry(why).or_default() += case.count;
        }
        for (why, count) in reasons {
            _ = writeln!(text, "| {why} | {count} |");
        }
        text
    }

    fn silent(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(|case| case.not_asked.is_some())
    }
}
