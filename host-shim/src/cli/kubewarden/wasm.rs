//! Custom sections of a module
//! ([binary format](https://webassembly.github.io/spec/core/binary/modules.html#custom-section)).

/// The custom sections, with their contents; `None` where it is no module.
pub(super) fn custom_sections(wasm: &[u8]) -> Option<Vec<(String, &[u8])>> {
    let mut rest = wasm.strip_prefix(b"\0asm\x01\0\0\0")?;
    let mut sections = Vec::new();
    while let [id, after @ ..] = rest {
        let (size, after) = read_u32(after)?;
        let (section, after) = after.split_at_checked(size)?;
        if *id == 0 {
            let (length, section) = read_u32(section)?;
            let (name, contents) = section.split_at_checked(length)?;
            sections.push((String::from_utf8_lossy(name).into_owned(), contents));
        }
        rest = after;
    }
    Some(sections)
}

/// Puts a custom section at the end.
pub(super) fn append(wasm: &mut Vec<u8>, name: &str, data: &[u8]) {
    let mut section = Vec::new();
    write_u32(&mut section, name.len());
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(data);
    wasm.push(0);
    write_u32(wasm, section.len());
    wasm.extend_from_slice(&section);
}

/// LEB128.
fn write_u32(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn read_u32(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0usize;
    for (i, byte) in bytes.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(i + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_appended_and_found_again() {
        let mut wasm = b"\0asm\x01\0\0\0".to_vec();
        append(&mut wasm, "one", &[b'x'; 300]);
        append(&mut wasm, "two", b"");
        let expected = vec![("one".to_owned(), &[b'x'; 300][..]), ("two".to_owned(), &b""[..])];
        assert_eq!(custom_sections(&wasm), Some(expected));
        wasm.pop();
        assert_eq!(custom_sections(&wasm), None, "cut off");
        assert_eq!(custom_sections(b"\0asm\x0d\0\x01\0"), None, "a component");
    }
}
