//! Where each member of a JSON document stands in its bytes.

use std::ops::Range;

/// A token or a container.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    /// With the quotes of a text.
    pub(crate) range: Range<usize>,
    /// JSON pointer, not escaped.
    pub(crate) path: String,
    pub(crate) part: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// An object or a list.
    Container,
    /// The name of a member.
    Name,
    /// A text, number or word.
    Value,
}

impl Span {
    /// A text without its quotes.
    pub(crate) fn inner(&self) -> Range<usize> {
        self.range.start + 1..self.range.end - 1
    }

    /// The path with list positions left out.
    pub(crate) fn class(&self) -> String {
        class(&self.path)
    }
}

pub(crate) fn class(path: &str) -> String {
    path.split('/')
        .map(|step| match step {
            "" => "",
            step if step.bytes().all(|b| b.is_ascii_digit()) => "*",
            step => step,
        })
        .collect::<Vec<_>>()
        .join("/")
}

/// Every span of a valid document; outer ones come after inner ones.
pub(crate) fn scan(bytes: &[u8]) -> Vec<Span> {
    let mut scanner = Scanner { bytes, at: 0, spans: Vec::new() };
    scanner.value("");
    scanner.spans
}

/// The innermost span of a byte.
pub(crate) fn at(spans: &[Span], byte: usize) -> Option<&Span> {
    spans.iter().find(|span| span.range.contains(&byte))
}

/// The document without one element of a list or object.
pub(crate) fn without(bytes: &[u8], element: &Range<usize>) -> Vec<u8> {
    let (mut start, mut end) = (element.start, element.end);
    if bytes.get(end) == Some(&b',') {
        end += 1;
    } else if bytes[start - 1] == b',' {
        start -= 1;
    }
    [&bytes[..start], &bytes[end..]].concat()
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    spans: Vec<Span>,
}

impl Scanner<'_> {
    fn peek(&mut self) -> u8 {
        while self.bytes[self.at].is_ascii_whitespace() {
            self.at += 1;
        }
        self.bytes[self.at]
    }

    fn keep(&mut self, start: usize, path: &str, part: Part) {
        self.spans.push(Span { range: start..self.at, path: path.to_owned(), part });
    }

    fn text(&mut self) -> String {
        let start = self.at;
        self.at += 1;
        while self.bytes[self.at] != b'"' {
            self.at += if self.bytes[self.at] == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        serde_json::from_slice(&self.bytes[start..self.at]).unwrap()
    }

    fn value(&mut self, path: &str) {
        let first = self.peek();
        let start = self.at;
        match first {
            b'{' | b'[' => {
                self.at += 1;
                let mut index = 0;
                loop {
                    match self.peek() {
                        b'}' | b']' => break,
                        b',' => self.at += 1,
                        _ if first == b'[' => {
                            self.value(&format!("{path}/{index}"));
                            index += 1;
                        }
                        _ => {
                            let start = self.at;
                            let name = self.text();
                            let path = format!("{path}/{name}");
                            self.keep(start, &path, Part::Name);
                            assert_eq!(self.peek(), b':');
                            self.at += 1;
                            self.value(&path);
                        }
                    }
                }
                self.at += 1;
                self.keep(start, path, Part::Container);
            }
            b'"' => {
                self.text();
                self.keep(start, path, Part::Value);
            }
            _ => {
                while self.at < self.bytes.len()
                    && !matches!(self.bytes[self.at], b',' | b'}' | b']')
                    && !self.bytes[self.at].is_ascii_whitespace()
                {
                    self.at += 1;
                }
                self.keep(start, path, Part::Value);
            }
        }
    }
}

#[test]
fn spans_are_found_and_elements_are_cut() {
    let text = br#"{"a":[{"b":"x\"y"}, 12 ,null],"c":{}}"#;
    let spans = scan(text);
    let found = at(&spans, 12).unwrap();
    assert_eq!((found.class().as_str(), found.part), ("/a/*/b", Part::Value));
    assert_eq!(&text[found.inner()], br#"x\"y"#);
    let second = spans.iter().find(|s| s.path == "/a/1").unwrap();
    assert_eq!(&text[second.range.clone()], b"12");
    assert_eq!(without(br#"{"l":[1,2]}"#, &(8..9)), br#"{"l":[1]}"#.to_vec());
    assert_eq!(without(br#"{"l":[1,2]}"#, &(6..7)), br#"{"l":[2]}"#.to_vec());
}
