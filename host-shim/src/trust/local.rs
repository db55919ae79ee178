//! A TUF repository that somebody brought: a directory, or an archive of one.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::{Component, Path, PathBuf},
};

use flate2::read::GzDecoder;

use super::{TrustError, files};

/// Files of one archive. Public-good's repository has some thousand after five years.
const MOST_ENTRIES: usize = 20_000;
/// Bytes of all files of one archive, unpacked.
const MOST_BYTES: u64 = 64 << 20;
/// Where a copy has its metadata: at its top, as Sigstore publishes it; or as the layouts of TUF's
/// own documents have it.
const METADATA: [&str; 4] = ["", "metadata/", "repository/", "repository/metadata/"];
/// The file that every repository has, and that is never called otherwise.
const MARK: &str = "timestamp.json";

/// A repository in a directory or an archive.
#[derive(Debug)]
pub struct Local {
    name: String,
    contents: Contents,
    /// Where its metadata is, with a slash at the end, or empty.
    metadata: String,
}

#[derive(Debug)]
enum Contents {
    Directory(PathBuf),
    Archive(BTreeMap<String, Vec<u8>>),
}

impl Local {
    /// A directory, a tar file, or one that was compressed with gzip.
    pub fn open(path: &Path) -> Result<Self, TrustError> {
        let name = path.display().to_string();
        let disk = |e: io::Error| TrustError::Disk {
            path: name.clone(),
            why: format!("cannot be read: {e}"),
        };
        let contents = if fs::metadata(path).map_err(disk)?.is_dir() {
            Contents::Directory(path.to_owned())
        } else {
            Contents::Archive(unpack(path, &name)?)
        };
        let metadata = contents.metadata().ok_or_else(|| TrustError::Disk {
            path: name.clone(),
            why: format!("is no copy of a TUF repository: it has no `{MARK}`"),
        })?;
        Ok(Self { name, contents, metadata })
    }

    fn read(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, TrustError> {
        match &self.contents {
            Contents::Directory(directory) => read_file(&directory.join(path), path, most),
            Contents::Archive(entries) => match entries.get(path) {
                Some(bytes) if bytes.len() as u64 > most => {
                    Err(TrustError::TooLarge { file: path.to_owned(), most })
                }
                found => Ok(found.cloned()),
            },
        }
    }
}

impl files::RepositoryFiles for Local {
    fn get(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, TrustError> {
        files::find(path, |path| {
            let beside = format!("{}{path}", self.metadata);
            if let Some(bytes) = self.read(&beside, most)? {
                return Ok(Some(bytes));
            }
            // `metadata/` and `targets/` side by side.
            let above = self.metadata.strip_suffix("metadata/");
            match above.filter(|_| path.starts_with("targets/")) {
                Some(above) => self.read(&format!("{above}{path}"), most),
                None => Ok(None),
            }
        })
    }

    fn origin(&self) -> String {
        self.name.clone()
    }
}

impl Contents {
    /// The place of the metadata.
    fn metadata(&self) -> Option<String> {
        match self {
            Self::Directory(directory) => METADATA
                .iter()
                .find(|place| directory.join(place).join(MARK).is_file())
                .map(|place| (*place).to_owned()),
            // An archive may have been made a directory or two higher.
            Self::Archive(entries) => entries
                .keys()
                .filter_map(|path| path.strip_suffix(MARK))
                .filter(|place| place.is_empty() || place.ends_with('/'))
                .min_by_key(|place| place.len())
                .map(str::to_owned),
        }
    }
}

fn read_file(path: &Path, file: &str, most: u64) -> Result<Option<Vec<u8>>, TrustError> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|f| f.take(most + 1).read_to_end(&mut bytes));
    match read {
        Ok(length) if length as u64 > most => {
            Err(TrustError::TooLarge { file: file.to_owned(), most })
        }
        Ok(_) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(TrustError::Disk { path: path.display().to_string(), why: e.to_string() }),
    }
}

/// The files of an archive. Links and devices in it are not looked at, nor what leads out of it.
fn unpack(path: &Path, name: &str) -> Result<BTreeMap<String, Vec<u8>>, TrustError> {
    let garbled = |e: io::Error| TrustError::Disk {
        path: name.to_owned(),
        why: format!("is no tar file, nor one that gzip has compressed: {e}"),
    };
    let mut file = io::BufReader::new(fs::File::open(path).map_err(garbled)?);
    let compressed = io::BufRead::fill_buf(&mut file).map_err(garbled)?.starts_with(&[0x1f, 0x8b]);
    let reader: Box<dyn Read> =
        if compressed { Box::new(GzDecoder::new(file)) } else { Box::new(file) };
    // One byte more than may be, so that what is too much is seen and not cut off. Headers and
    // padding of a tar file are about a kilobyte an entry.
    let most = MOST_BYTES + 2 * 1024 * MOST_ENTRIES as u64;
    let mut archive = tar::Archive::new(reader.take(most));
    let (mut entries, mut count, mut total) = (BTreeMap::new(), 0, 0);
    for entry in archive.entries().map_err(garbled)? {
        let mut entry = entry.map_err(garbled)?;
        count += 1;
        if count > MOST_ENTRIES {
            return Err(TrustError::TooMany {
                what: "files in the archive",
                most: MOST_ENTRIES as u64,
            });
        }
        total = u64::saturating_add(total, entry.size());
        if total > MOST_BYTES {
            return Err(TrustError::TooMany { what: "bytes in the archive", most: MOST_BYTES });
        }
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let Some(path) = entry.path().ok().and_then(|path| plain(&path)) else { continue };
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(garbled)?;
        entries.insert(path, bytes);
    }
    Ok(entries)
}

/// `./a/b` as `a/b`.
fn plain(path: &Path) -> Option<String> {
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(part) => parts.push(part.to_str()?),
            _ => return None,
        }
    }
    Some(parts.join("/"))
}
