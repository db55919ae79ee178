//! A tar of an OCI image layout (`oci-archive`), read where it lies: nothing is unpacked, so nothing in
//! it can be written anywhere.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, ErrorKind, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use tar::{Entry, EntryType, PaxExtensions};

/// Entries of one archive: some thousand images of ten layers.
const MAX_ENTRIES: usize = 100_000;
/// Bytes of the headers that only carry a longer name. The longest that a layout has is 141.
const MAX_NAME: u64 = 64 << 10;

/// Where each file of an archive begins, and how long it is.
#[derive(Debug)]
pub(crate) struct Archive {
    path: PathBuf,
    files: BTreeMap<String, (u64, u64)>,
}

impl Archive {
    /// Reads the list of what is in it.
    ///
    /// # Errors
    /// It is no tar, is compressed, breaks off, or has a name twice: readers would differ about which of
    /// the two counts.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(io::Error::other("not a file"));
        }
        let mut file = File::open(path)?;
        check_magic(&mut file)?;
        let mut archive = tar::Archive::new(file);
        let mut files = BTreeMap::new();
        let mut long = Longer::default();
        for (count, entry) in archive.entries_with_seek()?.raw(true).enumerate() {
            if count >= MAX_ENTRIES {
                return Err(invalid(format!("it has more than {MAX_ENTRIES} entries")));
            }
            let mut entry = entry?;
            if long.takes(&mut entry)? {
                continue;
            }
            let name = std::mem::take(&mut long).name(&entry)?;
            let Some(name) = name.filter(|_| entry.header().entry_type().is_file()) else {
                continue;
            };
            let place = (entry.raw_file_position(), entry.size());
            if place.0.checked_add(place.1).is_none_or(|end| end > metadata.len()) {
                return Err(invalid(format!("it breaks off within `{name}`")));
            }
            if files.insert(name.clone(), place).is_some() {
                return Err(invalid(format!("it has `{name}` twice")));
            }
        }
        Ok(Self { path: path.to_owned(), files })
    }

    /// One file, to be read.
    pub(crate) fn file(&self, name: &str) -> io::Result<(u64, io::Take<File>)> {
        let (start, size) = *self.files.get(name).ok_or(ErrorKind::NotFound)?;
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(start))?;
        Ok((size, file.take(size)))
    }

    /// Names of all files, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// What the entries before an entry say of it.
#[derive(Default)]
struct Longer {
    name: Option<Vec<u8>>,
}

