//! Patterns with stars: `*` stops at `/`, `**` crosses it, everything else is itself.

/// A pattern, matched as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// What stands before the first star.
    prefix: Vec<u8>,
    rest: Vec<Token>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    /// `**`
    Any,
    Byte(u8),
    /// `*`
    Segment,
}

impl Pattern {
    /// Reads a pattern. Everything is one.
    pub fn of(bytes: impl IntoIterator<Item = u8>) -> Self {
        let (mut prefix, mut rest) = (Vec::new(), Vec::new());
        for b in bytes {
            match (b, rest.last()) {
                (b'*', Some(Token::Segment)) => {
                    rest.pop();
                    rest.push(Token::Any);
                }
                (b'*', Some(Token::Any)) => {}
                (b'*', _) => rest.push(Token::Segment),
                (_, None) => prefix.push(b),
                (_, Some(_)) => rest.push(Token::Byte(b)),
            }
        }
        Self { prefix, rest }
    }

    /// True where there is no star in it.
    pub fn is_exact(&self) -> bool {
        self.rest.is_empty()
    }

    /// True where the whole text matches. Time is at most the product of both lengths.
    pub fn matches(&self, text: impl IntoIterator<Item = u8>) -> bool {
        let mut bytes = text.into_iter();
        if !self.prefix.iter().all(|b| bytes.next() == Some(*b)) {
            return false;
        }
        if self.rest.is_empty() {
            return bytes.next().is_none();
        }
        stars(&self.rest, &bytes.collect::<Vec<_>>())
    }
}

/// `reachable[i]`: the tokens so far can match the first i bytes.
fn stars(tokens: &[Token], text: &[u8]) -> bool {
    let mut reachable = vec![false; text.len() + 1];
    if let Some(first) = reachable.first_mut() {
        *first = true;
    }
    for token in tokens {
        // What the slot before this one was before this token.
        let (mut before, mut running) = (false, false);
        let bytes = std::iter::once(None).chain(text.iter().copied().map(Some));
        for (slot, byte) in reachable.iter_mut().zip(bytes) {
            let here = *slot;
            *slot = match token {
                Token::Byte(b) => before && byte == Some(*b),
                Token::Any => running || here,
                Token::Segment => here || (running && byte != Some(b'/')),
            };
            running = *slot;
            before = here;
        }
    }
    reachable.last().copied().unwrap_or(false)
}
