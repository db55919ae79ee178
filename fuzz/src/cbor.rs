//! CBOR as a tree: what COSE of Notation uses of it.

use crate::random::Random;

/// Deeper than any header.
const MOST_DEPTH: usize = 16;

#[derive(Clone)]
pub(crate) enum Item {
    /// Major type 0, 1 or 7, and its argument.
    Number(u8, u64),
    /// Major type 2 or 3.
    Text(u8, Vec<u8>),
    /// Major type 4, or 5 with keys and values in turn.
    List(u8, Vec<Item>),
    Tag(u64, Box<Item>),
}

impl Item {
    /// The first item, and what is after it.
    pub(crate) fn parse(bytes: &[u8], depth: usize) -> Option<(Self, &[u8])> {
        let (first, rest) = bytes.split_first()?;
        let (major, small) = (first >> 5, first & 0x1f);
        let (number, mut rest) = match small {
            0..24 => (u64::from(small), rest),
            24..28 => {
                let (number, rest) = rest.split_at_checked(1 << (small - 24))?;
                (number.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)), rest)
            }
            _ => return None,
        };
        if depth == MOST_DEPTH {
            return None;
        }
        let item = match major {
            2 | 3 => {
                let (text, after) = rest.split_at_checked(usize::try_from(number).ok()?)?;
                rest = after;
                Self::Text(major, text.to_vec())
            }
            4 | 5 => {
                let mut items = Vec::new();
                for _ in 0..number.checked_mul(u64::from(major - 3))? {
                    let (item, after) = Self::parse(rest, depth + 1)?;
                    rest = after;
                    items.push(item);
                }
                Self::List(major, items)
            }
            6 => {
                let (item, after) = Self::parse(rest, depth + 1)?;
                rest = after;
                Self::Tag(number, Box::new(item))
            }
            _ => Self::Number(major, number),
        };
        Some((item, rest))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Number(major, number) => head(*major, *number),
            Self::Text(major, text) => [&head(*major, text.len() as u64), &text[..]].concat(),
            Self::List(major, items) => {
                let length = if *major == 5 { items.len() / 2 } else { items.len() };
                let items: Vec<u8> = items.iter().flat_map(Self::encode).collect();
                [head(*major, length as u64), items].concat()
            }
            Self::Tag(number, item) => [head(6, *number), item.encode()].concat(),
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::List(_, items) => 1 + items.iter().map(Self::count).sum::<usize>(),
            Self::Tag(_, item) => 1 + item.count(),
            _ => 1,
        }
    }

    fn nth(&mut self, n: &mut usize) -> Option<&mut Self> {
        if *n == 0 {
            return Some(self);
        }
        *n -= 1;
        match self {
            Self::List(_, items) => items.iter_mut().find_map(|item| item.nth(n)),
            Self::Tag(_, item) => item.nth(n),
            _ => None,
        }
    }

    /// Changes one item somewhere; `inner` changes bytes that hold DER.
    pub(crate) fn change(
        &mut self,
        random: &mut Random,
        inner: impl FnOnce(&[u8], &mut Random) -> Option<Vec<u8>>,
    ) {
        let other = self.nth(&mut random.below(self.count())).cloned();
        let Some(item) = self.nth(&mut random.below(self.count())) else {
            return;
        };
        match (random.below(12), &mut *item) {
            (0, _) => *item = other.unwrap_or_else(|| item.clone()),
            (1, _) => *item = Self::Tag(random.of(&[0, 1, 2, 18, 24]), Box::new(item.clone())),
            (2, Self::Tag(_, inner)) => *item = (**inner).clone(),
            (2, Self::Text(major, _)) => *major ^= 1,
            (3..9, Self::List(major, items)) if !items.is_empty() => {
                let width = usize::from(*major - 3).min(items.len());
                let at = random.below(items.len() / width) * width;
                match random.below(3) {
                    0 => drop(items.drain(at..at + width)),
                    1 => items.extend_from_slice(&items[at..at + width].to_vec()),
                    _ => items.rotate_left(at),
                }
            }
            (_, Self::List(_, items)) => items.extend(other),
            (_, Self::Text(_, text)) => {
                *text = match text.first() {
                    Some(0x30) => inner(text, random).unwrap_or_else(|| random.bytes(text.clone())),
                    _ => random.bytes(text.clone()),
                };
            }
            (_, Self::Tag(number, _)) => *number = random.below(64) as u64,
            (_, Self::Number(major, number)) => {
                let bytes = random.bytes(number.to_be_bytes().to_vec());
                *number = bytes.iter().take(8).fold(0, |sum, b| sum << 8 | u64::from(*b));
                *number >>= random.of(&[0, 8, 24, 32, 56, 59]);
                if *major == 7 {
                    *number &= 0x17;
                } else if random.one_in(4) {
                    *major ^= 1;
                }
            }
        }
    }
}

/// Always the shortest form.
pub(crate) fn head(major: u8, number: u64) -> Vec<u8> {
    let all = number.to_be_bytes();
    match number {
        0..24 => vec![major << 5 | all[7]],
        24..0x100 => vec![major << 5 | 24, all[7]],
        0x100..0x1_0000 => vec![major << 5 | 25, all[6], all[7]],
        0x1_0000..0x1_0000_0000 => [&[major << 5 | 26][..], &all[4..]].concat(),
        _ => [&[major << 5 | 27][..], &all].concat(),
    }
}
