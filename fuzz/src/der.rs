//! DER as a tree, to change one thing and have all lengths right.

use crate::random::Random;

/// Deeper than anything of X.509.
const MOST_DEPTH: usize = 24;

/// What an element can become.
const TAGS: [u8; 22] = [
    0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0a, 0x0c, 0x13, 0x14, 0x16, 0x17, 0x18, 0x1e, 0x30, 0x31,
    0x80, 0x81, 0x82, 0xa0, 0xa1, 0xa2,
];

/// One element. An OCTET STRING that holds DER, as OCSP and extensions have it, is read further.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) tag: u8,
    pub(crate) body: Body,
}

#[derive(Clone)]
pub(crate) enum Body {
    Bytes(Vec<u8>),
    Nodes(Vec<Node>),
}

impl Node {
    /// The whole input, where it is DER.
    pub(crate) fn parse(der: &[u8]) -> Option<Self> {
        let mut nodes = Self::parse_all(der)?;
        if nodes.len() == 1 { nodes.pop() } else { None }
    }

    /// The whole input, where it is DER, one or more.
    pub(crate) fn parse_all(der: &[u8]) -> Option<Vec<Self>> {
        nodes(der, 0).filter(|nodes| !nodes.is_empty())
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let content = self.content();
        let mut out = vec![self.tag];
        let length = content.len().to_be_bytes();
        match content.len() {
            0..0x80 => out.push(length[7]),
            0x80..0x100 => out.extend([0x81, length[7]]),
            0x100..0x1_0000 => out.extend([0x82, length[6], length[7]]),
            _ => out.extend([0x84, length[4], length[5], length[6], length[7]]),
        }
        out.extend(content);
        out
    }

    /// Without tag and length.
    pub(crate) fn content(&self) -> Vec<u8> {
        match &self.body {
            Body::Bytes(bytes) => bytes.clone(),
            Body::Nodes(nodes) => nodes.iter().flat_map(Self::encode).collect(),
        }
    }

    pub(crate) fn set(&mut self, content: Vec<u8>) {
        self.body = Body::Bytes(content);
    }

    pub(crate) fn children(&mut self) -> Option<&mut Vec<Self>> {
        match &mut self.body {
            Body::Nodes(nodes) => Some(nodes),
            Body::Bytes(_) => None,
        }
    }

    pub(crate) fn at(&mut self, path: &[usize]) -> Option<&mut Self> {
        path.iter().try_fold(self, |node, step| node.children()?.get_mut(*step))
    }

    fn count(&self) -> usize {
        match &self.body {
            Body::Bytes(_) => 1,
            Body::Nodes(nodes) => 1 + nodes.iter().map(Self::count).sum::<usize>(),
        }
    }

    /// The element at a position, outer ones first.
    fn nth(&mut self, n: &mut usize) -> Option<&mut Self> {
        if *n == 0 {
            return Some(self);
        }
        *n -= 1;
        match &mut self.body {
            Body::Bytes(_) => None,
            Body::Nodes(nodes) => nodes.iter_mut().find_map(|node| node.nth(n)),
        }
    }

    /// Changes one element somewhere.
    pub(crate) fn change(&mut self, random: &mut Random) {
        let other = self.nth(&mut random.below(self.count())).cloned();
        let Some(node) = self.nth(&mut random.below(self.count())) else {
            return;
        };
        match (random.below(16), &mut node.body) {
            (0, _) => node.tag = random.of(&TAGS),
            (1, _) => *node = other.unwrap_or_else(|| node.clone()),
            (2, Body::Nodes(nodes)) => nodes.extend(other),
            (3..6, Body::Nodes(nodes)) if !nodes.is_empty() => {
                nodes.remove(random.below(nodes.len()));
            }
            (6..9, Body::Nodes(nodes)) if !nodes.is_empty() => {
                let at = random.below(nodes.len());
                nodes.insert(at, nodes[at].clone());
            }
            (9..11, Body::Nodes(nodes)) if !nodes.is_empty() => {
                let (a, b) = (random.below(nodes.len()), random.below(nodes.len()));
                nodes.swap(a, b);
            }
            _ => {
                let content = random.bytes(node.content());
                node.set(content);
            }
        }
    }
}

fn nodes(mut der: &[u8], depth: usize) -> Option<Vec<Node>> {
    let mut found = Vec::new();
    while let [tag, rest @ ..] = der {
        let (content, rest) = content(rest)?;
        let inner = if tag & 0x20 != 0 && depth < MOST_DEPTH {
            Some(nodes(content, depth + 1)?)
        } else if *tag == 4 && matches!(content.first(), Some(0x30 | 0x02 | 0x03 | 0x0a)) {
            nodes(content, depth + 1)
        } else {
            None
        };
        let body = inner.map_or_else(|| Body::Bytes(content.to_vec()), Body::Nodes);
        found.push(Node { tag: *tag, body });
        der = rest;
    }
    Some(found)
}

/// The content after its length, and what is after it.
fn content(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let (length, rest) = match *first {
        short @ 0..0x80 => (usize::from(short), rest),
        long => {
            let (length, rest) = rest.split_at_checked(usize::from(long & 0x7f).min(8))?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
    };
    rest.split_at_checked(length)
}
