//! The elements of a set or sequence, as they were written.

use der::{
    AnyRef, Decode, DecodeValue, EncodeValue, FixedTag, Header, Length, Reader, SliceReader, Tag,
    Writer,
};

use super::TimestampError;

/// The contents of a SET OF, also of one that is tagged implicitly.
#[derive(Clone, Copy)]
pub(super) struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    /// The contents.
    pub(super) fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Each element, at most `most`.
    pub(super) fn read(
        self,
        most: usize,
        what: &'static str,
    ) -> Result<Vec<AnyRef<'a>>, TimestampError> {
        read(self.0, most, what)
    }
}

/// Each element of the contents of a set or sequence, at most `most`.
pub(super) fn read<'a>(
    contents: &'a [u8],
    most: usize,
    what: &'static str,
) -> Result<Vec<AnyRef<'a>>, TimestampError> {
    let malformed = |_| TimestampError::Malformed(what);
    let mut reader = SliceReader::new(contents).map_err(malformed)?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        if found.len() == most {
            return Err(TimestampError::Malformed(what));
        }
        found.push(AnyRef::decode(&mut reader).map_err(malformed)?);
    }
    Ok(found)
}

impl FixedTag for Elements<'_> {
    const TAG: Tag = Tag::Set;
}

impl<'a> DecodeValue<'a> for Elements<'a> {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        Ok(Self(reader.read_slice(header.length())?))
    }
}

impl EncodeValue for Elements<'_> {
    fn value_len(&self) -> der::Result<Length> {
        Length::try_from(self.0.len())
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        writer.write(self.0)
    }
}
