//! The files of a layout: in a directory, or in an archive.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
};

use super::{
    archive::Archive,
    layout::{ARCHIVE, LAYOUT},
};

/// Where the files of a layout are.
#[derive(Debug)]
pub(crate) enum Files {
    /// In a tar of it.
    Archive(Archive),
    /// In the directory itself.
    Directory(PathBuf),
}

impl Files {
    /// A file by its name in the layout, to be read, and its size.
    pub(crate) fn open(&self, name: &str) -> io::Result<(u64, Box<dyn Read + Send>)> {
        match self {
            Self::Archive(archive) => {
                let (size, file) = archive.file(name)?;
                Ok((size, Box::new(file)))
            }
            Self::Directory(root) => {
                let (size, file) = open(&root.join(name))?;
                Ok((size, Box::new(file)))
            }
        }
    }

    /// A file, unless it is larger than it may be.
    pub(crate) fn read(&self, name: &str, max_bytes: u64) -> io::Result<Vec<u8>> {
        let (size, file) = self.open(name)?;
        read(size, file, max_bytes)
    }

    /// Names of all files of an archive, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let archive = match self {
            Self::Archive(archive) => Some(archive),
            Self::Directory(_) => None,
        };
        archive.into_iter().flat_map(Archive::names)
    }

    /// As it is named among references.
    pub(crate) fn name(&self) -> String {
        let prefix = match self {
            Self::Archive(_) => ARCHIVE,
            Self::Directory(_) => LAYOUT,
        };
        format!("{prefix}{}", self.path().display())
    }

    /// What the user has named.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Archive(archive) => archive.path(),
            Self::Directory(root) => root,
        }
    }
}

/// A file, unless it is larger than it may be.
pub(crate) fn read_capped(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let (size, file) = open(path)?;
    read(size, file, max_bytes)
}

fn open(path: &Path) -> io::Result<(u64, File)> {
    // Looked at before it is opened: opening a pipe would wait for its other end.
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a file"));
    }
    Ok((metadata.len(), File::open(path)?))
}

fn read(size: u64, file: impl Read, max_bytes: u64) -> io::Result<Vec<u8>> {
    if size > max_bytes {
        return Err(ErrorKind::FileTooLarge.into());
    }
    let mut bytes = Vec::new();
    match file.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)? {
        read if read as u64 > max_bytes => Err(ErrorKind::FileTooLarge.into()),
        _ => Ok(bytes),
    }
}
