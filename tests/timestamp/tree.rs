//! DER as a tree, to change one thing and have all lengths right.

use std::ops::Range;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) tag: u8,
    pub(crate) body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Primitive(Vec<u8>),
    Constructed(Vec<Node>),
}

/// One element in the bytes.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) whole: Range<usize>,
    /// Position in its parent, from the root.
    pub(crate) path: Vec<usize>,
}

impl Node {
    pub(crate) fn parse(der: &[u8]) -> Self {
        let mut nodes = nodes(der);
        assert_eq!(nodes.len(), 1);
        nodes.remove(0)
    }

    pub(crate) fn primitive(tag: u8, bytes: &[u8]) -> Self {
        Self { tag, body: Body::Primitive(bytes.to_vec()) }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let content = match &self.body {
            Body::Primitive(bytes) => bytes.clone(),
            Body::Constructed(nodes) => nodes.iter().flat_map(Self::encode).collect(),
        };
        let mut out = vec![self.tag];
        match content.len() {
            length @ 0..128 => out.push(length as u8),
            length @ 128..256 => out.extend([0x81, length as u8]),
            length @ 256..65_536 => out.extend([0x82, (length >> 8) as u8, length as u8]),
            length => out.extend([0x83, (length >> 16) as u8, (length >> 8) as u8, length as u8]),
        }
        out.extend(content);
        out
    }

    pub(crate) fn children(&mut self) -> &mut Vec<Self> {
        match &mut self.body {
            Body::Constructed(nodes) => nodes,
            Body::Primitive(_) => panic!("an element of other elements"),
        }
    }

    pub(crate) fn bytes(&mut self) -> &mut Vec<u8> {
        match &mut self.body {
            Body::Primitive(bytes) => bytes,
            Body::Constructed(_) => panic!("an element of bytes"),
        }
    }

    /// The element at a path.
    pub(crate) fn at(&mut self, path: &[usize]) -> &mut Self {
        path.iter().fold(self, |node, step| &mut node.children()[*step])
    }
}

fn nodes(mut der: &[u8]) -> Vec<Node> {
    let mut found = Vec::new();
    while !der.is_empty() {
        let (tag, head, length) = head(der);
        let content = &der[head..head + length];
        let body = match tag & 0x20 {
            0 => Body::Primitive(content.to_vec()),
            _ => Body::Constructed(nodes(content)),
        };
        found.push(Node { tag, body });
        der = &der[head + length..];
    }
    found
}

/// Tag, bytes of tag and length, length.
fn head(der: &[u8]) -> (u8, usize, usize) {
    match der[1] {
        length @ 0..128 => (der[0], 2, length.into()),
        long => {
            let bytes = usize::from(long & 0x7f);
            let length = der[2..2 + bytes].iter().fold(0, |sum, b| sum << 8 | usize::from(*b));
            (der[0], 2 + bytes, length)
        }
    }
}

/// Every element, outer ones before inner ones.
pub(crate) fn spans(der: &[u8]) -> Vec<Span> {
    let mut found = Vec::new();
    collect(der, 0..der.len(), &[], &mut found);
    found
}

fn collect(der: &[u8], range: Range<usize>, path: &[usize], found: &mut Vec<Span>) {
    let (mut at, mut index) = (range.start, 0);
    while at < range.end {
        let (tag, head, length) = head(&der[at..range.end]);
        let path = [path, &[index]].concat();
        let whole = at..at + head + length;
        found.push(Span { whole: whole.clone(), path: path.clone() });
        if tag & 0x20 != 0 {
            collect(der, at + head..whole.end, &path, found);
        }
        (at, index) = (whole.end, index + 1);
    }
}