impl Longer {
    /// Whether an entry is only about the next one.
    fn takes<R: Read>(&mut self, entry: &mut Entry<'_, R>) -> io::Result<bool> {
        match entry.header().entry_type() {
            EntryType::GNULongName => {
                let mut name = read(entry)?;
                name.truncate(name.iter().position(|b| *b == 0).unwrap_or(name.len()));
                self.name = Some(name);
            }
            EntryType::XHeader => {
                let records = read(entry)?;
                for record in PaxExtensions::new(&records) {
                    let record = record?;
                    match record.key_bytes() {
                        b"path" => self.name = Some(record.value_bytes().to_vec()),
                        // The next header would have to be read past in another way than it says.
                        b"size" => return Err(invalid("an entry of 8 GiB or more".to_owned())),
                        _ => {}
                    }
                }
            }
            EntryType::XGlobalHeader | EntryType::GNULongLink => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The name of an entry; nothing for one that no layout has.
    fn name<R: Read>(self, entry: &Entry<'_, R>) -> io::Result<Option<String>> {
        let bytes = self.name.unwrap_or_else(|| entry.path_bytes().into_owned());
        let Ok(name) = String::from_utf8(bytes) else { return Ok(None) };
        let name = name.trim_start_matches("./");
        let fits = |part: &str| !matches!(part, "" | "." | "..");
        Ok(name.split('/').all(fits).then(|| name.to_owned()))
    }
}

fn read<R: Read>(entry: &mut Entry<'_, R>) -> io::Result<Vec<u8>> {
    if entry.size() > MAX_NAME {
        return Err(invalid(format!("a header of more than {MAX_NAME} bytes")));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn check_magic(file: &mut File) -> io::Result<()> {
    let mut magic = Vec::new();
    file.take(4).read_to_end(&mut magic)?;
    file.rewind()?;
    if magic.starts_with(&[0x1f, 0x8b]) || magic == [0x28, 0xb5, 0x2f, 0xfd] {
        return Err(invalid("it is compressed: uncompress it first".to_owned()));
    }
    Ok(())
}

fn invalid(message: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use std::env;

    use tar::{Builder, Header};

    use super::*;

    /// An archive of these entries, as it is read.
    fn open(name: &str, build: impl FnOnce(&mut Builder<Vec<u8>>)) -> io::Result<Archive> {
        let mut builder = Builder::new(Vec::new());
        build(&mut builder);
        let bytes = builder.into_inner().unwrap();
        let path = env::temp_dir().join(format!("countersign-{name}-{}.tar", std::process::id()));
        fs::write(&path, bytes).unwrap();
        let archive = Archive::open(&path);
        fs::remove_file(&path).unwrap();
        archive
    }

    fn add(builder: &mut Builder<Vec<u8>>, kind: EntryType, name: &[u8], bytes: &[u8]) {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_entry_type(kind);
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        builder.append(&header, bytes).unwrap();
    }

    #[test]
    fn lists_files_whatever_way_their_name_is_written() {
        let long = format!("blobs/sha512/{}", "a".repeat(128));
        let archive = open("names", |b| {
            add(b, EntryType::Directory, b"blobs/", b"");
            add(b, EntryType::Regular, b"./index.json", b"{}");
            let mut header = Header::new_gnu();
            header.set_size(1);
            b.append_data(&mut header, &long, &b"x"[..]).unwrap();
            b.append_pax_extensions([("path", &b"by-pax"[..])]).unwrap();
            add(b, EntryType::Regular, b"short", b"x");
        });
        let names: Vec<_> = archive.unwrap().names().map(str::to_owned).collect();
        assert_eq!(names, [&*long, "by-pax", "index.json"]);
    }

    #[test]
    fn what_no_layout_has_is_passed_over() {
        let archive = open("others", |b| {
            for name in
                [&b"../index.json"[..], b"/index.json", b"a/../index.json", b"a//b", b"\xff"]
            {
                add(b, EntryType::Regular, name, b"{}");
            }
            add(b, EntryType::Symlink, b"index.json", b"");
            add(b, EntryType::Link, b"oci-layout", b"");
        });
        assert_eq!(archive.unwrap().names().count(), 0);
    }

    #[test]
    fn archives_that_readers_would_differ_about_are_refused() {
        let twice = open("twice", |b| {
            add(b, EntryType::Regular, b"index.json", b"{}");
            add(b, EntryType::Regular, b"./index.json", b"[]");
        });
        assert!(twice.unwrap_err().to_string().contains("`index.json` twice"));
        let size = open("size", |b| {
            b.append_pax_extensions([("size", &b"512"[..])]).unwrap();
            add(b, EntryType::Regular, b"index.json", b"{}");
        });
        assert!(size.unwrap_err().to_string().contains("8 GiB"));
        let large = open("large", |b| {
            add(b, EntryType::GNULongName, b"x", &vec![b'a'; 65_537]);
        });
        assert!(large.unwrap_err().to_string().contains("65536 bytes"));
        let cut = open("cut", |b| {
            let mut header = Header::new_gnu();
            header.set_path("index.json").unwrap();
            header.set_size(1 << 30);
            header.set_cksum();
            b.append(&header, &b"{}"[..]).unwrap();
        });
        assert!(cut.unwrap_err().to_string().contains("breaks off within `index.json`"));
    }
}
