//! DIFFERENCES: `class NAME what it is and which requirement says so`, then lines `NAME case`, where a `*`
//! in the case stands for anything; the first line that fits a case says its class.

pub struct Differences {
    /// In the order of the file.
    pub legend: Vec<(String, String)>,
    pub lines: Vec<Line>,
}

pub struct Line {
    pub class: String,
    pub pattern: String,
    pub used: bool,
}

impl Differences {
    pub fn read(text: &str) -> Result<Self, String> {
        let mut all = Self { legend: Vec::new(), lines: Vec::new() };
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (first, rest) = line.split_once(' ').ok_or_else(|| format!("no line: {line}"))?;
            if first == "class" {
                let (name, what) =
                    rest.split_once(' ').ok_or_else(|| format!("no class: {line}"))?;
                all.legend.push((name.to_owned(), what.to_owned()));
            } else if all.legend.iter().any(|(name, _)| name == first) {
                let (class, pattern) = (first.to_owned(), rest.trim().to_owned());
                all.lines.push(Line { class, pattern, used: false });
            } else {
                return Err(format!("no such class: {line}"));
            }
        }
        Ok(all)
    }

    pub fn class(&mut self, case: &str) -> Option<String> {
        let line = self.lines.iter_mut().find(|line| matches(&line.pattern, case))?;
        line.used = true;
        Some(line.class.clone())
    }

    /// Lines that explain nothing, and classes without lines.
    pub fn stale(&self) -> Vec<String> {
        let lines = self.lines.iter().filter(|line| !line.used);
        let empty = self
            .legend
            .iter()
            .filter(|(name, _)| !self.lines.iter().any(|line| line.class == *name));
        lines
            .map(|line| format!("explains nothing: {} {}", line.class, line.pattern))
            .chain(empty.map(|(name, _)| format!("a class without lines: {name}")))
            .collect()
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

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(matches("a: * [jws]", "a: b [jws]") && matches("*", "") && matches("a*", "a"));
        assert!(!matches("a: * [jws]", "a: b [cose]") && !matches("a", "ab"));
    }
}
