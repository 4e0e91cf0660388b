//! Where a model's files come from: a directory, or bytes embedded in the program.
//!
//! Used by the loader for every read, so that limits on size and on names are held in one place. It must not follow a
//! name out of the directory (links inside the directory are the owner's business) and must not allocate by a declared size.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use ph_base::Digest;
use sha2::{Digest as _, Sha256};

use crate::LocalError;

/// Text files (JSON, Jinja) larger than this are refused.
const TEXT_BYTES_MAX: u64 = 64 << 20;

/// How much of a file is hashed at once.
const HASH_CHUNK_BYTES: usize = 1 << 16;

/// The files of one model.
#[derive(Debug, Clone)]
pub enum ModelFiles {
    /// Files in a directory, read when needed.
    Directory(PathBuf),
    /// Files held in memory, by name.
    Embedded {
        /// What messages call this model instead of a path, e.g. `reference/sound`.
        origin: String,
        /// The bytes by file name.
        files: BTreeMap<String, Cow<'static, [u8]>>,
    },
}

impl ModelFiles {
    /// The files of the directory `path`.
    pub fn directory(path: impl Into<PathBuf>) -> Self {
        Self::Directory(path.into())
    }

    /// Files held in memory; `origin` is what messages call them.
    pub fn embedded<N, B>(origin: impl Into<String>, files: impl IntoIterator<Item = (N, B)>) -> Self
    where
        N: Into<String>,
        B: Into<Cow<'static, [u8]>>,
    {
        Self::Embedded {
            origin: origin.into(),
            files: files.into_iter().map(|(name, bytes)| (name.into(), bytes.into())).collect(),
        }
    }

    /// What messages call the model: its directory or its embedded name.
    #[must_use]
    pub fn origin(&self) -> String {
        match self {
            Self::Directory(path) => path.display().to_string(),
            Self::Embedded { origin, .. } => origin.clone(),
        }
    }

    /// The full path (or `origin/name`) of a file, for messages.
    #[must_use]
    pub fn path_of(&self, name: &str) -> String {
        match self {
            Self::Directory(path) => path.join(name).display().to_string(),
            Self::Embedded { origin, .. } => format!("{origin}/{name}"),
        }
    }

    /// SHA-256 over the model's files, sorted by name: the digest of lines `sha256(file)  name`.
    ///
    /// Only files that the runtime reads are covered, so a README beside the weights does not change it.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn fingerprint(&self) -> Result<Digest, LocalError> {
        let mut manifest = String::new();
        for name in self.names()?.iter().filter(|name| is_model_file(name)) {
            let digest = self.open(name)?.sha256()?;
            manifest.push_str(&format!("{digest}  {name}\n"));
        }
        Ok(Digest::of(manifest.as_bytes()))
    }

    /// Names of the files at the top of the model, sorted.
    pub(crate) fn names(&self) -> Result<Vec<String>, LocalError> {
        match self {
            Self::Embedded { files, .. } => Ok(files.keys().cloned().collect()),
            Self::Directory(path) => directory_names(path),
        }
    }

    /// Whether a file of this name exists.
    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Self::Embedded { files, .. } => files.contains_key(name),
            Self::Directory(path) => path.join(name).exists(),
        }
    }

    /// Opens one file. `name` must be a bare file name.
    pub(crate) fn open(&self, name: &str) -> Result<OpenFile<'_>, LocalError> {
        let path = self.path_of(name);
        if !is_bare_name(name) {
            return Err(LocalError::File {
                path: self.origin(),
                what: format!("names the file `{name}`, which is not a plain file name inside the model"),
            });
        }
        match self {
            Self::Embedded { files, .. } => match files.get(name) {
                Some(bytes) => Ok(OpenFile { path, body: Body::Bytes(bytes) }),
                None => Err(LocalError::Missing { path }),
            },
            Self::Directory(dir) => open_in(dir, name, path),
        }
    }

    /// Reads a whole text file, refusing an empty, oversized or non-UTF-8 one.
    pub(crate) fn read_text(&self, name: &str) -> Result<String, LocalError> {
        let mut file = self.open(name)?;
        let length = file.length()?;
        let refuse = |path: &str, what: String| LocalError::File { path: path.to_owned(), what };
        if length == 0 {
            return Err(refuse(&file.path, "is empty".to_owned()));
        }
        if length > TEXT_BYTES_MAX {
            return Err(refuse(&file.path, format!("has `{length}` bytes, more than the `{TEXT_BYTES_MAX}` allowed")));
        }
        let bytes = file.read_range(0, length)?.into_owned();
        String::from_utf8(bytes).map_err(|error| refuse(&file.path, format!("is not UTF-8: {error}")))
    }

    /// Reads a text file if it exists.
    pub(crate) fn read_text_if_any(&self, name: &str) -> Result<Option<String>, LocalError> {
        if self.has(name) { self.read_text(name).map(Some) } else { Ok(None) }
    }
}

/// A model's file, open for reading ranges.
#[derive(Debug)]
pub(crate) struct OpenFile<'a> {
    /// Where it is, for messages.
    pub(crate) path: String,
    body: Body<'a>,
}

#[derive(Debug)]
enum Body<'a> {
    Bytes(&'a [u8]),
    Disk(File),
}

