//! Results as JUnit's XML, as CI systems read it.

use std::{collections::BTreeMap, fmt::Write};

use super::{Outcome, Report};

/// One suite a file, and one more for files that are no tests.
pub(super) fn report(report: &Report) -> String {
    let mut suites: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
    for case in &report.cases {
        suites.entry(&case.file).or_default().push(case);
    }
    let seconds: f64 = report.cases.iter().map(|case| case.seconds).sum();
    let (errors, failed) = (report.errors.len(), report.failed);
    let tests = report.cases.len() + errors;
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        xml,
        "<testsuites name=\"countersign\" tests=\"{tests}\" failures=\"{failed}\" \
         errors=\"{errors}\" time=\"{seconds:.3}\">"
    );
    for (file, cases) in suites {
        suite(&mut xml, file, &cases);
    }
    if errors > 0 {
        let _ = writeln!(
            xml,
            "  <testsuite name=\"not a test\" tests=\"{errors}\" failures=\"0\" \
             errors=\"{errors}\" time=\"0.000\">"
        );
        for error in &report.errors {
            let error = escape(error);
            let _ = writeln!(
                xml,
                "    <testcase classname=\"not a test\" name=\"{error}\" time=\"0.000\">\
                 <error message=\"{error}\"/></testcase>"
            );
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn suite(xml: &mut String, file: &str, cases: &[&Outcome]) {
    let failed = cases.iter().filter(|case| !case.passed).count();
    let seconds: f64 = cases.iter().map(|case| case.seconds).sum();
    let file = escape(file);
    let _ = writeln!(
        xml,
        "  <testsuite name=\"{file}\" tests=\"{}\" failures=\"{failed}\" errors=\"0\" \
         time=\"{seconds:.3}\">",
        cases.len()
    );
    for case in cases {
        let (name, seconds) = (escape(&case.name), case.seconds);
        let _ =
            write!(xml, "    <testcase classname=\"{file}\" name=\"{name}\" time=\"{seconds:.3}\"");
        if case.passed {
            xml.push_str("/>\n");
            continue;
        }
        let message = escape(&case.failures.join("; "));
        let text = escape(&format!("{}\n{}", case.failures.join("\n"), case.explanation));
        let _ = writeln!(
            xml,
            ">\n      <failure message=\"{message}\">{text}</failure>\n    </testcase>"
        );
    }
    xml.push_str("  </testsuite>\n");
}

/// Text and attributes; what XML 1.0 §2.2 has no room for is replaced.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {
                out.push('\u{fffd}');
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_breaks_out_of_the_document() {
        assert_eq!(
            escape("a<b> & \"c\"'\u{1b}\n"),
            "a&lt;b&gt; &amp; &quot;c&quot;&apos;\u{fffd}&#10;"
        );
    }
}
