//! The page of specifications says of each requirement which test holds it, or that none does.

use std::{collections::BTreeSet, fs, path::Path};

/// Requirements without a test: none. One that is listed here says why on its row.
const WITHOUT_TEST: &[u32] = &[];

/// Numbers of rows, with the cell of tests.
fn rows(page: &str) -> Vec<(u32, String)> {
    let row = |line: &str| {
        let cells: Vec<_> = line.strip_prefix("| ")?.split(" | ").collect();
        let number = cells.first()?.trim().parse().ok()?;
        Some((number, cells.get(3).copied().unwrap_or_default().to_owned()))
    };
    page.lines().filter_map(row).collect()
}

/// A test as the page names it, `file::function`.
fn names_a_test(cell: &str) -> bool {
    cell.split('`').skip(1).step_by(2).any(|code| code.contains("::"))
}

#[test]
fn every_requirement_has_a_test_or_is_known_to_have_none() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/specs.md"));
    let rows = rows(&page.unwrap());
    let numbers: Vec<u32> = rows.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=119).collect::<Vec<_>>(), "one row each, in order");
    let without: BTreeSet<u32> =
        rows.iter().filter(|(_, cell)| !names_a_test(cell)).map(|(number, _)| *number).collect();
    let listed: BTreeSet<u32> = WITHOUT_TEST.iter().copied().collect();
    println!("Notation: {} of 119 requirements have a test", 119 - without.len());
    for (number, cell) in &rows {
        if without.contains(number) {
            println!("  {number}: {cell}");
        }
    }
    let lost: Vec<_> = without.difference(&listed).collect();
    let stale: Vec<_> = listed.difference(&without).collect();
    assert!(lost.is_empty(), "no test is named for {lost:?}");
    assert!(stale.is_empty(), "listed as without a test, and one is named: {stale:?}");
}
