//! Protocol buffers in text, as far as the specification's tests use them.

/// What a field has.
#[derive(Clone, Debug)]
pub(crate) enum Field {
    Message(Message),
    /// A string or bytes in quotes.
    Quoted(Vec<u8>),
    /// A number, a truth or the name of an enum's value.
    Word(String),
}

/// Fields in the order in which they are written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message(pub(crate) Vec<(String, Field)>);

impl Message {
    pub(crate) fn get(&self, name: &str) -> Option<&Field> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, field)| field)
    }

    pub(crate) fn messages<'m>(&'m self, name: &'m str) -> impl Iterator<Item = &'m Self> {
        self.0.iter().filter(move |(known, _)| known == name).filter_map(|(_, field)| match field {
            Field::Message(message) => Some(message),
            _ => None,
        })
    }

    pub(crate) fn message(&self, name: &str) -> Option<&Self> {
        match self.get(name)? {
            Field::Message(message) => Some(message),
            _ => None,
        }
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.get(name)? {
            Field::Quoted(bytes) => Some(String::from_utf8(bytes.clone()).unwrap()),
            Field::Word(word) => Some(word.clone()),
            Field::Message(_) => None,
        }
    }

    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.text(name).as_deref() == Some("true")
    }
}

pub(crate) fn parse(text: &str) -> Message {
    let mut reader = Reader { text: text.as_bytes(), at: 0 };
    let message = reader.message(None);
    assert_eq!(reader.at, text.len());
    message
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b'#' => {
                    while self.text.get(self.at).is_some_and(|byte| *byte != b'\n') {
                        self.at += 1;
                    }
                }
                b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
                _ => return Some(*byte),
            }
        }
        None
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn message(&mut self, close: Option<u8>) -> Message {
        let mut fields = Vec::new();
        loop {
            while self.eat(b',') || self.eat(b';') {}
            if self.peek().is_none() || close.is_some_and(|close| self.eat(close)) {
                return Message(fields);
            }
            let name = if self.eat(b'[') {
                let start = self.at;
                while !self.eat(b']') {
                    self.at += 1;
                }
                String::from_utf8(self.text[start..self.at - 1].to_vec()).unwrap()
            } else {
                self.word()
            };
            self.eat(b':');
            if self.eat(b'[') {
                while !self.eat(b']') {
                    let field = self.field();
                    fields.push((name.clone(), field));
                    self.eat(b',');
                }
            } else {
                let field = self.field();
                fields.push((name, field));
            }
        }
    }

    fn field(&mut self) -> Field {
        match self.peek() {
            Some(b'{') => {
                self.at += 1;
                Field::Message(self.message(Some(b'}')))
            }
            Some(b'"' | b'\'') => {
                let mut bytes = Vec::new();
                while let Some(quote @ (b'"' | b'\'')) = self.peek() {
                    self.at += 1;
                    self.quoted(quote, &mut bytes);
                }
                Field::Quoted(bytes)
            }
            _ => Field::Word(self.word()),
        }
    }

    fn word(&mut self) -> String {
        self.peek();
        let start = self.at;
        while let Some(byte) = self.text.get(self.at)
            && (byte.is_ascii_alphanumeric() || b"_.-+".contains(byte))
        {
            self.at += 1;
        }
        assert!(self.at > start, "a word at byte {start}");
        String::from_utf8(self.text[start..self.at].to_vec()).unwrap()
    }

    fn next(&mut self) -> u8 {
        self.at += 1;
        self.text[self.at - 1]
    }

    fn quoted(&mut self, quote: u8, out: &mut Vec<u8>) {
        loop {
            let byte = self.next();
            match byte {
                b'\\' => self.escape(out),
                byte if byte == quote => return,
                byte => out.push(byte),
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) {
        match self.next() {
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'v' => out.push(11),
            b'x' | b'X' => {
                let code = self.number(2, 16);
                out.push(u8::try_from(code).unwrap());
            }
            b'u' => self.character(4, out),
            b'U' => self.character(8, out),
            b'0'..=b'7' => {
                self.at -= 1;
                let code = self.number(3, 8);
                out.push(u8::try_from(code).unwrap());
            }
            other => out.push(other),
        }
    }

    fn character(&mut self, digits: usize, out: &mut Vec<u8>) {
        let character = char::from_u32(self.number(digits, 16)).unwrap();
        out.extend(character.to_string().bytes());
    }

    /// At most so many digits.
    fn number(&mut self, digits: usize, radix: u32) -> u32 {
        let mut number = 0;
        for _ in 0..digits {
            let Some(digit) = char::from(self.text[self.at]).to_digit(radix) else { break };
            number = number * radix + digit;
            self.at += 1;
        }
        number
    }
}