impl OpenFile<'_> {
    /// Its length in bytes, as the file system has it now.
    pub(crate) fn length(&self) -> Result<u64, LocalError> {
        match &self.body {
            Body::Bytes(bytes) => Ok(bytes.len() as u64),
            Body::Disk(file) => Ok(file.metadata().map_err(|source| self.failed(source))?.len()),
        }
    }

    /// The bytes `start .. start + length`; memory grows only with bytes that are really there.
    pub(crate) fn read_range(&mut self, start: u64, length: u64) -> Result<Cow<'_, [u8]>, LocalError> {
        let path = self.path.clone();
        let failed = |source| LocalError::Read { path: path.clone(), source };
        let short = || failed(io::Error::new(io::ErrorKind::UnexpectedEof, "the file ends too early"));
        match &mut self.body {
            Body::Bytes(bytes) => {
                let from = usize::try_from(start).map_err(|_| short())?;
                let rest = bytes.get(from..).ok_or_else(short)?;
                let size = usize::try_from(length).map_err(|_| short())?;
                rest.get(..size).map(Cow::Borrowed).ok_or_else(short)
            }
            Body::Disk(file) => {
                file.seek(SeekFrom::Start(start)).map_err(failed)?;
                let mut bytes = Vec::new();
                let got = file.take(length).read_to_end(&mut bytes).map_err(failed)?;
                if got as u64 == length { Ok(Cow::Owned(bytes)) } else { Err(short()) }
            }
        }
    }

    fn sha256(&mut self) -> Result<String, LocalError> {
        let path = self.path.clone();
        let mut hasher = Sha256::new();
        match &mut self.body {
            Body::Bytes(bytes) => hasher.update(bytes),
            Body::Disk(file) => {
                let mut chunk = vec![0_u8; HASH_CHUNK_BYTES];
                loop {
                    let got =
                        file.read(&mut chunk).map_err(|source| LocalError::Read { path: path.clone(), source })?;
                    if got == 0 {
                        break;
                    }
                    hasher.update(&chunk[..got]);
                }
            }
        }
        Ok(hex::encode(hasher.finalize()))
    }

    fn failed(&self, source: io::Error) -> LocalError {
        LocalError::Read { path: self.path.clone(), source }
    }
}

fn open_in(dir: &Path, name: &str, path: String) -> Result<OpenFile<'static>, LocalError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound if !dir.exists() => LocalError::NoDirectory { path: dir.display().to_string() },
        io::ErrorKind::NotFound => LocalError::Missing { path: path.clone() },
        _ => LocalError::Read { path: path.clone(), source },
    };
    let place = dir.join(name);
    // Looked at before it is opened: opening a pipe waits for a writer, which may never come.
    if !std::fs::metadata(&place).map_err(failed)?.is_file() {
        return Err(LocalError::File { path, what: "is not a regular file".to_owned() });
    }
    let file = File::open(&place).map_err(failed)?;
    Ok(OpenFile { path, body: Body::Disk(file) })
}

fn directory_names(path: &Path) -> Result<Vec<String>, LocalError> {
    let failed = |source| LocalError::Read { path: path.display().to_string(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if let Ok(name) = entry.file_name().into_string()
            && entry.path().is_file()
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Whether `name` stays inside the model: no separator, no parent, no drive, nothing hidden by control characters.
fn is_bare_name(name: &str) -> bool {
    !name.is_empty()
        && name != "."
        && name != ".."
        && !name.contains(['/', '\\', ':', '\0'])
        && !name.chars().any(char::is_control)
}

/// Whether the runtime reads a file of this name.
fn is_model_file(name: &str) -> bool {
    const NAMES: [&str; 6] = [
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
        "model.safetensors.index.json",
    ];
    NAMES.contains(&name) || name.ends_with(".safetensors")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_path_in_them_are_not_bare() {
        for name in ["", ".", "..", "../x", "a/b", "/etc/passwd", "a\\b", "c:x", "a\0b", "a\nb"] {
            assert!(!is_bare_name(name), "{name:?}");
        }
        for name in ["model.safetensors", "model-00001-of-00002.safetensors", "..x"] {
            assert!(is_bare_name(name), "{name:?}");
        }
    }

    #[test]
    fn fingerprint_ignores_other_files_and_follows_content() {
        let of = |files: &[(&'static str, &'static [u8])]| {
            ModelFiles::embedded("t", files.iter().map(|(n, b)| (*n, *b))).fingerprint().unwrap()
        };
        let base = of(&[("config.json", b"{}"), ("model.safetensors", b"w")]);
        assert_eq!(base, of(&[("README.md", b"x"), ("model.safetensors", b"w"), ("config.json", b"{}")]));
        assert_ne!(base, of(&[("config.json", b"{}"), ("model.safetensors", b"v")]));
    }

    #[test]
    fn a_directory_and_the_same_bytes_in_memory_have_one_fingerprint() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.json"), b"{}").unwrap();
        let on_disk = ModelFiles::directory(dir.path()).fingerprint().unwrap();
        let in_memory = ModelFiles::embedded("m", [("config.json", &b"{}"[..])]).fingerprint().unwrap();
        assert_eq!(on_disk, in_memory);
    }

    #[test]
    fn ranges_beyond_the_end_are_refused() {
        let files = ModelFiles::embedded("m", [("config.json", &b"abc"[..])]);
        let mut file = files.open("config.json").unwrap();
        assert_eq!(&*file.read_range(1, 2).unwrap(), b"bc");
        assert!(file.read_range(1, 3).is_err());
        assert!(file.read_range(u64::MAX, u64::MAX).is_err());
    }
}
